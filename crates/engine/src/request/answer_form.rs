//! The form that a request gives its answer.

use linnet_text::{ConstraintSpec, GrammarSyntax, Whitespace};
use serde_json::Value;

use super::Request;
use super::fields::{boolean, list, nothing_else, object, one_of, required, text};
use super::path::Path;
use crate::Error;

/// The form of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerForm {
    /// What the answer must fit.
    pub constraint: ConstraintSpec,
    /// The field of the request that says it, for errors.
    pub field: &'static str,
    /// A name of the form, shown to the model.
    pub name: Option<String>,
    /// A description of the form, shown to the model.
    pub description: Option<String>,
}

impl AnswerForm {
    /// A form without a name, which the request's `field` says.
    fn new(field: &'static str, constraint: ConstraintSpec) -> Self {
        AnswerForm { constraint, field, name: None, description: None }
    }

    /// The form in words, for the prompt.
    pub(crate) fn described(&self) -> String {
        let Self { constraint, name, description, .. } = self;
        let ConstraintSpec::JsonSchema { schema, .. } = constraint else { return String::new() };
        let mut text = "Answer with JSON that fits this schema".to_owned();
        text.extend(name.iter().flat_map(|name| [" (", name, ")"]));
        text.push_str(":\n");
        text.extend(description.iter().flat_map(|description| [description, "\n"]));
        text + &schema.to_string()
    }
}

impl Request {
    /// Maximum number of choices.
    pub const MAX_CHOICES: usize = 10_000;

    /// Reads a field if it says the form of the answer; returns whether it does.
    pub(super) fn read_form(&mut self, path: &Path<'_>, field: &str, value: &Value) -> Result<bool, Error> {
        let form = match field {
            "response_format" => response_format(path, value.clone())?,
            "regex" => Some(AnswerForm::new("regex", regex(path, value.clone())?)),
            "grammar" => Some(AnswerForm::new("grammar", grammar(path, value.clone())?)),
            "choices" => Some(AnswerForm::new("choices", choices(path, value.clone())?)),
            _ => return Ok(false),
        };
        if let (Some(form), Some(earlier)) = (&form, &self.form) {
            let reason = format!("must be given without `{}`", earlier.field);
            return Err(Error::invalid(form.field, reason));
        }
        self.form = form.or(self.form.take());
        Ok(true)
    }

    /// The field that makes constraints necessary, if one does. An answer that must call a tool has no other form.
    pub(crate) fn needs_constraint(&self) -> Option<&'static str> {
        let form = self.form.as_ref().filter(|_| self.required_call().is_none());
        form.map(|form| form.field).or_else(|| self.holds_calls().then_some("tools"))
    }

    /// The form that the prompt says: that of a schema, unless the request hides it.
    pub(crate) fn shown_form(&self) -> Option<&AnswerForm> {
        let form = self.form.as_ref().filter(|_| self.show_schema != Some(false));
        form.filter(|form| matches!(form.constraint, ConstraintSpec::JsonSchema { .. }))
    }

    /// Checks that the other fields suit the form of the answer.
    pub(super) fn check_form(&self) -> Result<(), Error> {
        if self.ignore_eos && self.needs_constraint().is_some() {
            let reason = "has no meaning for an answer that must fit a form, or whose calls must fit";
            return Err(Error::invalid("ignore_eos", reason));
        }
        Ok(())
    }
}

