//! The path of a value in a request, as in errors: `messages[1].content[0].type`.

use std::fmt;

use serde_json::Value;

use crate::Error;

/// A path to a value. It is formatted only for an error.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// A top-level field.
    pub(crate) fn of(field: &'a str) -> Self {
        Path { parent: None, step: Step::Field(field) }
    }

    pub(crate) fn field(&'a self, field: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Field(field) }
    }

    pub(crate) fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// An error about this value.
    pub(crate) fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::invalid(&self.to_string(), reason)
    }

    /// An error about this value, which is not there.
    pub(crate) fn missing(&self, allowed: &str) -> Error {
        self.invalid(format!("is missing, but must be {allowed}"))
    }

    /// An error with the actual value and the allowed ones.
    pub(crate) fn expected(&self, found: &Value, allowed: &str) -> Error {
        let reason = format!("is {}, but must be {allowed}", described(found));
        let value = match found {
            Value::String(text) => shortened(text).into(),
            Value::Array(_) | Value::Object(_) => described(found).into(),
            simple => simple.clone(),
        };
        Error::invalid_value(&self.to_string(), value, reason)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (self.step, self.parent) {
            (Step::Field(field), None) => f.write_str(&shortened(field)),
            (Step::Field(field), Some(_)) => write!(f, ".{}", shortened(field)),
            (Step::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}

/// A short description of a value.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{:?}", shortened(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The start of a text, to keep the error message short.
fn shortened(text: &str) -> String {
    const LENGTH: usize = 40;
    let mut rest = text.chars();
    let mut short: String = rest.by_ref().take(LENGTH).collect();
    if rest.next().is_some() {
        short.push('…');
    }
    short
}
