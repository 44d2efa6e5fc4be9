//! How answers and calls start.

use super::ids::ID_START;
use super::{CallKind, ChatFormat, FieldKind, JsonKeys, Marks};

impl ChatFormat {
    /// Whether `prompt` ends inside reasoning, so that the model's output continues it.
    #[must_use]
    pub fn ends_inside_reasoning(&self, prompt: &str) -> bool {
        self.reasoning.as_ref().is_some_and(|reasoning| prompt.trim_end().ends_with(&reasoning.marks.open))
    }

    /// The mark at the end of `prompt` that the answer continues, for [`ChatParser::push`]: some templates end the
    /// prompt with the mark before each part of an answer, or with the one that opens its text.
    #[must_use]
    pub fn begun_mark(&self, prompt: &str) -> &str {
        if let Some(answer) = self.answer.as_ref().filter(|answer| !answer.open.is_empty())
            && prompt.trim_end().ends_with(&answer.open)
        {
            return &answer.open;
        }
        // RWKV's prompt ends within the mark that opens reasoning.
        if let Some(Marks { open, .. }) = self.inline_reasoning()
            && let Some((length, _)) =
                open.char_indices().skip(3).filter(|(at, _)| prompt.ends_with(&open[..*at])).last()
        {
            return &open[..length];
        }
        let open = self.calls.call.open.trim();
        let begins = self.calls.section.open.is_empty() && !open.is_empty();
        if begins && prompt.trim_end().ends_with(open) { open } else { "" }
    }

    /// The start of a call, for prompts that make the model call a tool: up to the name, or with `name` up to
    /// the arguments. Give it to [`ChatParser::push`], too. `id` makes the id of a call to a function.
    #[must_use]
    pub fn call_start(&self, name: Option<&str>, id: &dyn Fn(&str) -> String) -> String {
        let calls = &self.calls;
        let mut start = calls.section.open.clone() + &calls.call.open;
        if self.recipients {
            let Some(name) = name else { return " to=".into() };
            start = format!(" to={name}<|message|>{start}");
        }
        for field in calls.head() {
            match (field.kind, name) {
                (FieldKind::Name, None) => return start,
                (FieldKind::NameInId, None) => return start + ID_START,
                (FieldKind::Name, Some(name)) => start += name,
                (FieldKind::Id | FieldKind::NameInId, _) => start += &id(name.unwrap_or_default()),
                (FieldKind::Number { first }, _) => start += &first.to_string(),
            }
            start += &field.end;
        }
        let end = match &calls.kind {
            CallKind::Harmony => {
                start = "<|channel|>commentary to=functions.".into();
                " <|constrain|>json<|message|>".to_owned()
            }
            CallKind::Pythonic => {
                start.push('[');
                "(".to_owned()
            }
            CallKind::Json(keys) => {
                start += &keys.start;
                keys.after_name()
            }
            CallKind::Named { .. } | CallKind::Tagged { .. } => return start,
        };
        match name {
            Some(name) => start + name + &end,
            None => start,
        }
    }

    /// Whether the model writes the id of a call after the call's name.
    #[must_use]
    pub fn has_late_ids(&self) -> bool {
        match &self.calls.kind {
            CallKind::Json(JsonKeys { id: Some(id), start, .. }) => !start.contains(id.as_str()),
            _ => self.calls.late_id.is_some(),
        }
    }
}