/// `{"type": "text"}`, `{"type": "json_object"}`, or
/// `{"type": "json_schema", "json_schema": {"name": ..., "description": ..., "schema": ..., "strict": ...}}`. An
/// object's schema may also be beside `type`, as in llama.cpp's server.
fn response_format(path: &Path<'_>, value: Value) -> Result<Option<AnswerForm>, Error> {
    const TYPES: [&str; 3] = ["text", "json_object", "json_schema"];
    let whitespace = Whitespace::default();
    let mut fields = object(path, value, "an object with `type`")?;
    let kind = required(path, &mut fields, "type", "one of text, json_object, json_schema")?;
    let form = match one_of(&path.field("type"), &kind, TYPES, |name| name)? {
        "json_schema" => {
            const SHAPE: &str = "an object with `name` and `schema`";
            let described = required(path, &mut fields, "json_schema", SHAPE)?;
            let path = &path.field("json_schema");
            let mut described = object(path, described, SHAPE)?;
            let schema = match described.remove("schema") {
                Some(schema @ (Value::Object(_) | Value::Bool(_))) => schema,
                None | Some(Value::Null) => Value::Bool(true),
                Some(other) => return Err(path.field("schema").expected(&other, "a JSON schema")),
            };
            let constraint = ConstraintSpec::JsonSchema { schema, whitespace };
            let mut form = AnswerForm::new("response_format", constraint);
            for (field, value) in super::fields::set(described) {
                let path = &path.field(&field);
                match field.as_str() {
                    "name" => form.name = Some(text(path, value)?),
                    "description" => form.description = Some(text(path, value)?),
                    // Every answer is valid, whether the request insists or not.
                    "strict" => drop(boolean(path, &value)?),
                    _ => return Err(path.invalid("is not supported")),
                }
            }
            Some(form)
        }
        "json_object" => {
            let constraint = match fields.remove("schema") {
                None | Some(Value::Null) => ConstraintSpec::JsonObject { whitespace },
                Some(schema @ Value::Object(_)) => ConstraintSpec::JsonSchema { schema, whitespace },
                Some(other) => return Err(path.field("schema").expected(&other, "a JSON schema")),
            };
            Some(AnswerForm::new("response_format", constraint))
        }
        _ => None,
    };
    nothing_else(path, fields)?;
    Ok(form)
}

/// A pattern, or `{"pattern": ..., "flags": ...}`.
fn regex(path: &Path<'_>, value: Value) -> Result<ConstraintSpec, Error> {
    const ALLOWED: &str = "a string, or an object with `pattern` and `flags`";
    let mut fields = match value {
        Value::String(pattern) => return Ok(ConstraintSpec::Regex { pattern, flags: String::new() }),
        value => object(path, value, ALLOWED)?,
    };
    let pattern = required(path, &mut fields, "pattern", "a string")?;
    let pattern = text(&path.field("pattern"), pattern)?;
    let flags = match fields.remove("flags") {
        None | Some(Value::Null) => String::new(),
        Some(flags) => text(&path.field("flags"), flags)?,
    };
    nothing_else(path, fields)?;
    Ok(ConstraintSpec::Regex { pattern, flags })
}

/// A grammar in GBNF, or `{"syntax": "gbnf" | "lark", "grammar": ...}`.
fn grammar(path: &Path<'_>, value: Value) -> Result<ConstraintSpec, Error> {
    const ALLOWED: &str = "a string, or an object with `syntax` and `grammar`";
    let mut fields = match value {
        Value::String(grammar) => {
            return Ok(ConstraintSpec::Grammar { syntax: GrammarSyntax::Gbnf, grammar });
        }
        value => object(path, value, ALLOWED)?,
    };
    let name = |syntax: GrammarSyntax| match syntax {
        GrammarSyntax::Gbnf => "gbnf",
        GrammarSyntax::Lark => "lark",
    };
    let syntax = required(path, &mut fields, "syntax", "one of gbnf, lark")?;
    let syntax = one_of(&path.field("syntax"), &syntax, [GrammarSyntax::Gbnf, GrammarSyntax::Lark], name)?;
    let grammar = required(path, &mut fields, "grammar", "a string")?;
    nothing_else(path, fields)?;
    Ok(ConstraintSpec::Grammar { syntax, grammar: text(&path.field("grammar"), grammar)? })
}

fn choices(path: &Path<'_>, value: Value) -> Result<ConstraintSpec, Error> {
    let choices = list(path, value, "an array of strings", text)?;
    if choices.is_empty() {
        return Err(path.invalid("is empty; give at least one text"));
    }
    super::at_most("choices", "texts", choices.len(), Request::MAX_CHOICES)?;
    Ok(ConstraintSpec::Choices { choices })
}
