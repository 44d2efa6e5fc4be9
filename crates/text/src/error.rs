//! What can go wrong between text and tokens, each with a code that stays.

use linnet_gguf::GgufError;

/// An error of this crate. [`TextError::code`] gives the stable code that the engine reports.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The vocabulary's kind (`tokenizer.ggml.model`) is one that this crate does not know.
    #[error("tokenizer model {model:?} is not supported")]
    UnknownModel {
        /// The value found in the file.
        model: String,
    },
    /// The way of splitting text before merging (`tokenizer.ggml.pre`) is one that this crate does not know.
    #[error("pre-tokenizer {pre:?} is not supported")]
    UnknownPreTokenizer {
        /// The value found in the file.
        pre: String,
    },
    /// A metadata key that every vocabulary of this kind has is absent.
    #[error("the model file has no {key}")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A metadata value has the wrong type.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// The vocabulary contradicts itself: lengths differ, an id is out of range, a merge names no token, ...
    #[error("bad vocabulary: {reason}")]
    BadVocabulary {
        /// What is wrong, with the offending key, id or token.
        reason: String,
    },
    /// A token id that the vocabulary does not have.
    #[error("token id {id} is outside of the vocabulary of {vocab_size} tokens")]
    UnknownToken {
        /// The id given.
        id: u32,
        /// How many tokens there are.
        vocab_size: usize,
    },
    /// A text has more tokens than are wanted of it.
    #[error("the text has about {about} tokens, more than {most}")]
    TooManyTokens {
        /// How many tokens the whole text has, about.
        about: usize,
        /// How many were wanted.
        most: usize,
    },
    /// The chat template does not parse, fails on these messages or exhausts its budget of work.
    #[error("chat template: {reason}{}", Line(*.line))]
    Template {
        /// What the template engine says.
        reason: String,
        /// Line of the template, from 1, where it is known.
        line: Option<usize>,
    },
    /// The template itself refused the messages (`raise_exception`).
    #[error("the model's chat template refuses these messages: {message}")]
    RefusedByTemplate {
        /// The template's own words.
        message: String,
    },
    /// A local time that no clock shows.
    #[error("{field} of the local time is out of range: {value}")]
    BadLocalTime {
        /// The field's name.
        field: &'static str,
        /// The value given.
        value: i64,
    },
}

impl TextError {
    /// The stable code of this error: `unsupported-tokenizer`, `bad-model`, `bad-template`, `context-full` or
    /// `invalid-request`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } | Self::UnknownPreTokenizer { .. } => "unsupported-tokenizer",
            Self::MissingKey { .. } | Self::Metadata(_) | Self::BadVocabulary { .. } => "bad-model",
            Self::Template { .. } => "bad-template",
            Self::TooManyTokens { .. } => "context-full",
            Self::UnknownToken { .. } | Self::RefusedByTemplate { .. } | Self::BadLocalTime { .. } => {
                "invalid-request"
            }
        }
    }
}

/// Prints ` (line N)` where a line is known.
struct Line(Option<usize>);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}
