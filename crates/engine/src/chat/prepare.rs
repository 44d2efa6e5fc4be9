//! Converts the messages of a request to the form that a template takes.

use std::borrow::Cow;

use super::message::{Guard, Prepared};
use super::tools::{ToolsPlace, described, spaced, written_call, written_result};
use super::{Chat, lost};
use crate::request::{Message, Role};
use crate::{Error, Request};

/// A message, or part of one, on its way to a template.
struct Item<'a> {
    role: Role,
    /// Its guarded texts.
    texts: Vec<Cow<'a, str>>,
    /// Its index in the request.
    index: usize,
    /// The message whose other fields it has; `None` for what only this crate says.
    message: Option<&'a Message>,
    /// Whether its calls, or the call that it answers, are part of its text.
    written: bool,
    /// Whether it becomes part of the message before it.
    joins: bool,
}

impl Item<'_> {
    fn instructs(&self) -> bool {
        matches!(self.role, Role::System | Role::Developer)
    }
}

impl Chat {
    /// The messages in the form that the template takes. `messages` are those of the request, perhaps with
    /// other ids.
    pub(super) fn prepare<'a>(
        &self,
        messages: &'a [Message],
        request: &Request,
        guard: Guard<'_>,
    ) -> Result<Vec<Prepared<'a>>, Error> {
        let Some(user) = self.capabilities.user else {
            let first = messages.iter().position(|message| message.role == Role::User).unwrap_or(0);
            return Err(lost(Role::User, first));
        };
        let mut prepared: Vec<Prepared<'a>> = Vec::with_capacity(messages.len());
        let mut instructions: Vec<Cow<'a, str>> = Vec::new();
        // Whether all messages so far are instructions.
        let mut begins = true;
        for item in self.items(messages, request, guard) {
            let instructs = item.instructs();
            let Item { role, mut texts, index, message, written, joins } = item;
            let form = match role {
                Role::System | Role::Developer => self.capabilities.system,
                Role::Assistant => Some(self.capabilities.assistant),
                Role::User | Role::Tool => Some(user),
            };
            begins &= instructs;
            let form = form.filter(|_| !instructs || begins || self.capabilities.later_instructions);
            let Some(form) = form else {
                instructions.append(&mut texts);
                continue;
            };
            let joins = joins || instructs && begins && !self.capabilities.second_instructions;
            if joins && let Some(before) = prepared.last_mut() {
                before.texts.append(&mut texts);
                continue;
            }
            // The template may take out the text with which it turns thinking on or off.
            let switches = |text: &Cow<'_, str>| self.thinking.texts.is_some_and(|it| it.is(text));
            let mut must_show = instructs && !texts.iter().all(switches);
            if role == Role::User && !instructions.is_empty() {
                instructions.append(&mut texts);
                texts = vec![std::mem::take(&mut instructions).join("\n").into()];
                must_show = true;
            }
            let mut item = Prepared::of_texts(role, form, texts, index);
            item.must_show = must_show;
            if let Some(message) = message {
                if let Some(name) = &message.name {
                    item.set("name", guard.text(name));
                }
                if !written {
                    item = item.with_fields_of(message, self.capabilities.calls.arguments, guard);
                }
                if let Some(reasoning) = &message.reasoning_content {
                    item = self.with_reasoning(item, guard.text(reasoning));
                }
            }
            prepared.push(item);
        }
        if !instructions.is_empty() {
            // The answer to continue stays the last message.
            let at = prepared.len() - usize::from(request.begun_answer().is_some());
            match prepared[..at].last_mut() {
                // Many templates reject two user messages in a row.
                Some(last) if last.role == Role::User => last.texts.append(&mut instructions),
                _ => {
                    let texts = vec![instructions.join("\n").into()];
                    let message = Prepared::of_texts(Role::User, user, texts, messages.len() - 1);
                    prepared.insert(at, Prepared { must_show: true, ..message });
                }
            }
        }
        let last_user = prepared.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
        for message in &mut prepared[last_user..] {
            message.must_show |= matches!(message.role, Role::User | Role::Tool);
        }
        let has_result = prepared[last_user..].iter().any(|message| message.role == Role::Tool);
        if self.capabilities.forgets_instructions && has_result {
            prepared.iter_mut().filter(|message| message.instructs()).for_each(|m| m.must_show = false);
        }
        self.add_tools_to_system(&mut prepared, request, guard);
        Ok(prepared)
    }

    /// The messages with their guarded texts. If the template does not show tools, they are described in
    /// a text; if it does not show calls either, the calls and results are texts, too.
    fn items<'a>(&self, messages: &'a [Message], request: &Request, guard: Guard<'_>) -> Vec<Item<'a>> {
        let tools = self.capabilities.tools;
        // The template asks for calls in a form that is not known: the model must learn the generic one.
        let is_unknown = self.shows_tools() && self.shows_calls() && self.format.calls.unmarked;
        let describes = (!self.shows_tools() || is_unknown) && request.shown_tools().next().is_some();
        let has_calls = || messages.iter().any(|message| !message.tool_calls.is_empty());
        let writes_calls = !self.shows_tools() && !self.shows_calls() && (describes || has_calls());
        let mut items: Vec<Item<'a>> = Vec::with_capacity(messages.len() + 1);
        for (index, message) in messages.iter().enumerate() {
            let role = match message.role {
                Role::Developer if !self.capabilities.developer => Role::System,
                role => role,
            };
            let mut texts: Vec<Cow<'a, str>> = match &message.content {
                Some(content) => content.texts().map(|text| guard.content(message.role, text)).collect(),
                None => vec!["".into()],
            };
            let mut item =
                Item { role, texts: Vec::new(), index, message: Some(message), written: false, joins: false };
            if writes_calls && !message.tool_calls.is_empty() {
                texts.retain(|text| !text.trim().is_empty());
                texts.extend(message.tool_calls.iter().map(|call| {
                    let arguments = super::calls::ArgumentsForm::Object.form(&call.arguments);
                    let name = guard.text(&call.name);
                    Cow::Owned(written_call(&name, &guard.value(&arguments)))
                }));
                // One text, because a template may write parts without anything between.
                texts = vec![texts.join("\n").into()];
                item.written = true;
            }
            if writes_calls && role == Role::Tool {
                texts = vec![written_result(&texts.join("\n")).into()];
                item.role = Role::User;
                item.message = None;
            }
            // Many templates reject two user messages in a row.
            let results = |item: &Item<'_>| messages[item.index].role == Role::Tool;
            item.joins = writes_calls
                && item.role == Role::User
                && items
                    .last()
                    .is_some_and(|last| last.role == Role::User && (results(last) || results(&item)));
            items.push(Item { texts, ..item });
        }
        self.add_thinking_text(&mut items, request);
        if let Some(text) = request.shown_form().map(|form| guard.text(&form.described()).into_owned()) {
            add_instruction(&mut items, text);
        }
        if describes {
            let parallel = request.parallel_tool_calls != Some(false);
            let example = if is_unknown { "" } else { &self.capabilities.calls.example };
            let mut text = described(&tools.value(request.shown_tools(), guard), example, parallel);
            let at = items.iter().take_while(|item| item.instructs()).count();
            let before = at.checked_sub(1).map(|last| (items[last].role, items[last].index));
            let (role, index) = before.unwrap_or((Role::System, 0));
            if before.is_some() {
                text.insert(0, '\n');
            }
            let joins = before.is_some();
            items.insert(
                at,
                Item { role, texts: vec![text.into()], index, message: None, written: true, joins },
            );
        }
        items
    }

    /// Adds the text with which the template turns thinking on or off.
    fn add_thinking_text(&self, items: &mut Vec<Item<'_>>, request: &Request) {
        let (Some(switch), Some(thinks)) = (self.thinking.texts, request.thinks()) else { return };
        let text = switch.text(thinks);
        if !switch.in_system {
            let last = items.iter_mut().rfind(|item| item.role == Role::User);
            if let Some(said) = last.and_then(|item| item.texts.last_mut()) {
                said.to_mut().extend([" ", text]);
            }
            return;
        }
        add_instruction(items, text.to_owned());
    }

    /// Adds the tools to the system message, for templates that look for them there.
    fn add_tools_to_system(&self, prepared: &mut Vec<Prepared<'_>>, request: &Request, guard: Guard<'_>) {
        let tools = self.capabilities.tools;
        let mut shown = request.shown_tools().peekable();
        let ToolsPlace::SystemMessage(field) = tools.place() else { return };
        if shown.peek().is_none() {
            return;
        }
        let json = spaced(&tools.value(shown, guard));
        if prepared.first().is_none_or(|first| first.role != Role::System) {
            let form = self.capabilities.system.unwrap_or(self.capabilities.assistant);
            prepared.insert(0, Prepared::of_texts(Role::System, form, vec!["".into()], 0));
        }
        if let Some(first) = prepared.first_mut() {
            first.set(field, json.into());
        }
    }

    /// Adds reasoning in the form that the template takes.
    fn with_reasoning<'a>(&self, mut item: Prepared<'a>, reasoning: Cow<'a, str>) -> Prepared<'a> {
        let has_text = item.texts.iter().any(|text| !text.trim().is_empty());
        if self.thinking.rejects_text && item.tool_calls.is_some() && has_text {
            let texts = std::mem::replace(&mut item.texts, vec!["".into()]);
            let joined = format!("{reasoning}\n\n{}", texts.join("\n"));
            return item.with_reasoning(joined.into(), self.thinking.form);
        }
        item.with_reasoning(reasoning, self.thinking.form)
    }
}

/// Adds a text to the first instructions.
fn add_instruction(items: &mut Vec<Item<'_>>, text: String) {
    match items.first_mut().filter(|item| item.instructs()) {
        Some(first) => first.texts.push(text.into()),
        None => {
            let texts = vec![text.into()];
            let role = Role::System;
            items.insert(0, Item { role, texts, index: 0, message: None, written: true, joins: false });
        }
    }
}
