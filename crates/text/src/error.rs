//! Errors of tokenizers and chat templates.

use linnet_gguf::GgufError;

/// An error of this crate. The engine gives each kind a stable code.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TextError {
    /// The tokenizer model (`tokenizer.ggml.model`) is not supported.
    #[error("tokenizer model {model:?} is not supported")]
    UnknownModel {
        /// The value found in the file.
        model: String,
    },
    /// The pre-tokenizer (`tokenizer.ggml.pre`) is not supported.
    #[error("pre-tokenizer {pre:?} is not supported")]
    UnknownPreTokenizer {
        /// The value found in the file.
        pre: String,
    },
    /// A required metadata key is missing.
    #[error("the model file has no {key}")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A metadata value has the wrong type.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// The vocabulary is inconsistent: lengths differ, an id is out of range, a merge names an unknown token,
    /// ...
    #[error("bad vocabulary: {reason}")]
    BadVocabulary {
        /// The reason, with the key, id or token at fault.
        reason: String,
    },
    /// A token id outside of the vocabulary.
    #[error("token id {id} is outside of the vocabulary of {vocab_size} tokens")]
    UnknownToken {
        /// The id given.
        id: u32,
        /// Size of the vocabulary.
        vocab_size: usize,
    },
    /// A text has more tokens than the limit.
    #[error("the text has about {about} tokens, more than {most}")]
    TooManyTokens {
        /// Estimated number of tokens in the whole text.
        about: usize,
        /// The limit.
        most: usize,
    },
    /// The chat template does not parse, fails on these messages or exceeds its work budget.
    #[error("chat template: {reason}{}", Line(*.line))]
    Template {
        /// The template engine's message.
        reason: String,
        /// Line of the template, from 1, if known.
        line: Option<usize>,
    },
    /// The template rejected the messages with `raise_exception`.
    #[error("the model's chat template rejects these messages: {message}")]
    RefusedByTemplate {
        /// The template's message.
        message: String,
    },
    /// An invalid local time.
    #[error("{field} of the local time is out of range: {value}")]
    BadLocalTime {
        /// The field's name.
        field: &'static str,
        /// The invalid value.
        value: i64,
    },
}

/// Prints ` (line N)` if a line is known.
struct Line(Option<usize>);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}
