//! Grammars as llguidance's own structures.

use std::collections::BTreeMap;

use linnet_text::{ConstraintError, ConstraintErrorCode};
use llguidance::api::GrammarInit;
use llguidance::derivre::RegexAst;
use llguidance::earley::lexerspec::LexerSpec;
use llguidance::earley::{Grammar as Rules, SymIdx, SymbolProps};

use super::{Grammar, Symbol};

impl Grammar {
    /// The grammar for llguidance.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`] if an expression exceeds llguidance's limits.
    pub fn lower(&self) -> Result<GrammarInit, ConstraintError> {
        let mut lexer = LexerSpec::new().map_err(too_complex)?;
        lexer.setup_lexeme_class(RegexAst::NoMatch).map_err(too_complex)?;
        let mut rules = Rules::new(None);
        let start = rules.fresh_symbol_ext("start", SymbolProps { is_start: true, ..SymbolProps::default() });
        let symbols: Vec<SymIdx> =
            self.rules.iter().map(|_| rules.fresh_symbol_ext("rule", SymbolProps::default())).collect();
        let mut terminals: Vec<Option<SymIdx>> = vec![None; self.lexemes.len()];
        let mut tokens: BTreeMap<u32, SymIdx> = BTreeMap::new();
        rules.add_rule(start, symbols.first().copied().into_iter().collect()).map_err(too_complex)?;
        for (rule, symbol) in self.rules.iter().zip(&symbols) {
            for alternative in rule {
                let mut right = Vec::with_capacity(alternative.len());
                for part in alternative {
                    right.push(match *part {
                        Symbol::Rule(rule) => symbols[rule],
                        Symbol::Token(token) => match tokens.get(&token) {
                            Some(&terminal) => terminal,
                            None => {
                                let terminal = rules.fresh_symbol_ext("token", SymbolProps::default());
                                let index =
                                    lexer.add_special_token(format!("<[{token}]>"), vec![token..=token]);
                                rules
                                    .make_terminal(terminal, index.map_err(too_complex)?, &lexer)
                                    .map_err(too_complex)?;
                                tokens.insert(token, terminal);
                                terminal
                            }
                        },
                        Symbol::Lexeme(lexeme) => match terminals[lexeme] {
                            Some(terminal) => terminal,
                            None => {
                                let terminal = rules.fresh_symbol_ext("lexeme", SymbolProps::default());
                                let expression = self.lexemes[lexeme].lower();
                                let index = lexer
                                    .add_greedy_lexeme(String::new(), expression, false, None, usize::MAX)
                                    .map_err(too_complex)?;
                                rules.make_terminal(terminal, index, &lexer).map_err(too_complex)?;
                                terminals[lexeme] = Some(terminal);
                                terminal
                            }
                        },
                    });
                }
                rules.add_rule(*symbol, right).map_err(too_complex)?;
            }
        }
        Ok(GrammarInit::Internal(rules, lexer))
    }
}

fn too_complex(error: impl std::fmt::Display) -> ConstraintError {
    ConstraintError::new(ConstraintErrorCode::TooComplex, error.to_string())
}
