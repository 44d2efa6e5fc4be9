//! Chat templates: detects a template's features and renders prompts with it.
//!
//! Templates differ in more than the text around the messages. Most take `content` as a string; some iterate
//! over it as typed parts and print nothing for a string. So when a model is loaded, a few small
//! conversations are rendered, and a probe word in them shows which form of messages the template takes.

mod begun;
mod calls;
mod capabilities;
mod lost;
mod message;
mod prepare;
mod probe;
mod start;
mod templates;
mod thinking;
mod tools;
mod variables;

use std::sync::Arc;

use linnet_text::{ChatFormat, ChatTemplate, LocalTime, TextError, Tokenizer};
use serde::Serialize;

use begun::{THOUGHT_MARKS, ThoughtMarks, thought_marks_of};
use calls::with_short_ids;
use capabilities::{ContentForm, TemplateCapabilities};
use lost::first_lost;
use message::{Guard, Prepared};
pub use start::AnswerStart;
use start::shown_tokens;
pub use templates::ChatTemplates;
use thinking::Thinking;
use tools::ToolsPlace;
use variables::Variables;

use crate::request::Role;
use crate::{Error, Request};

/// A chat template and its detected features.
#[derive(Debug)]
struct Chat {
    template: ChatTemplate,
    /// How the model marks its reasoning and its calls.
    format: ChatFormat,
    /// Control tokens that the parser of this format needs as text, sorted.
    shown: Arc<[u32]>,
    capabilities: TemplateCapabilities,
    /// The marks that it writes around reasoning.
    thought_marks: Option<ThoughtMarks>,
    thinking: Thinking,
    /// Strings that the template and this crate search texts for, sorted.
    looked_for: Vec<String>,
}

impl Chat {
    /// Compiles the template and detects its features.
    ///
    /// # Errors
    /// [`TextError::Template`] if `source` is not a template. A template that loses the user's text only
    /// makes [`Chat::prompt`] fail: the model still works for completions.
    fn new(source: &str, tokenizer: &Tokenizer, now: LocalTime) -> Result<Self, TextError> {
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or_default();
        let template = ChatTemplate::new(source, text(tokenizer.bos()), text(tokenizer.eos()))?;
        let format = ChatFormat::detect(&template, source, now);
        let shown = shown_tokens(&format, tokenizer);
        let capabilities = TemplateCapabilities::of(&template, source, now);
        let form = capabilities.user.unwrap_or(ContentForm::Text);
        let asked = form.message(Role::User, ".");
        let thinking = Thinking::of(&template, source, now, &asked, capabilities.assistant);
        let mut looked_for = template.literals().to_vec();
        looked_for.extend(THOUGHT_MARKS.as_flattened().iter().map(|mark| (*mark).to_owned()));
        looked_for.sort_unstable();
        let thought_marks = thought_marks_of(source);
        Ok(Chat { template, format, shown, capabilities, thought_marks, thinking, looked_for })
    }

    /// Whether it can be used.
    fn is_usable(&self) -> bool {
        self.capabilities.user.is_some()
    }

    /// Whether it shows tools.
    fn shows_tools(&self) -> bool {
        self.capabilities.tools.place() != ToolsPlace::Nowhere
    }

    /// Whether it shows past tool calls.
    fn shows_calls(&self) -> bool {
        self.capabilities.calls.shown
    }

    /// The prompt for an answer to a request's messages, or for the rest of the assistant's message at their
    /// end. Control tokens spelled in the request are guarded.
    ///
    /// # Errors
    /// [`Error::Text`] if the template rejects the messages or fails, [`Error::TextLost`] if it leaves out a
    /// message, [`Error::InvalidRequest`] if it cannot show the documents.
    fn prompt(&self, request: &Request, tokenizer: &Tokenizer, now: LocalTime) -> Result<String, Error> {
        let messages = request.messages.as_deref().unwrap_or_default();
        let messages =
            if self.capabilities.calls.short_ids { with_short_ids(messages) } else { messages.into() };
        let with = |guard: Guard<'_>| {
            let variables = self.variables(request, guard, now)?;
            self.prompt_of(&self.prepare(&messages, request, guard)?, request, &variables)
        };
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

    fn prompt_of(
        &self,
        prepared: &[Prepared<'_>],
        request: &Request,
        variables: &Variables,
    ) -> Result<String, Error> {
        let (before, begun) = match prepared.split_last() {
            Some((last, before)) if request.begun_answer().is_some() => (before, Some(last)),
            _ => (prepared, None),
        };
        if let Some(prompt) = begun.and_then(|begun| self.continued_in_place(before, begun, variables)) {
            return Ok(prompt);
        }
        let render = |messages: &[Prepared<'_>]| self.render(messages, request.opens_answer(), variables);
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

    fn render(
        &self,
        messages: &(impl Serialize + ?Sized),
        add_generation_prompt: bool,
        variables: &Variables,
    ) -> Result<String, TextError> {
        variables.render(&self.template, messages, add_generation_prompt)
    }
}

fn lost(role: Role, index: usize) -> Error {
    Error::TextLost { role, field: format!("messages[{index}].content") }
}
