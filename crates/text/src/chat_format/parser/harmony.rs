//! Messages with a header, each for a channel or a recipient, as in OpenAI's harmony.

use super::call::Step;
use super::marks::{Match, Names, match_any};
use super::tokens::unguarded;
use super::{Channel, ChatEnd, ChatParser, Flow, State};
use crate::chat_format::CallKind;
use crate::tokenizer::GUARD;

/// The end of a header.
const MESSAGE: &str = "<|message|>";

/// All marks of harmony: those of a header, its end, and the ends of a message.
pub(in crate::chat_format) const HARMONY: [&str; 7] =
    ["<|start|>", "<|channel|>", "<|constrain|>", MESSAGE, "<|end|>", "<|call|>", "<|return|>"];

/// The marks of messages to a recipient, in the same order.
pub(in crate::chat_format) const RECIPIENTS: [&str; 4] = ["<|start|>", MESSAGE, "<|eom|>", "<|eot|>"];

impl ChatParser {
    pub(super) fn read_header(&mut self) -> Flow {
        let rest = self.rest();
        let ends = self.headers.iter().skip_while(|mark| **mark != MESSAGE);
        let body = ends.map(|mark| self.guarded(mark)).collect::<Vec<_>>();
        if self.header.is_empty() {
            let trimmed = rest.trim_start();
            let any_mark = if self.controls.is_empty() { "<|" } else { MESSAGE };
            let words = [any_mark, "to=", "assistant"];
            let begins: Vec<String> =
                self.headers.iter().chain(&words).map(|start| self.guarded(start)).collect();
            if !begins.iter().any(|start| trimmed.starts_with(start.as_str())) {
                if self.end != Some(ChatEnd::Stopped) && begins.iter().any(|start| start.starts_with(trimmed))
                {
                    return Flow::Wait;
                }
                // Output without any mark is an answer.
                self.begin_text(Channel::Content);
                return Flow::Next;
            }
        }
        let mut read = rest.len();
        let mut found = None;
        for (at, _) in rest.char_indices().filter(|(at, _)| rest[*at..].starts_with(['<', GUARD])) {
            match match_any(&rest[at..], &body) {
                Match::No => {}
                other => {
                    (read, found) = (at, Some(other));
                    break;
                }
            }
        }
        let text = rest[..read].to_owned();
        self.at += read;
        self.header += &text;
        match found {
            Some(Match::Full(length)) => {
                let is_message = unguarded(&self.rest()[..length]) == MESSAGE;
                self.at += length;
                let header = std::mem::take(&mut self.header);
                if is_message {
                    self.begin_message(&header);
                }
                Flow::Next
            }
            _ => Flow::Wait,
        }
    }

    fn begin_message(&mut self, header: &str) {
        let word_after = |mark: &str| {
            let (_, after) = header.split_once(mark)?;
            let word =
                after.split(|c: char| c.is_whitespace() || c == '<' || c == GUARD).next().unwrap_or("");
            (!word.is_empty()).then_some(word)
        };
        let named = word_after("<|channel|>");
        let is_harmony = self.call.kind == CallKind::Harmony;
        match word_after("to=") {
            Some(recipient) if is_harmony && !self.tools.is_empty() => {
                let name = recipient.strip_prefix("functions.").unwrap_or(recipient).to_owned();
                self.begin_named_call(&name);
            }
            None if named == Some("analysis") => self.begin_paragraph(Channel::Reasoning),
            Some("self") if !is_harmony => self.begin_paragraph(Channel::Reasoning),
            _ => self.begin_paragraph(Channel::Content),
        }
    }

    /// A call whose name was read elsewhere.
    pub(super) fn begin_named_call(&mut self, name: &str) {
        self.call.begin(String::new(), true, Names::Any);
        name.clone_into(&mut self.call.name);
        self.call.step = Step::BeforeObject;
        self.state = State::Call;
    }
}
