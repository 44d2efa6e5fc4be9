//! OpenAI's harmony: messages with a header, each for a channel or a tool.

use super::call::Step;
use super::marks::{Match, match_any};
use super::{Channel, ChatParser, Flow, State};

/// All marks of the format.
pub(in crate::chat_format) const MARKS: [&str; 7] =
    ["<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>"];

impl ChatParser {
    pub(super) fn read_header(&mut self) -> Flow {
        let rest = self.rest();
        let body = MARKS[3..].iter().map(|mark| (*mark).to_owned()).collect::<Vec<_>>();
        if self.header.is_empty() {
            let trimmed = rest.trim_start();
            let begins = ["<|", "to=", "assistant"];
            if !begins.iter().any(|start| trimmed.starts_with(start)) {
                if self.end.is_none() && begins.iter().any(|start| start.starts_with(trimmed)) {
                    return Flow::Wait;
                }
                // Output without any mark is an answer.
                self.begin_text(Channel::Content);
                return Flow::Next;
            }
        }
        let mut read = rest.len();
        let mut found = None;
        for (at, _) in rest.char_indices().filter(|(at, _)| rest[*at..].starts_with('<')) {
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
                let is_message = self.rest().starts_with(MARKS[3]);
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
            let word = after.split(|c: char| c.is_whitespace() || c == '<').next().unwrap_or("");
            (!word.is_empty()).then_some(word)
        };
        let named = word_after("<|channel|>");
        match word_after("to=") {
            Some(recipient) if !self.tools.is_empty() => {
                let name = recipient.strip_prefix("functions.").unwrap_or(recipient).to_owned();
                self.begin_named_call(&name);
            }
            None if named == Some("analysis") => self.begin_message_text(Channel::Reasoning),
            _ => self.begin_message_text(Channel::Content),
        }
    }

    fn begin_message_text(&mut self, channel: Channel) {
        self.begin_text(channel);
        let joins = if channel == Channel::Content { self.has_content } else { self.has_reasoning };
        self.state = State::Text;
        if joins {
            self.space.push_str("\n\n");
        }
    }

    /// A call whose name was read elsewhere.
    pub(super) fn begin_named_call(&mut self, name: &str) {
        self.call.begin(String::new(), true, true);
        name.clone_into(&mut self.call.name);
        self.call.step = Step::BeforeObject;
        self.state = State::Call;
    }
}
