//! How an answer starts: within reasoning, in a text that has begun, or with a call that the request asks for.

use std::sync::Arc;

use linnet_text::{CallKind, ChatFormat, ChatParser, Tokenizer};
use serde_json::Value;

use super::Chat;
use super::calls::numbered_id;
use crate::Request;
use crate::request::{Content, Message};

/// The start of an answer, and how to read the rest.
#[derive(Debug)]
pub struct AnswerStart<'a> {
    pub(crate) format: &'a ChatFormat,
    /// Control tokens that the parser needs as text, sorted.
    pub(crate) shown: &'a Arc<[u32]>,
    begun: String,
    /// Whether the template shows that the model reasons.
    reasons: bool,
    /// Number of calls in the conversation.
    pub(crate) calls_before: usize,
    place: Place,
}

/// Where the answer continues.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Whether it is in reasoning.
    inside_reasoning: bool,
    /// Whether there is text before.
    within_text: bool,
}

impl AnswerStart<'_> {
    /// The format of the answer.
    pub fn format(&self) -> &ChatFormat {
        self.format
    }

    /// Control tokens that the parser needs as text, sorted.
    pub fn shown(&self) -> &Arc<[u32]> {
        self.shown
    }

    /// The text of the answer at the end of the prompt, which the parser reads first.
    pub fn begun(&self) -> &str {
        &self.begun
    }

    /// Whether the prompt ends within reasoning.
    pub(crate) fn is_inside_reasoning(&self) -> bool {
        self.place.inside_reasoning
    }

    /// The mark with which the model may begin to reason.
    pub(crate) fn reasoning_opens(&self, request: &Request) -> Option<&str> {
        let may = self.reasons && !self.place.inside_reasoning && !self.place.within_text;
        let inline = self.format.inline_reasoning().filter(|_| may && request.thinks() != Some(false));
        inline.map(|marks| marks.open.as_str())
    }

    /// The mark with which the model begins the text of its answer.
    pub(crate) fn answer_opens(&self) -> Option<&str> {
        self.format.answer.as_ref().map(|marks| marks.open.as_str())
    }

    /// The marks with which the model may begin a call.
    pub(crate) fn call_opens(&self, request: &Request) -> Vec<&str> {
        let calls = &self.format.calls;
        if request.shown_tools().next().is_none() || self.format.next_message().is_some() {
            return Vec::new();
        }
        let first = [&calls.section.open, &calls.call.open].into_iter().find(|mark| !mark.trim().is_empty());
        first.into_iter().chain(&calls.other_opens).map(|mark| mark.trim()).collect()
    }

    /// The text that ends reasoning, so that the text of the answer can begin.
    pub(crate) fn end_of_reasoning(&self) -> String {
        match (self.format.next_message(), self.format.inline_reasoning()) {
            (Some(next), _) if matches!(self.format.calls.kind, CallKind::Harmony) => {
                format!("{next}<|channel|>final<|message|>")
            }
            (None, Some(marks)) => marks.close.clone() + self.format.after_reasoning(),
            _ => String::new(),
        }
    }

    /// The parser for the answer.
    pub fn parser(&self, request: &Request) -> ChatParser {
        let tools: Vec<Value> = request.shown_tools().map(|tool| tool.definition().clone()).collect();
        let tools = (!tools.is_empty()).then(|| Value::from(tools));
        let Place { inside_reasoning, within_text } = self.place;
        let parser = ChatParser::new(self.format, tools.as_ref(), inside_reasoning);
        if within_text { parser.within_text() } else { parser }
    }
}

impl Chat {
    /// The start of an answer after `prompt`. If the request asks for a call, the prompt is extended to the
    /// start of that call.
    pub(super) fn answer_start(&self, request: &Request, prompt: &mut String) -> AnswerStart<'_> {
        let mut place = match request.begun_answer() {
            Some(message) => self.place_in(message, prompt),
            None => Place { inside_reasoning: self.format.ends_inside_reasoning(prompt), within_text: false },
        };
        let messages = request.messages.as_deref().unwrap_or_default();
        let calls_before = messages.iter().map(|message| message.tool_calls.len()).sum();
        let mut required = None;
        if let Some(name) = request.required_call() {
            let id = |name: &str| numbered_id(self.format.ids, name, calls_before);
            let start = self.format.call_start(name, &id);
            self.end_text(place, prompt);
            place = Place { inside_reasoning: false, within_text: false };
            required = Some(start);
        }
        let is_new = request.begun_answer().is_none();
        let mark = if is_new { self.format.begun_mark(prompt) } else { "" };
        let begun = required.unwrap_or_else(|| mark.to_owned());
        prompt.push_str(begun.strip_prefix(mark).unwrap_or(&begun));
        let reasons = self.format.reasoning.is_some();
        AnswerStart { format: &self.answer_format, shown: &self.shown, begun, reasons, calls_before, place }
    }

    /// Where the continuation of a message goes on.
    fn place_in(&self, message: &Message, prompt: &str) -> Place {
        let text = message.content.as_ref().map(Content::text).unwrap_or_default();
        let thought = message.reasoning_content.as_deref().unwrap_or_default();
        if text.trim().is_empty() {
            let within_text = !thought.trim().is_empty();
            let inside_reasoning = within_text || self.format.ends_inside_reasoning(prompt);
            return Place { inside_reasoning, within_text };
        }
        let ends =
            self.reasoning_marks.iter().filter_map(|mark| Some(text.rfind(mark.as_str())? + mark.len()));
        Place {
            inside_reasoning: self.ends_in_reasoning(&text),
            within_text: !text[ends.max().unwrap_or(0)..].trim().is_empty(),
        }
    }

    /// Ends the text or the reasoning at the end of the prompt, so that a call can follow.
    fn end_text(&self, place: Place, prompt: &mut String) {
        let is_open = place.inside_reasoning || place.within_text;
        if let Some(next) = self.format.next_message() {
            prompt.push_str(if is_open { next } else { "" });
            return;
        }
        if place.inside_reasoning {
            let close = self.reasoning_marks.last().map_or("", String::as_str);
            prompt.extend([close, self.format.after_reasoning()]);
            return;
        }
        if place.within_text
            && let Some(marks) = &self.format.answer
            && prompt.rfind(&marks.open) > prompt.rfind(&marks.close)
        {
            prompt.push_str(&marks.close);
            prompt.push_str(self.format.part_start.as_deref().unwrap_or_default());
        }
        if is_open && self.format.calls.call.open.ends_with('\n') && !prompt.ends_with('\n') {
            // Such formats write calls on lines of their own.
            prompt.push('\n');
        }
    }
}

/// The control tokens that the parser of a format needs as text, sorted.
pub(super) fn shown_tokens(format: &ChatFormat, tokenizer: &Tokenizer) -> Arc<[u32]> {
    let marks = format.marks();
    let is_needed = |text: &str| text.len() > 1 && marks.iter().any(|mark| mark.contains(text));
    let all = 0..tokenizer.vocab_size() as u32;
    let shown =
        all.filter(|id| tokenizer.is_control(*id) && tokenizer.token_text(*id).is_some_and(is_needed));
    shown.collect()
}
