//! Texts of parts one after the other, such as tool calls.

use linnet_text::{ConstraintError, ConstraintErrorCode, Part, TaggedLayout, TaggedProperty, Whitespace};
use linnet_text::{Layout as PartLayout, Notation as PartNotation};

use crate::grammar::{Grammar, Symbol};
use crate::javascript::{self, Flags};
use crate::limits;
use crate::pattern::Pattern;
use crate::schema::{self, Layout, Notation, Property, Quote};

/// The grammar of the parts.
///
/// # Errors
/// Those of schemas and expressions, and [`ConstraintErrorCode::TooComplex`] for parts that are nested too deeply.
pub fn grammar(parts: &[Part]) -> Result<Grammar, ConstraintError> {
    let mut grammar = Grammar::default();
    let start = grammar.rule();
    let mut writer = Writer { grammar, depth: 0 };
    let symbols = writer.sequence(parts)?;
    writer.grammar.add(start, symbols);
    Ok(writer.grammar)
}

struct Writer {
    grammar: Grammar,
    depth: usize,
}

impl Writer {
    fn sequence(&mut self, parts: &[Part]) -> Result<Vec<Symbol>, ConstraintError> {
        self.depth += 1;
        if self.depth > limits::DEPTH {
            let reason = format!("parts are nested deeper than {}", limits::DEPTH);
            return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
        }
        let mut symbols = Vec::new();
        for part in parts {
            self.part(part, &mut symbols)?;
        }
        self.depth -= 1;
        Ok(symbols)
    }

    fn part(&mut self, part: &Part, symbols: &mut Vec<Symbol>) -> Result<(), ConstraintError> {
        match part {
            Part::Text(text) if text.is_empty() => {}
            Part::Text(text) => symbols.push(self.grammar.lexeme(Pattern::literal(text))),
            Part::Token(token) => symbols.push(Symbol::Token(*token)),
            Part::Pattern(pattern) => {
                let pattern = javascript::whole(pattern, Flags::default())?;
                symbols.push(self.grammar.lexeme(pattern));
            }
            Part::OneOf(options) => {
                let rule = self.grammar.rule();
                for option in options {
                    let symbols = self.sequence(option)?;
                    self.grammar.add(rule, symbols);
                }
                symbols.push(Symbol::Rule(rule));
            }
            Part::List { item, separator, max } => {
                let once = self.sequence(item)?;
                let rule = self.grammar.rule();
                self.grammar.add(rule, once);
                let item = Symbol::Rule(rule);
                let mut next = self.sequence(separator)?;
                next.push(item);
                symbols.push(item);
                symbols.extend(self.grammar.repeat(&next, 0, max.map(|max| max.saturating_sub(1))));
            }
            Part::Value { schema, path, notation } => {
                let whitespace = match notation {
                    PartNotation::Quoted(_) => Whitespace::Compact,
                    PartNotation::Json | PartNotation::Python => Whitespace::Bounded,
                };
                let notation = self.notation(notation)?;
                let grammar = std::mem::take(&mut self.grammar);
                let added = schema::add(grammar, schema, whitespace, notation);
                symbols.push(self.added(path, added)?);
            }
            Part::Properties { schema, path, layout } => {
                let layout = match layout {
                    PartLayout::Keywords => Layout::Keywords,
                    PartLayout::Tagged(tagged) => self.tagged(tagged)?,
                };
                let grammar = std::mem::take(&mut self.grammar);
                let added = schema::add_properties(grammar, schema, &layout);
                symbols.push(self.added(path, added)?);
            }
        }
        Ok(())
    }

    /// Takes the grammar back; paths in errors begin with `path`.
    fn added(
        &mut self,
        path: &str,
        added: Result<(Grammar, Symbol), ConstraintError>,
    ) -> Result<Symbol, ConstraintError> {
        let (grammar, symbol) = added.map_err(|error| {
            let path = format!("{path}{}", error.path);
            error.at(path)
        })?;
        self.grammar = grammar;
        Ok(symbol)
    }

    fn notation(&mut self, notation: &PartNotation) -> Result<Notation, ConstraintError> {
        Ok(match notation {
            PartNotation::Json => Notation::Json,
            PartNotation::Python => Notation::Python,
            PartNotation::Quoted(mark) => {
                let text = match mark.as_slice() {
                    [Part::Text(text)] => Some(text.clone()),
                    _ => None,
                };
                Notation::Quoted(Quote { symbols: self.sequence(mark)?, text })
            }
        })
    }

    fn tagged(&mut self, layout: &TaggedLayout) -> Result<Layout, ConstraintError> {
        let mut properties = std::collections::BTreeMap::new();
        for TaggedProperty { name, content, open_text, open_json, close } in &layout.properties {
            let (close_text, close) = match close.split_first() {
                Some((Part::Text(text), rest)) => (text.clone(), rest),
                _ => (String::new(), close.as_slice()),
            };
            let property = Property {
                content: *content,
                open_text: self.sequence(open_text)?,
                open_json: self.sequence(open_json)?,
                close_text,
                close: self.sequence(close)?,
            };
            properties.insert(name.clone(), property);
        }
        Ok(Layout::Tagged { properties, ends: layout.ends.clone() })
    }
}
