//! Messages for a template. Texts that need no guard are borrowed from the request, so a long conversation is
//! not copied.

use std::borrow::Cow;

use linnet_text::{GuardOptions, PromptMarks, Tokenizer};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::calls::ArgumentsForm;
use super::capabilities::ContentForm;
use super::probe::word;
use super::thinking::ReasoningForm;
use crate::request::{Message, Role, ToolCall};

/// Guards texts against spelling the marks of a prompt.
#[derive(Clone, Copy)]
pub(super) enum Guard<'a> {
    /// Breaks the marks that a text spells.
    Spelled(Guarded<'a>),
    /// Makes it impossible to form one from a text, whatever a template does to it. These strings, which are
    /// searched for, stay whole.
    Everywhere(Guarded<'a>, &'a [String]),
    /// Replaces each text by a placeholder word, except keys that are among these strings.
    Word(&'a [String]),
}

/// What a guard breaks, and what it keeps.
#[derive(Clone, Copy)]
pub(super) struct Guarded<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) marks: &'a PromptMarks,
    /// Marks around reasoning, which stay in answers: templates split answers there.
    pub(super) reasoning: &'a [String],
}

impl Guard<'_> {
    /// A text of no message: a name, an id, arguments, reasoning.
    pub(super) fn text<'t>(self, text: &'t str) -> Cow<'t, str> {
        self.keeping(&[], text)
    }

    /// The content of a message with this role.
    pub(super) fn content<'t>(self, role: Role, text: &'t str) -> Cow<'t, str> {
        match self {
            Guard::Spelled(guarded) | Guard::Everywhere(guarded, _) if role == Role::Assistant => {
                self.keeping(guarded.reasoning, text)
            }
            _ => self.text(text),
        }
    }

    fn keeping<'t>(self, keep: &[String], text: &'t str) -> Cow<'t, str> {
        let (Guarded { tokenizer, marks, .. }, everywhere) = match self {
            Guard::Spelled(guarded) => (guarded, None),
            Guard::Everywhere(guarded, whole) => (guarded, Some(whole)),
            Guard::Word(_) if text.trim().is_empty() => return Cow::Borrowed(text),
            Guard::Word(_) => return Cow::Owned(word(0)),
        };
        tokenizer.guard_with(text, GuardOptions { marks: Some(marks), keep, everywhere })
    }

    /// An id. Letters and digits stay unguarded, because templates count an id's characters.
    pub(super) fn id<'t>(self, id: &'t str) -> Cow<'t, str> {
        if id.chars().all(|c| c.is_ascii_alphanumeric()) { Cow::Borrowed(id) } else { self.text(id) }
    }

    /// `value` with guarded strings.
    pub(super) fn value(self, value: &Value) -> Value {
        match value {
            // Templates look at the types of parameters.
            Value::String(said) if self.is_changing() && TYPES.contains(&said.as_str()) => value.clone(),
            Value::String(said) => self.text(said).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let key = |(index, name): (usize, &String)| match self {
                    Guard::Word(known) if known.binary_search(name).is_ok() => name.clone(),
                    Guard::Word(_) if !name.trim().is_empty() => word(index),
                    _ => self.text(name).into_owned(),
                };
                let keys = fields.keys().enumerate().map(key);
                keys.zip(fields.values().map(|value| self.value(value))).collect()
            }
            other => other.clone(),
        }
    }

    /// A variable of the template. It compares names such as `high`, so they stay as they are where they
    /// spell no mark.
    pub(super) fn option(self, value: &Value) -> Value {
        let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        match value {
            Value::String(text) if self.is_changing() && is_name(text) => value.clone(),
            other => self.value(other),
        }
    }

    /// Whether it changes texts that spell no mark.
    fn is_changing(self) -> bool {
        !matches!(self, Guard::Spelled(_))
    }
}

/// The types of JSON schema and of tools.
const TYPES: [&str; 8] = ["string", "number", "integer", "boolean", "object", "array", "null", "function"];

