//! What a request gives to the chat template besides messages and tools.

use serde_json::{Map, Value};

use super::fields::{list, object};
use super::path::Path;
use super::{Request, at_most};
use crate::Error;

/// How much the model thinks before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasoningEffort {
    /// It does not, if it can be told not to.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// As most models do by default.
    Medium,
    /// A lot.
    High,
}

impl ReasoningEffort {
    /// All levels, in order.
    pub const ALL: [ReasoningEffort; 5] = [
        ReasoningEffort::None,
        ReasoningEffort::Minimal,
        ReasoningEffort::Low,
        ReasoningEffort::Medium,
        ReasoningEffort::High,
    ];

    /// The level's name in requests and templates.
    pub const fn name(self) -> &'static str {
        match self {
            ReasoningEffort::None => "none",
            ReasoningEffort::Minimal => "minimal",
            ReasoningEffort::Low => "low",
            ReasoningEffort::Medium => "medium",
            ReasoningEffort::High => "high",
        }
    }
}

/// Variables of a template that have fields of their own in a request, or come from the file.
const RESERVED: [&str; 6] =
    ["messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token"];

/// Documents to answer from: objects such as `{"title": ..., "text": ...}`.
pub(super) fn documents(path: &Path<'_>, value: Value) -> Result<Vec<Value>, Error> {
    list(path, value, "an array of documents", |path, document| {
        object(path, document, "a document, which is an object with `text`").map(Value::Object)
    })
}

/// More variables for the template.
pub(super) fn variables(path: &Path<'_>, value: Value) -> Result<Map<String, Value>, Error> {
    let variables = object(path, value, "an object with variables of the model's template")?;
    match variables.keys().find(|name| RESERVED.contains(&name.as_str())) {
        Some(name) => Err(path.field(name).invalid("is set by the engine; use the request's other fields")),
        None => Ok(variables),
    }
}

impl Request {
    /// Whether the model shall think, if the request says so.
    pub(crate) fn thinks(&self) -> Option<bool> {
        self.enable_thinking.or(self.reasoning_effort.map(|effort| effort != ReasoningEffort::None))
    }

    pub(super) fn check_template_options(&self) -> Result<(), Error> {
        at_most("documents", "documents", self.documents.len(), Self::MAX_DOCUMENTS)?;
        let variables = self.chat_template_kwargs.len();
        at_most("chat_template_kwargs", "variables", variables, Self::MAX_VARIABLES)
    }
}
