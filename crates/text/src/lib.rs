//! Text to tokens and back: the tokenizer that a GGUF file's own vocabulary describes, detokenization that never
//! emits half a character, and chat templates.

mod error;
mod stream;
mod template;
mod tokenizer;

pub use error::TextError;
pub use stream::Detokenizer;
pub use template::{ChatContext, ChatTemplate, LocalTime};
pub use tokenizer::{DecodeOptions, EncodeOptions, GuardOptions, Tokenizer, is_in_word};
