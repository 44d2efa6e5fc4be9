//! Messages as they go into a template. Their texts are the request's own where nothing had to be guarded: a long
//! conversation is not copied before the template gets it.

use std::borrow::Cow;

use linnet_text::{GuardOptions, Tokenizer};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::begun::THOUGHT_MARKS;
use super::capabilities::{ArgumentsForm, ContentForm};
use crate::request::{Message, Role, ToolCall};

/// What keeps texts from spelling control tokens.
#[derive(Clone, Copy)]
pub(super) struct Guard<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    /// Whether what is left of a text must not spell any either, when a template cuts pieces out of it.
    pub(super) strict: bool,
}

impl Guard<'_> {
    /// A text of this role. What marks thoughts in an answer stays: templates cut answers there.
    pub(super) fn text<'t>(self, role: Role, text: &'t str) -> Cow<'t, str> {
        let keep = if role == Role::Assistant { THOUGHT_MARKS.as_flattened() } else { &[] };
        self.tokenizer.guard_with(text, GuardOptions { keep, strict: self.strict })
    }

    /// `value` with the control tokens guarded that its strings spell.
    fn value(self, value: Value) -> Value {
        let text = |text: &str| self.text(Role::Tool, text).into_owned();
        match value {
            Value::String(said) => text(&said).into(),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (text(&name), self.value(value))).collect()
            }
            other => other,
        }
    }
}

/// A message as it goes into a template.
pub(super) struct Prepared<'a> {
    pub(super) role: Role,
    /// The form in which the template takes its content.
    pub(super) form: ContentForm,
    /// The parts of its content, guarded.
    pub(super) texts: Vec<Cow<'a, str>>,
    /// Its other texts, by their fields.
    pub(super) fields: Vec<(&'static str, Cow<'a, str>)>,
    pub(super) tool_calls: Option<Cow<'a, Value>>,
    /// Where it was in the request.
    pub(super) index: usize,
    /// Whether an answer without it would answer something else: what the person said last, the results of tools since then, and
    /// all instructions.
    pub(super) must_show: bool,
}

/// The field of what a model thought.
pub(super) const REASONING: &str = "reasoning_content";

impl<'a> Prepared<'a> {
    /// A message with these texts and without other fields.
    pub(super) fn of_texts(role: Role, form: ContentForm, texts: Vec<Cow<'a, str>>, index: usize) -> Self {
        Prepared { role, form, texts, fields: Vec::new(), tool_calls: None, index, must_show: false }
    }

    /// What a message has beside its role and content.
    pub(super) fn with_fields_of(
        mut self,
        message: &'a Message,
        form: ArgumentsForm,
        guard: Guard<'_>,
    ) -> Self {
        let fields = [
            ("name", &message.name),
            (REASONING, &message.reasoning_content),
            ("tool_call_id", &message.tool_call_id),
        ];
        for (field, text) in fields {
            if let Some(text) = text {
                self.fields.push((field, guard.text(message.role, text)));
            }
        }
        if !message.tool_calls.is_empty() {
            let calls = message.tool_calls.iter().map(|ToolCall { id, name, arguments }| {
                let function = json!({ "name": name, "arguments": form.form(arguments) });
                guard.value(json!({ "id": id, "type": "function", "function": function }))
            });
            self.tool_calls = Some(Cow::Owned(calls.collect()));
        }
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

    /// What the model thought.
    pub(super) fn reasoning(&self) -> &str {
        let found = self.fields.iter().find(|(field, _)| *field == REASONING);
        found.map_or("", |(_, text)| text)
    }

    /// Sets one of the other texts.
    pub(super) fn set(&mut self, field: &'static str, text: Cow<'a, str>) {
        self.fields.retain(|(name, _)| *name != field);
        self.fields.push((field, text));
    }

    /// Whether the template gets the same of both.
    pub(super) fn says_the_same_as(&self, other: &Prepared<'_>) -> bool {
        self.texts == other.texts && self.fields == other.fields && self.tool_calls == other.tool_calls
    }
}

impl Serialize for Prepared<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.role.name())?;
        map.serialize_entry("content", &self.form.of(&self.texts))?;
        for (field, text) in &self.fields {
            map.serialize_entry(field, text)?;
        }
        if let Some(calls) = &self.tool_calls {
            map.serialize_entry("tool_calls", calls)?;
        }
        map.end()
    }
}
