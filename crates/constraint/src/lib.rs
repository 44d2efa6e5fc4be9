//! Answers that fit a form: JSON schemas, regular expressions, grammars and choices. llguidance enforces it; this
//! crate decides what it is given. Each kind of constraint becomes a context-free grammar over regular languages
//! (`grammar`, `pattern`), so that what is accepted is exactly what the constraint means. What cannot be expressed so
//! is rejected before a token is written.

mod automaton;
mod compile;
mod gbnf;
mod grammar;
mod javascript;
mod lark;
mod limits;
mod masks;
mod parts;
mod pattern;
mod schema;
mod vocabulary;

pub use automaton::Automaton;
pub use compile::compile;
pub use linnet_text::VocabularyToken as Token;
pub use vocabulary::Vocabulary;
