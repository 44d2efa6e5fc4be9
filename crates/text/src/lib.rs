//! Converts text to tokens and back: tokenizers from a GGUF file's vocabulary, detokenization that never
//! splits a character, and chat templates.

mod error;
mod stream;
mod template;
mod tokenizer;

pub use error::TextError;
pub use stream::Detokenizer;
pub use template::{ChatContext, ChatTemplate, LocalTime};
pub use tokenizer::{DecodeOptions, EncodeOptions, GuardOptions, Tokenizer, is_in_word};
