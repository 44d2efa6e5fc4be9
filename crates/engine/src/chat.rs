//! A model's chat template: what it was found to want, and prompts made with it.
//!
//! Templates differ in more than the text around the messages. Most take `content` as a string; some walk over it as typed parts and
//! print nothing of a string. So when a model is loaded a few small conversations are rendered, and what becomes of a word in them
//! tells how the template wants its messages.

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

/// A chat template that knows how it wants its messages.
#[derive(Debug)]
pub(crate) struct Chat {
    template: ChatTemplate,
    capabilities: TemplateCapabilities,
    /// The marks with which it writes thoughts.
    thought_marks: Option<ThoughtMarks>,
    /// Whether thoughts are in the field `thinking`, too, as gpt-oss' template has it.
    thinking_field: bool,
    /// What is looked for in texts, by the template and here, sorted.
    looked_for: Vec<String>,
}

impl Chat {
    /// Compiles the template and finds out what it wants.
    ///
    /// # Errors
    /// [`TextError::Template`] where `source` is no template. One that loses what the person says is an error of [`Chat::prompt`]: the
    /// model is good for completions.
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

    /// The prompt for an answer to `messages`, or for the rest of the assistant's message at their end. Control tokens that the messages
    /// spell are guarded.
    ///
    /// # Errors
    /// [`Error::Text`] where the template refuses the messages or fails, [`Error::TextLost`] where it leaves out what is said.
    pub(crate) fn prompt(
        &self,
        messages: &[Message],
        tokenizer: &Tokenizer,
        now: LocalTime,
    ) -> Result<String, Error> {
        let begun = messages.last().is_some_and(Message::is_begun_answer);
        let with = |guard: Guard<'_>| self.prompt_of(&self.prepare(messages, guard)?, begun, now);
        let prompt = with(Guard::Spelled(tokenizer))?;
        // What the template makes of texts may spell control tokens that none of them does: in another case, cut, or put together.
        // With texts that say nothing it writes its own alone.
        let controls = tokenizer.controls(&prompt);
        let own = with(Guard::Word(&self.looked_for)).map(|prompt| tokenizer.controls(&prompt));
        if own.as_ref().is_ok_and(|own| *own == controls) {
            return Ok(prompt);
        }
        // Or it looks at the texts and writes something else for these. Then guards everywhere tell.
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
            // Many templates write the instructions beside the first question.
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

    /// The messages as the template wants them.
    fn prepare<'a>(&self, messages: &'a [Message], guard: Guard<'_>) -> Result<Vec<Prepared<'a>>, Error> {
        let Some(user) = self.capabilities.user else {
            let first = messages.iter().position(|message| message.role == Role::User).unwrap_or(0);
            return Err(lost(Role::User, first));
        };
        let mut prepared: Vec<Prepared<'a>> = Vec::with_capacity(messages.len());
        let mut instructions: Vec<Cow<'a, str>> = Vec::new();
        // Whether there have been only instructions.
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
            // An answer that is being continued remains the last message.
            let begun = messages.last().is_some_and(Message::is_begun_answer);
            let at = prepared.len() - usize::from(begun);
            match prepared[..at].last_mut() {
                // Many templates take no two messages of the person in a row.
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
