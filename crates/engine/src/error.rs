//! The public error, with a stable code.

mod code;

use linnet_gguf::GgufError;
use linnet_graph::{BackendError, GraphError};
use linnet_models::ModelError;
use linnet_text::{ConstraintError, TextError};
use serde_json::{Value, json};

use crate::Role;
use crate::engine::Memory;
use crate::loader::{Fallback, Shortfall};
pub use code::ErrorCode;

/// Why a model could not be loaded or a request could not be answered.
///
/// The message is a sentence for people; [`Error::code`] and [`Error::details`] are for programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not a readable GGUF file.
    #[error("{why}{0}", why = why_unreadable(.0))]
    Gguf(#[from] GgufError),
    /// The file's model is not supported.
    #[error("this model cannot be run: {0}")]
    Model(#[from] ModelError),
    /// An error of the tokenizer or chat template.
    #[error("{0}")]
    Text(#[from] TextError),
    /// An error of the CPU or GPU backend.
    #[error("{0}")]
    Backend(#[from] BackendError),
    /// The file ended early.
    #[error("the model file is incomplete: {received} of {expected} bytes arrived. Download it again")]
    Truncated {
        /// Length according to the header.
        expected: u64,
        /// Bytes received.
        received: u64,
    },
    /// The file continues long after the end of the model.
    #[error(
        "the model in this file ends after {expected} bytes, but the file continues. Check its address, or let \
         the server send `Content-Length`"
    )]
    Endless {
        /// Length according to the header.
        expected: u64,
        /// Bytes received.
        received: u64,
    },
    /// The model would not fit, according to its header.
    #[error(
        "this model does not fit: {} needs {}, but only {} are available (weights {}, KV cache {}, activations {}). {}",
        .0.what, mib(.0.need), mib(.0.have), mib(.0.memory.weights), mib(.0.memory.kv), mib(.0.memory.scratch),
        .0.fallback.map_or_else(|| "Use a smaller model".to_owned(), |fallback| fallback.to_string())
    )]
    DoesNotFit(Box<Shortfall>),
    /// The prompt and at least one token of the answer do not fit the context.
    #[error(
        "the prompt has {}, but the context holds {context_length}. Start a new chat, shorten the \
         prompt, or load the model with a larger context",
        tokens(*.prompt_tokens)
    )]
    ContextFull {
        /// Tokens of the rendered prompt.
        prompt_tokens: usize,
        /// Context length.
        context_length: usize,
    },
    /// The prompt lacks the text of a message that the model must see.
    #[error(
        "the model's chat template leaves out `{field}` (role {role}). Use another file of this model, or \
         build the whole prompt yourself and pass it as `prompt`"
    )]
    TextLost {
        /// The role of the lost message.
        role: Role,
        /// The path of its text.
        field: String,
    },
    /// The model's chat template does not work.
    #[error(
        "the model's chat template does not work ({0}). Use another file of this model, or build the whole \
         prompt yourself and pass it as `prompt`"
    )]
    UnusableTemplate(TextError),
    /// The prompt is far too long, so that it was not tokenized to its end.
    #[error(
        "the prompt has about {about} tokens, but the context holds {context_length}. Shorten it, or load the \
         model with a larger context"
    )]
    PromptTooLong {
        /// Estimated tokens of the rendered prompt.
        about: usize,
        /// Context length.
        context_length: usize,
    },
    /// One of several texts is too long for the context.
    #[error(
        "`{field}` makes a prompt of {}, but the context holds {context_length}. Shorten the text, or load the model \
         with a larger context",
        tokens(*.prompt_tokens)
    )]
    TextTooLong {
        /// The path of the text.
        field: String,
        /// Tokens of the rendered prompt with the longest option, or about as many.
        prompt_tokens: usize,
        /// Context length.
        context_length: usize,
    },
    /// The answer cannot be held to the form that the request gives it.
    #[error("the answer cannot be held to `{field}`: {error}")]
    Constraint {
        /// The field of the request.
        field: &'static str,
        /// Why.
        error: ConstraintError,
    },
    /// A field of the request or the load options is invalid.
    #[error("`{field}` {reason}")]
    InvalidRequest {
        /// Name of the field.
        field: String,
        /// What is wrong and what is allowed.
        reason: String,
        /// The invalid value, if a single one is; for an array or an object, the element.
        value: Option<Box<Value>>,
    },
}

