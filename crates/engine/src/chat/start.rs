//! How an answer starts: within reasoning, or with a call that the request asks for.

use std::sync::Arc;

use linnet_text::{ChatFormat, ChatParser, Tokenizer};
use serde_json::Value;

use super::Chat;
use crate::Request;
use crate::request::Content;

/// The start of an answer, and how to read the rest.
#[derive(Debug)]
pub struct AnswerStart<'a> {
    pub(crate) format: &'a ChatFormat,
    /// Control tokens that the parser needs as text, sorted.
    pub(crate) shown: &'a Arc<[u32]>,
    /// The text of the answer at the end of the prompt, for the parser.
    pub(crate) call: String,
    /// Whether the answer continues the prompt's reasoning.
    inside_reasoning: bool,
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

    /// The parser for the answer.
    pub fn parser(&self, request: &Request) -> ChatParser {
        let tools: Vec<Value> = request.shown_tools().map(|tool| tool.definition().clone()).collect();
        let tools = (!tools.is_empty()).then(|| Value::from(tools));
        ChatParser::new(self.format, tools.as_ref(), self.inside_reasoning)
    }
}

impl Chat {
    /// The start of an answer after `prompt`. If the request asks for a call, the prompt is extended to the
    /// start of that call.
    pub(super) fn answer_start(&self, request: &Request, prompt: &mut String) -> AnswerStart<'_> {
        let begun = request.begun_answer();
        let only_reasoning = begun.is_some_and(|message| {
            let is_empty = |content: &Content| content.texts().all(|text| text.trim().is_empty());
            message.reasoning_content.is_some() && message.content.as_ref().is_none_or(is_empty)
        });
        let mut inside_reasoning = only_reasoning || self.format.ends_inside_reasoning(prompt);
        let start = request.required_call().filter(|_| begun.is_none()).and_then(|name| {
            // Not every format has the arguments right after the name.
            self.format.call_start(name).or_else(|| self.format.call_start(None))
        });
        if start.is_some()
            && inside_reasoning
            && let Some(reasoning) = &self.format.reasoning
        {
            prompt.push_str(&reasoning.marks.close);
            prompt.push_str("\n\n");
            inside_reasoning = false;
        }
        let call = start.unwrap_or_default();
        prompt.push_str(&call);
        AnswerStart { format: &self.format, shown: &self.shown, call, inside_reasoning }
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
