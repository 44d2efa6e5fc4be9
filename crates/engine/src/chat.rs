//! Chat templates: detects a template's features and renders prompts with it.
//!
//! Templates differ in more than the text around the messages. Most take `content` as a string; some iterate
//! over it as typed parts and print nothing for a string. So when a model is loaded, a few small
//! conversations are rendered, and a probe word in them shows which form of messages the template takes.

mod begun;
mod capabilities;
mod lost;
mod message;
mod probe;

use std::borrow::Cow;

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError, Tokenizer};
use serde::Serialize;

use begun::{THOUGHT_MARKS, ThoughtMarks, thought_marks_of};
use capabilities::TemplateCapabilities;
use lost::first_lost;
use message::{Guard, Prepared};

use crate::Error;
use crate::request::{Message, Role};

/// A chat template and its detected features.
#[derive(Debug)]
pub(crate) struct Chat {
    template: ChatTemplate,
    capabilities: TemplateCapabilities,
    /// The marks that it writes around reasoning.
    thought_marks: Option<ThoughtMarks>,
    /// Whether reasoning also goes into the field `thinking`, as in gpt-oss' template.
    thinking_field: bool,
    /// Strings that the template and this crate search texts for, sorted.
    looked_for: Vec<String>,
}

impl Chat {
    /// Compiles the template and detects its features.
    ///
    /// # Errors
    /// [`TextError::Template`] if `source` is not a template. A template that loses the user's text only
    /// makes [`Chat::prompt`] fail: the model still works for completions.
    pub(crate) fn new(source: &str, bos: &str, eos: &str, now: LocalTime) -> Result<Self, TextError> {
        let template = ChatTemplate::new(source, bos, eos)?;
        let capabilities = TemplateCapabilities::of(&template, source, now);
        let thinking_field = source.contains("message.thinking");
        let mut looked_for = template.literals().to_vec();
        looked_for.extend(THOUGHT_MARKS.as_flattened().iter().map(|mark| (*mark).to_owned()));
        looked_for.sort_unstable();
        let thought_marks = thought_marks_of(source);
        Ok(Chat { template, capabilities, thought_marks, thinking_field, looked_for })
    }

    /// Whether it can be used.
    pub(crate) fn is_usable(&self) -> bool {
        self.capabilities.user.is_some()
    }

    /// The prompt for an answer to `messages`, or for the rest of the assistant's message at their end.
    /// Control tokens spelled in the messages are guarded.
    ///
    /// # Errors
    /// [`Error::Text`] if the template rejects the messages or fails, [`Error::TextLost`] if it leaves out a
    /// message.
    pub(crate) fn prompt(
        &self,
        messages: &[Message],
        tokenizer: &Tokenizer,
        now: LocalTime,
    ) -> Result<String, Error> {
        let begun = messages.last().is_some_and(Message::is_begun_answer);
        let with = |guard: Guard<'_>| self.prompt_of(&self.prepare(messages, guard)?, begun, now);
        let prompt = with(Guard::Spelled(tokenizer))?;
        // The template's output may spell control tokens that no text does: texts in another case, cut, or
        // joined.
        // With placeholder texts, it only writes its own control tokens.
        let controls = tokenizer.controls(&prompt);
        let own = with(Guard::Word(&self.looked_for)).map(|prompt| tokenizer.controls(&prompt));
        if own.as_ref().is_ok_and(|own| *own == controls) {
            return Ok(prompt);
        }
        // Or it inspects the texts and writes others for these. Then guards in every position decide.
        match with(Guard::Everywhere(tokenizer, &self.looked_for)) {
            Ok(safe) if tokenizer.controls(&safe).len() < controls.len() => Ok(safe),
            Ok(_) => Ok(prompt),
            Err(_) if own.as_ref().is_ok_and(|own| own.len() >= controls.len()) => Ok(prompt),
            Err(error) => Err(error),
        }
    }

