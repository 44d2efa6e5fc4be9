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
mod sample;
mod start;
mod templates;
mod text_start;
mod thinking;
mod tools;
mod variables;

use std::sync::Arc;

use linnet_text::{ChatFormat, ChatTemplate, LocalTime, PromptMarks, ReasoningFormat, TextError, Tokenizer};
use serde::Serialize;

use begun::marks_in_answers;
pub(crate) use calls::numbered_id;
use calls::with_ids_of;
use capabilities::{ContentForm, TemplateCapabilities};
use lost::first_lost;
use message::{Guard, Guarded, Prepared};
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
    /// The same for reading its answers: models may reason although their templates do not mention it.
    answer_format: ChatFormat,
    /// Control tokens that the parser of this format needs as text, sorted.
    shown: Arc<[u32]>,
    capabilities: TemplateCapabilities,
    /// The tokens that no text may become.
    marks: PromptMarks,
    /// The marks around reasoning in answers, opening and closing; empty if answers have none.
    reasoning_marks: Vec<String>,
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
        let mut answer_format = format.clone();
        answer_format.reasoning.get_or_insert_with(ReasoningFormat::usual);
        let shown = shown_tokens(&answer_format, tokenizer);
        let capabilities = TemplateCapabilities::of(&template, source, now, format.arguments);
        let form = capabilities.user.unwrap_or(ContentForm::Text);
        let asked = form.message(Role::User, ".");
        let thinking = Thinking::of(&template, source, now, &asked, &capabilities, &format);
        let mut looked_for = template.literals().to_vec();
        let reasoning_marks: Vec<String> =
            marks_in_answers(&format).map_or_else(Vec::new, |marks| vec![marks.open, marks.close]);
        looked_for.extend_from_slice(&reasoning_marks);
        looked_for.sort_unstable();
        let marks = tokenizer.marks("");
        let mut chat = Chat {
            template,
            format,
            answer_format,
            shown,
            capabilities,
            marks,
            reasoning_marks,
            thinking,
            looked_for,
        };
        let own_text = [text(tokenizer.bos()), text(tokenizer.eos()), source, &chat.own_text(now)].join("\n");
        chat.marks = tokenizer.marks(&own_text);
        Ok(chat)
    }

    /// What the template, this crate and the model write besides texts of requests.
    fn own_text(&self, now: LocalTime) -> String {
        let mut text = tools::OWN_MARKS.to_owned();
        for mark in self.format.marks() {
            text += "\n";
            text += &mark;
        }
        for request in sample::requests() {
            // A template may reject the conversation.
            if let Ok(prompt) = self.rendered(&request, Guard::Word(&self.looked_for), now) {
                text += "\n";
                text += &prompt;
            }
        }
        text
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
    /// end. Marks spelled in the request are guarded.
    ///
    /// # Errors
    /// [`Error::Text`] if the template rejects the messages or fails, [`Error::TextLost`] if it leaves out a
    /// message, [`Error::InvalidRequest`] if it cannot show the documents.
    fn prompt(&self, request: &Request, tokenizer: &Tokenizer, now: LocalTime) -> Result<String, Error> {
        // No template splits an answer at the end of a turn.
        let is_end = self.format.part_start.is_some();
        let reasoning = if is_end { &[][..] } else { &self.reasoning_marks };
        let guarded = Guarded { tokenizer, marks: &self.marks, reasoning };
        let with = |guard: Guard<'_>| self.rendered(request, guard, now);
        let marks_in = |prompt: &str| tokenizer.find_marks(prompt, &self.marks);
        let prompt = with(Guard::Spelled(guarded))?;
        // The template's output may spell marks that no text does: texts in another case, cut, or joined.
        // With placeholder texts, it only writes its own marks.
        let marks = marks_in(&prompt);
        let own = with(Guard::Word(&self.looked_for)).map(|prompt| marks_in(&prompt));
        if own.as_ref().is_ok_and(|own| *own == marks) {
            return Ok(prompt);
        }
        // Or it inspects the texts and writes others for these. Then guards in every position decide.
        match with(Guard::Everywhere(guarded, &self.looked_for)) {
            Ok(safe) if marks_in(&safe).len() < marks.len() => Ok(safe),
            Ok(_) => Ok(prompt),
            Err(_) if own.as_ref().is_ok_and(|own| own.len() >= marks.len()) => Ok(prompt),
            Err(error) => Err(error),
        }
    }

    fn rendered(&self, request: &Request, guard: Guard<'_>, now: LocalTime) -> Result<String, Error> {
        let messages = with_ids_of(self.format.ids, request.messages.as_deref().unwrap_or_default());
        let variables = self.variables(request, guard, now)?;
        self.prompt_of(&self.prepare(&messages, request, guard)?, request, &variables)
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
