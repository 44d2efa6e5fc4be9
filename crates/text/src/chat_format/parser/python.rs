//! Reads calls as Python writes them, and their arguments as JSON.

use super::call::{MAX_NAME, Step};
use super::json::JsonReader;
use super::string::push_string;
use super::value::ValueReader;
use super::{ChatParser, Flow, Sink};

#[derive(Clone, Debug)]
pub(super) enum ListStep {
    /// Before the name of a function, or inside it.
    Item,
    /// Before the name of an argument, or inside it.
    Key,
    Value(ValueReader),
}

impl ChatParser {
    pub(super) fn read_list(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::List(step) = &mut self.call.step else { return Flow::Next };
        match step {
            ListStep::Value(value) => {
                let mut json = String::new();
                let (length, progress) = value.read(&self.text[self.at..], self.end.is_some(), &mut json);
                self.take(length);
                self.add_arguments(&json, sink);
                self.go_on(progress, sink, |parser, _| {
                    parser.call.step = Step::List(ListStep::Key);
                    Flow::Next
                })
            }
            ListStep::Item => self.read_function(sink),
            ListStep::Key => self.read_keyword(sink),
        }
    }

    fn read_function(&mut self, sink: &mut Sink<'_>) -> Flow {
        let in_name = !self.call.buffer.is_empty();
        if !in_name && !self.skip(&[',', '[', ';']) {
            return Flow::Wait;
        }
        match self.take_word(|c| c.is_alphanumeric() || "_.-".contains(c)) {
            None => Flow::Wait,
            Some('(') => {
                self.take(1);
                self.call.name = std::mem::take(&mut self.call.buffer);
                // Models write the name of a module that the template writes before names.
                if let Some((_, name)) = self.call.name.rsplit_once('.')
                    && !self.tools.contains(&self.call.name)
                    && self.tools.contains(name)
                {
                    self.call.name = name.to_owned();
                }
                if !self.begin_call(sink) {
                    return self.fail(sink);
                }
                self.call.step = Step::List(ListStep::Key);
                Flow::Next
            }
            // Models also write their calls in JSON.
            Some('{') if self.call.buffer.is_empty() && !self.call.had_call => {
                self.call.step = Step::Json(JsonReader::in_array());
                Flow::Next
            }
            Some(c) if self.call.buffer.is_empty() && self.call.had_call => {
                self.at += usize::from(c == ']');
                self.end_list();
                Flow::Next
            }
            Some(_) => self.fail(sink),
        }
    }

    fn read_keyword(&mut self, sink: &mut Sink<'_>) -> Flow {
        let in_name = !self.call.buffer.is_empty();
        if !in_name && !self.skip(&[',']) {
            return Flow::Wait;
        }
        match self.take_word(|c| c.is_alphanumeric() || "_- ".contains(c)) {
            None => Flow::Wait,
            Some('=') if !self.call.buffer.is_empty() => {
                self.take(1);
                let mut text = if self.call.arguments.is_empty() { "{".to_owned() } else { ", ".to_owned() };
                push_string(std::mem::take(&mut self.call.buffer).trim(), &mut text);
                text += ": ";
                self.add_arguments(&text, sink);
                self.call.step = Step::List(ListStep::Value(self.call.value()));
                Flow::Next
            }
            Some(')') if self.call.buffer.is_empty() => {
                self.take(1);
                let close = if self.call.arguments.is_empty() { "{}" } else { "}" };
                self.add_arguments(close, sink);
                self.end_call(true, sink);
                self.call.step = Step::List(ListStep::Item);
                Flow::Next
            }
            Some(_) => {
                let text = std::mem::take(&mut self.call.buffer);
                self.add_arguments(&text, sink);
                self.call.step = Step::Malformed;
                Flow::Next
            }
        }
    }

    /// Reads a word into the buffer; the character after it, or `None` if it needs more text.
    fn take_word(&mut self, belongs: impl Fn(char) -> bool) -> Option<char> {
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let next = rest[length..].chars().next();
        let word = rest[..length].to_owned();
        self.take(length);
        self.call.buffer += &word;
        // A word that is too long is none.
        if self.call.buffer.len() > MAX_NAME { next.or(Some('\0')) } else { next }
    }
}