    fn prompt_of(&self, prepared: &[Prepared<'_>], begun: bool, now: LocalTime) -> Result<String, Error> {
        let (before, begun) = match prepared.split_last() {
            Some((last, before)) if begun => (before, Some(last)),
            _ => (prepared, None),
        };
        if let Some(prompt) = begun.and_then(|begun| self.continued_in_place(before, begun, now)) {
            return Ok(prompt);
        }
        let render = |messages: &[Prepared<'_>]| self.render(messages, true, now);
        let mut prompt = render(before)?;
        if let Some(message) = first_lost(&prompt, before, render) {
            // Many templates write the instructions into the first user message.
            if !before.iter().any(|message| message.role == Role::User) {
                let reason = "have no question; add a message with the role `user`";
                return Err(Error::invalid("messages", reason));
            }
            return Err(lost(message.role, message.index));
        }
        if let Some(begun) = begun {
            self.continue_after(&mut prompt, begun);
        }
        Ok(prompt)
    }

    /// Converts the messages to the form that the template takes.
    fn prepare<'a>(&self, messages: &'a [Message], guard: Guard<'_>) -> Result<Vec<Prepared<'a>>, Error> {
        let Some(user) = self.capabilities.user else {
            let first = messages.iter().position(|message| message.role == Role::User).unwrap_or(0);
            return Err(lost(Role::User, first));
        };
        let mut prepared: Vec<Prepared<'a>> = Vec::with_capacity(messages.len());
        let mut instructions: Vec<Cow<'a, str>> = Vec::new();
        // Whether all messages so far are instructions.
        let mut begins = true;
        for (index, message) in messages.iter().enumerate() {
            let role = match message.role {
                Role::Developer if !self.capabilities.developer => Role::System,
                role => role,
            };
            let form = match role {
                Role::System | Role::Developer => self.capabilities.system,
                Role::Assistant => Some(self.capabilities.assistant),
                Role::User | Role::Tool => Some(user),
            };
            let mut texts: Vec<Cow<'a, str>> = match &message.content {
                Some(content) => content.texts().map(|text| guard.text(message.role, text)).collect(),
                None => vec!["".into()],
            };
            let instructs = matches!(role, Role::System | Role::Developer);
            begins &= instructs;
            let form = form.filter(|_| !instructs || begins || self.capabilities.later_instructions);
            let Some(form) = form else {
                instructions.append(&mut texts);
                continue;
            };
            if instructs
                && begins
                && !self.capabilities.second_instructions
                && let Some(first) = prepared.first_mut()
            {
                first.texts.append(&mut texts);
                continue;
            }
            let mut must_show = instructs;
            if role == Role::User && !instructions.is_empty() {
                instructions.append(&mut texts);
                texts = vec![std::mem::take(&mut instructions).join("\n").into()];
                must_show = true;
            }
            let arguments = self.capabilities.arguments;
            let message =
                Prepared::of_texts(role, form, texts, index).with_fields_of(message, arguments, guard);
            prepared.push(Prepared { must_show, ..message });
        }
        if !instructions.is_empty() {
            // The answer to continue stays the last message.
            let begun = messages.last().is_some_and(Message::is_begun_answer);
            let at = prepared.len() - usize::from(begun);
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
        Ok(prepared)
    }

    fn render(
        &self,
        messages: &(impl Serialize + ?Sized),
        add_generation_prompt: bool,
        now: LocalTime,
    ) -> Result<String, TextError> {
        render(&self.template, messages, add_generation_prompt, now)
    }
}

fn render(
    template: &ChatTemplate,
    messages: &(impl Serialize + ?Sized),
    add_generation_prompt: bool,
    now: LocalTime,
) -> Result<String, TextError> {
    template.render(&ChatContext { add_generation_prompt, ..ChatContext::new(messages, now) })
}

fn lost(role: Role, index: usize) -> Error {
    Error::TextLost { role, field: format!("messages[{index}].content") }
}
