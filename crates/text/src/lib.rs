//! Converts text to tokens and back: tokenizers from a GGUF file's vocabulary, detokenization that never
//! splits a character, and chat templates.

mod chat_format;
mod error;
mod stream;
mod template;
mod tokenizer;

pub use chat_format::{
    CallFormat, CallKind, ChatEnd, ChatEvent, ChatFormat, ChatParser, Dialect, FieldKind, HeadField, IdStyle,
    JsonKeys, Marks, ReasoningFormat, TaggedArguments,
};
pub use error::TextError;
pub use stream::Detokenizer;
pub use template::{ChatContext, ChatTemplate, LocalTime};
pub use tokenizer::{DecodeOptions, EncodeOptions, GuardOptions, Tokenizer, is_in_word};