/// A message for a template.
pub(super) struct Prepared<'a> {
    pub(super) role: Role,
    /// The form of its content.
    pub(super) form: ContentForm,
    /// The guarded parts of its content.
    pub(super) texts: Vec<Cow<'a, str>>,
    /// Its other texts, by field.
    pub(super) fields: Vec<(&'static str, Cow<'a, str>)>,
    pub(super) tool_calls: Option<Cow<'a, Value>>,
    /// Whether its reasoning is also the first part of its content.
    pub(super) reasoning_part: bool,
    /// Its index in the request.
    pub(super) index: usize,
    /// Whether the prompt must contain it: the last user message, the tool results since then, and all
    /// instructions.
    pub(super) must_show: bool,
}

/// The field of the model's reasoning.
pub(super) const REASONING: &str = "reasoning_content";

impl<'a> Prepared<'a> {
    /// A message with these texts and no other fields.
    pub(super) fn of_texts(role: Role, form: ContentForm, texts: Vec<Cow<'a, str>>, index: usize) -> Self {
        Prepared {
            role,
            form,
            texts,
            fields: Vec::new(),
            tool_calls: None,
            reasoning_part: false,
            index,
            must_show: false,
        }
    }

    /// Whether it has instructions.
    pub(super) fn instructs(&self) -> bool {
        matches!(self.role, Role::System | Role::Developer)
    }

    /// Adds the id of the call that it answers, and its calls.
    pub(super) fn with_fields_of(mut self, message: &Message, form: ArgumentsForm, guard: Guard<'_>) -> Self {
        if let Some(id) = &message.tool_call_id {
            self.set("tool_call_id", guard.id(id).into_owned().into());
        }
        if !message.tool_calls.is_empty() {
            let calls = message.tool_calls.iter().map(|ToolCall { id, name, arguments }| {
                let (name, arguments) = (guard.text(name), guard.value(&form.form(arguments)));
                let id = id.as_ref().map(|id| guard.id(id));
                let function = json!({ "name": name, "arguments": arguments });
                json!({ "id": id, "type": "function", "function": function })
            });
            self.tool_calls = Some(Cow::Owned(calls.collect()));
        }
        self
    }

    /// Adds the model's reasoning, where the template looks for it.
    pub(super) fn with_reasoning(mut self, reasoning: Cow<'a, str>, form: ReasoningForm) -> Self {
        if let ReasoningForm::Field(field) = form {
            self.set(field, reasoning.clone());
        }
        self.reasoning_part = form == ReasoningForm::Part && !reasoning.trim().is_empty();
        self.set(REASONING, reasoning);
        self
    }

    /// The same message with other texts.
    pub(super) fn with_texts<'t>(&'t self, texts: Vec<Cow<'t, str>>) -> Prepared<'t> {
        Prepared {
            texts,
            fields: self.fields.iter().map(|(field, text)| (*field, Cow::Borrowed(&**text))).collect(),
            tool_calls: self.tool_calls.as_deref().map(Cow::Borrowed),
            ..*self
        }
    }

    pub(super) fn borrowed_texts(&self) -> Vec<Cow<'_, str>> {
        self.texts.iter().map(|text| Cow::Borrowed(&**text)).collect()
    }

    /// The model's reasoning.
    pub(super) fn reasoning(&self) -> &str {
        let found = self.fields.iter().find(|(field, _)| *field == REASONING);
        found.map_or("", |(_, text)| text)
    }

    /// Sets one of the other texts.
    pub(super) fn set(&mut self, field: &'static str, text: Cow<'a, str>) {
        self.fields.retain(|(name, _)| *name != field);
        self.fields.push((field, text));
    }
}

impl Serialize for Prepared<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.role.name())?;
        if self.reasoning_part {
            let mut parts = vec![json!({ "type": "thinking", "thinking": self.reasoning() })];
            let texts = self.texts.iter().filter(|text| !text.is_empty());
            parts.extend(texts.map(|text| json!({ "type": "text", "text": text })));
            map.serialize_entry("content", &parts)?;
        } else {
            map.serialize_entry("content", &self.form.of(&self.texts))?;
        }
        for (field, text) in &self.fields {
            map.serialize_entry(field, text)?;
        }
        if let Some(calls) = &self.tool_calls {
            map.serialize_entry("tool_calls", calls)?;
        }
        map.end()
    }
}
