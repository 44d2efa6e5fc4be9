//! Converts text to tokens and back: tokenizers from a GGUF file's vocabulary, detokenization that never
//! splits a character, chat templates, and what constrains an answer.

mod chat_format;
mod constraint;
mod error;
mod stream;
mod template;
mod tokenizer;

pub use chat_format::{
    ArgumentsForm, CallFormat, CallInProgress, CallKind, CalledTool, CallsSpec, ChatEnd, ChatEvent,
    ChatFormat, ChatParser, ControlToken, Dialect, FieldKind, HeadField, IdStyle, JsonKeys, Marks,
    ReasoningFormat, SAME_NAME, TaggedArguments, ThinkingSwitch, marks_as_parts,
};
pub use constraint::{
    Constraint, ConstraintError, ConstraintErrorCode, ConstraintSpec, GrammarSyntax, Layout, Notation,
    PackedVocabulary, Part, TaggedContent, TaggedLayout, TaggedProperty, TokenMask, VocabularyToken,
    Whitespace,
};
pub use error::TextError;
pub use stream::Detokenizer;
pub use template::{ChatContext, ChatTemplate, LocalTime};
pub use tokenizer::{DecodeOptions, EncodeOptions, GuardOptions, PromptMarks, Tokenizer, is_in_word};
