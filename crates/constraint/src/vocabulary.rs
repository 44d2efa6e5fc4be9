//! The tokens of a model, as constraints see them.

use std::sync::Arc;

use linnet_text::{ConstraintError, ConstraintErrorCode, Tokenizer, VocabularyToken as Token};
use llguidance::api::{GrammarInit, ParserLimits};
use llguidance::earley::lexerspec::LexerSpec;
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{ParserFactory, TokenParser};

use crate::limits;
use crate::masks::{Environment, Masks, Refuel, STRING_CHARACTERS};

/// The tokens of a model, prepared for constraints. Making one takes a second for 150,000 tokens in a page, so a model
/// keeps it.
pub struct Vocabulary {
    factory: ParserFactory,
    masks: Arc<Masks>,
    ends: Vec<u32>,
    tokens: usize,
}

impl Vocabulary {
    /// The tokens, by id.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::Invalid`] for a vocabulary of more than 2^22 tokens, or without one that ends an answer.
    pub fn new<'t>(tokens: impl IntoIterator<Item = Token<'t>>) -> Result<Self, ConstraintError> {
        let mut ends = Vec::new();
        let words: Vec<Vec<u8>> = (0u32..)
            .zip(tokens)
            .map(|(id, token)| match token {
                // Such a byte is in no text. llguidance gives 0xFF a meaning of its own.
                Token::Text(bytes) if !bytes.iter().any(|byte| matches!(byte, 0xc0 | 0xc1 | 0xf5..)) => {
                    bytes.to_vec()
                }
                Token::Text(_) | Token::Never => Vec::new(),
                // As llguidance spells tokens that are no text.
                Token::Control => {
                    [&[TokTrie::SPECIAL_TOKEN_MARKER][..], format!("[{id}]").as_bytes()].concat()
                }
                Token::End => {
                    ends.push(id);
                    Vec::new()
                }
            })
            .collect();
        let invalid = |reason: String| ConstraintError::new(ConstraintErrorCode::Invalid, reason);
        let count = u32::try_from(words.len()).ok().filter(|count| (1..=1 << 22).contains(count));
        let Some(count) = count else {
            return Err(invalid(format!("a vocabulary of {} tokens", words.len())));
        };
        let Some(&end) = ends.first() else { return Err(invalid("no token ends an answer".to_owned())) };
        let empty = TokTrie::from(&TokRxInfo::new(1, 0), &[Vec::new()]);
        let environment = Arc::new(Environment::new(empty));
        let shared: TokEnv = environment.clone();
        let slices = STRING_CHARACTERS.map(str::to_owned);
        let mut factory = ParserFactory::new(&shared, InferenceCapabilities::default(), &slices)
            .map_err(|error| invalid(error.to_string()))?;
        let tokens = words.len();
        environment.fill(TokTrie::from(&TokRxInfo::new(count, end), &words));
        drop(words);
        let masks = Masks::new(shared);
        factory.quiet();
        *factory.limits_mut() = limits::parser();
        Ok(Self { factory, masks, ends, tokens })
    }

    /// The tokens of a tokenizer.
    ///
    /// # Errors
    /// As [`Vocabulary::new`].
    pub fn of(tokenizer: &Tokenizer) -> Result<Self, ConstraintError> {
        Self::new(tokenizer.vocabulary())
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether there are no tokens. Never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Ids of the tokens that end an answer, ascending.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The vocabulary of single bytes, and token 256, which ends an answer.
    ///
    /// # Errors
    /// Never [`ConstraintErrorCode::Invalid`].
    pub fn bytes() -> Result<Self, ConstraintError> {
        let bytes: Vec<u8> = (0..=255).collect();
        Self::new(bytes.chunks(1).map(Token::Text).chain([Token::End]))
    }

    /// The bytes of a token that constraints may allow; for control tokens, those with which llguidance names them.
    /// Empty for tokens that are never allowed.
    #[must_use]
    pub fn text(&self, token: u32) -> &[u8] {
        if (token as usize) < self.tokens { self.factory.tok_env().tok_trie().token(token) } else { &[] }
    }

    /// Renews the work that a parser may take for the next token.
    pub(crate) fn refuel(&self, parser: &mut TokenParser) {
        // Masks after some bytes are not kept.
        parser.parser.compute_bias(&Refuel(self.masks.clone()), b" ");
    }

    /// A parser for a grammar, or why there is none. `hard`: following a byte in a lexeme may take
    /// long.
    pub(crate) fn parser(&self, grammar: GrammarInit, hard: bool) -> Result<TokenParser, String> {
        let message = |error: &dyn std::fmt::Display| error.to_string();
        let limits = self.factory.limits().clone();
        let environment = self.factory.tok_env().clone();
        let grammar = grammar.to_internal(Some(environment), limits.clone());
        let (rules, lexer) = grammar.map_err(|error| message(&error))?;
        if hard {
            check_first_bytes(&lexer, limits).map_err(|error| message(&error))?;
        }
        let parser = self.factory.create_parser_from_init_default(GrammarInit::Internal(rules, lexer));
        let mut parser = parser.map_err(|error| message(&error))?;
        parser.bias_computer = self.masks.clone();
        parser.start_without_prompt();
        self.refuel(&mut parser);
        Ok(parser)
    }
}

/// Follows the first bytes of all lexemes. llguidance does this without a limit, and whether anything is in an
/// intersection after the first byte can take for ever to find out.
fn check_first_bytes(lexer: &LexerSpec, mut limits: ParserLimits) -> Result<(), String> {
    let fuel = limits.initial_lexer_fuel;
    let mut automaton = lexer.to_regex_vec(&mut limits).map_err(|error| error.to_string())?;
    automaton.set_fuel(fuel);
    let start = automaton.initial_state(&lexer.all_lexemes());
    for byte in 0..=255 {
        automaton.transition(start, byte);
        if automaton.has_error() {
            return Err("the expressions are too complex".to_owned());
        }
    }
    Ok(())
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary")
            .field("tokens", &self.tokens)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}
