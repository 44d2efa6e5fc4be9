//! The arguments of earlier calls, as templates take them.

use std::borrow::Cow;

use serde_json::Value;

/// How a template takes the arguments of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentsForm {
    /// A map: the template iterates over it, or writes it as JSON itself.
    Object,
    /// A string of JSON, which the template puts into the prompt unchanged.
    Text,
}

impl ArgumentsForm {
    /// The arguments in this form. Anything but an object stays as the model wrote it.
    #[must_use]
    pub fn form(self, arguments: &Value) -> Cow<'_, Value> {
        match (self, arguments) {
            (Self::Object, Value::String(json)) => match serde_json::from_str(json) {
                Ok(object @ Value::Object(_)) => Cow::Owned(object),
                _ => Cow::Borrowed(arguments),
            },
            (Self::Text, Value::Object(_)) => Cow::Owned(arguments.to_string().into()),
            _ => Cow::Borrowed(arguments),
        }
    }
}