/// The start of the message; saying what the file is instead of a model is enough.
fn why_unreadable(error: &GgufError) -> &'static str {
    match error {
        GgufError::NotGguf { .. } => "this is ",
        _ => "this file cannot be read as a GGUF model: ",
    }
}

impl Error {
    pub(crate) fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Error::InvalidRequest { field: field.to_owned(), reason: reason.into(), value: None }
    }

    /// The same, for an invalid value.
    pub(crate) fn invalid_value(field: &str, value: impl Into<Value>, reason: impl Into<String>) -> Self {
        Error::InvalidRequest {
            field: field.to_owned(),
            reason: reason.into(),
            value: Some(Box::new(value.into())),
        }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Error::Gguf(GgufError::UnsupportedType { .. }) => ErrorCode::UnsupportedQuantization,
            Error::Gguf(GgufError::Empty | GgufError::Truncated { .. }) => ErrorCode::Integrity,
            Error::Gguf(_) => ErrorCode::BadModel,
            Error::Model(
                ModelError::UnsupportedArchitecture { .. }
                | ModelError::UnsupportedVariant { .. }
                | ModelError::UnsupportedTensor { .. },
            ) => ErrorCode::UnsupportedArchitecture,
            Error::Model(ModelError::Graph(GraphError::TooLarge { .. })) => ErrorCode::OutOfMemory,
            Error::Model(_) => ErrorCode::BadModel,
            Error::Text(error) | Error::UnusableTemplate(error) => code_of_text(error),
            Error::Backend(error) => match error {
                BackendError::NoAdapter { .. } => ErrorCode::NoWebGpu,
                BackendError::OutOfMemory { .. } | BackendError::Limit { .. } => ErrorCode::OutOfMemory,
                BackendError::UnsupportedOp { .. } => ErrorCode::UnsupportedArchitecture,
                BackendError::DeviceLost { .. } => ErrorCode::DeviceLost,
                BackendError::Internal(_) => ErrorCode::Internal,
            },
            Error::Truncated { .. } | Error::Endless { .. } => ErrorCode::Integrity,
            Error::DoesNotFit(_) => ErrorCode::OutOfMemory,
            Error::ContextFull { .. } | Error::PromptTooLong { .. } | Error::TextTooLong { .. } => {
                ErrorCode::ContextFull
            }
            Error::TextLost { .. } => ErrorCode::BadTemplate,
            Error::Constraint { .. } => ErrorCode::BadConstraint,
            Error::InvalidRequest { .. } => ErrorCode::InvalidRequest,
        }
    }

    /// The error's facts as a JSON object: tensor, limit, byte offset, ...
    pub fn details(&self) -> Value {
        match self {
            Error::Gguf(GgufError::UnsupportedType { tensor, id, .. }) => {
                json!({ "tensor": tensor, "type_id": id })
            }
            Error::Gguf(GgufError::BadSplit { part, offset, .. }) => {
                json!({ "part": u64::from(*part) + 1, "offset": offset })
            }
            Error::Gguf(GgufError::NotGguf { offset, kind: Some(kind), .. }) => {
                json!({ "offset": offset, "kind": kind.word() })
            }
            Error::Gguf(error) => json!({ "offset": error.offset() }),
            Error::Model(error) => match error {
                ModelError::UnsupportedArchitecture { architecture } => {
                    json!({ "architecture": architecture })
                }
                ModelError::UnsupportedVariant { architecture, key, value } => {
                    json!({ "architecture": architecture, "key": key, "value": value })
                }
                ModelError::UnsupportedTensor { architecture, tensor } => {
                    json!({ "architecture": architecture, "tensor": tensor })
                }
                ModelError::MissingKey { key } => json!({ "key": key }),
                ModelError::BadValue { key, value, .. } => json!({ "key": key, "value": value }),
                ModelError::MissingTensor { tensor } => json!({ "tensor": tensor }),
                ModelError::TensorShape { tensor, expected, found } => {
                    json!({ "tensor": tensor, "expected": expected, "found": found })
                }
                ModelError::Graph(GraphError::TooLarge { tensor, .. }) => json!({ "tensor": tensor }),
                ModelError::Metadata(_) | ModelError::Graph(_) => json!({}),
            },
            Error::Backend(error) => match error {
                BackendError::OutOfMemory { what, bytes } => json!({ "what": what, "bytes": bytes }),
                BackendError::Limit { what, limit, need, have } => {
                    json!({ "what": what, "limit": limit, "need": need, "have": have })
                }
                BackendError::UnsupportedOp { label, op } => json!({ "part": label, "operation": op }),
                BackendError::NoAdapter { reason } | BackendError::DeviceLost { reason } => {
                    json!({ "reason": reason })
                }
                BackendError::Internal(_) => json!({}),
            },
            Error::Truncated { expected, received } | Error::Endless { expected, received } => {
                json!({ "expected": expected, "received": received })
            }
            Error::DoesNotFit(shortfall) => {
                let Shortfall { memory: Memory { weights, kv, scratch }, limit, what, need, have, fallback } =
                    &**shortfall;
                let smaller = fallback.map(|Fallback { backend, context_length, kv }| {
                    json!({ "backend": backend.name(), "context_length": context_length, "kv": kv.name() })
                });
                json!({
                    "weights": weights, "kv": kv, "scratch": scratch,
                    "what": what, "limit": limit, "need": need, "have": have, "smaller": smaller,
                })
            }
            Error::ContextFull { prompt_tokens, context_length }
            | Error::PromptTooLong { about: prompt_tokens, context_length } => {
                json!({ "prompt_tokens": prompt_tokens, "context_length": context_length })
            }
            Error::TextTooLong { field, prompt_tokens, context_length } => {
                json!({ "field": field, "prompt_tokens": prompt_tokens, "context_length": context_length })
            }
            Error::TextLost { role, field } => json!({ "field": field, "role": role.name() }),
            Error::Constraint { field, error: ConstraintError { code, path, reason } } => {
                json!({ "field": field, "kind": code.name(), "path": path, "reason": reason })
            }
            Error::InvalidRequest { field, value: None, .. } => json!({ "field": field }),
            Error::InvalidRequest { field, value: Some(value), .. } => {
                json!({ "field": field, "value": value })
            }
            Error::Text(TextError::RefusedByTemplate { .. }) => json!({ "field": "messages" }),
            Error::Text(_) | Error::UnusableTemplate(_) => json!({}),
        }
    }
}

fn code_of_text(error: &TextError) -> ErrorCode {
    match error {
        TextError::UnknownModel { .. } | TextError::UnknownPreTokenizer { .. } => {
            ErrorCode::UnsupportedTokenizer
        }
        TextError::MissingKey { .. } | TextError::Metadata(_) | TextError::BadVocabulary { .. } => {
            ErrorCode::BadModel
        }
        TextError::Template { .. } => ErrorCode::BadTemplate,
        TextError::TooManyTokens { .. } => ErrorCode::ContextFull,
        TextError::UnknownToken { .. }
        | TextError::RefusedByTemplate { .. }
        | TextError::BadLocalTime { .. } => ErrorCode::InvalidRequest,
    }
}

fn tokens(count: usize) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}

/// Bytes for people.
fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
