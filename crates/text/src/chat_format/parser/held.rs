//! Calls inside reasoning: models quote calls while they reason, and some call without closing their reasoning.

use super::call::Step;
use super::marks::{Match, match_tag};
use super::{Channel, ChatEnd, ChatEvent, ChatParser, Flow, Sink, State};

/// Length of the text that is searched for the closing mark at once.
const WINDOW: usize = 256;

/// Calls inside reasoning, held back until it is known what follows them.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The text since the opening mark.
    text: String,
    /// The number of calls before.
    calls: usize,
    events: Vec<CallEvent>,
    /// Whether there was content before.
    has_content: bool,
    /// Whether it turned out to be no call, but a part of the reasoning.
    is_quote: bool,
    /// Whether the reasoning was closed.
    closed: bool,
}

#[derive(Clone, Debug)]
enum CallEvent {
    Begun { name: String, id: Option<String> },
    Arguments(String),
    Ended { id: Option<String>, valid: bool },
}

impl Held {
    fn add(&mut self, event: ChatEvent<'_>) {
        let owned = |id: Option<&str>| id.map(str::to_owned);
        match event {
            ChatEvent::Content(_) | ChatEvent::Reasoning(_) => self.is_quote = true,
            ChatEvent::CallBegun { name, id, .. } => {
                self.events.push(CallEvent::Begun { name: name.to_owned(), id: owned(id) });
            }
            ChatEvent::Arguments { text, .. } => match self.events.last_mut() {
                Some(CallEvent::Arguments(arguments)) => arguments.push_str(text),
                _ => self.events.push(CallEvent::Arguments(text.to_owned())),
            },
            ChatEvent::CallEnded { id, valid, .. } => {
                self.is_quote |= !valid;
                self.events.push(CallEvent::Ended { id: owned(id), valid });
            }
        }
    }

    /// Whether it is one valid call or several, and nothing else.
    fn are_calls(&self) -> bool {
        !self.is_quote && matches!(self.events.last(), Some(CallEvent::Ended { .. }))
    }

    fn report(self, sink: &mut Sink<'_>) {
        let mut index = self.calls;
        for event in &self.events {
            match event {
                CallEvent::Begun { name, id } => {
                    sink(ChatEvent::CallBegun { index, name, id: id.as_deref() })
                }
                CallEvent::Arguments(text) => sink(ChatEvent::Arguments { index, text }),
                CallEvent::Ended { id, valid } => {
                    sink(ChatEvent::CallEnded { index, id: id.as_deref(), valid: *valid });
                    index += 1;
                }
            }
        }
    }
}

impl ChatParser {
    /// Begins to hold back calls; `text` ends with the opening mark.
    pub(super) fn hold(&mut self, text: String) {
        self.held = Some(Box::new(Held {
            text,
            calls: self.calls,
            events: Vec::new(),
            has_content: self.has_content,
            is_quote: false,
            closed: false,
        }));
        // Until it is a quote, it is read like the calls of an answer.
        self.channel = Channel::Content;
    }

    pub(super) fn read_held(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Some(mut held) = self.held.take() else { return Flow::Next };
        let mut window = WINDOW;
        loop {
            if held.closed {
                let text = self.rest().trim_start();
                self.at = self.text.len() - text.len();
                if self.rest().is_empty() {
                    break;
                }
                self.quote(&held, sink);
                self.begin_text(Channel::Content);
                return Flow::Next;
            }
            let (limit, close) = self.find_close(window);
            let read = self.read_call_of(&mut held, limit);
            if held.is_quote {
                self.quote(&held, sink);
                return Flow::Next;
            }
            match close {
                Match::Full(length) => {
                    let is_over = self.state == State::Text || matches!(self.call.step, Step::After);
                    let blank = self.rest().len() - self.rest().trim_start().len();
                    if !is_over || !held.are_calls() || blank + read < limit {
                        self.quote(&held, sink);
                        return Flow::Next;
                    }
                    self.at += blank + length;
                    held.closed = true;
                }
                Match::No if limit < self.rest().len() + read => {
                    window = if read == 0 { 2 * window } else { WINDOW };
                }
                _ => break,
            }
        }
        self.held = Some(held);
        Flow::Wait
    }

    /// How much of the next `window` bytes is before the reasoning's closing mark, and the mark.
    fn find_close(&self, window: usize) -> (usize, Match) {
        let rest = self.rest();
        if self.end.is_some() {
            return (rest.len(), Match::No);
        }
        let end = rest.ceil_char_boundary(window.min(rest.len()));
        let mut found = rest[..end].char_indices().map(|(at, _)| (at, match_tag(&rest[at..], &self.close)));
        found.find(|(_, found)| *found != Match::No).unwrap_or((end, Match::No))
    }

    /// Reads from the next `limit` bytes, as long as they may be calls. Returns the length of what was read.
    fn read_call_of(&mut self, held: &mut Held, limit: usize) -> usize {
        let part = self.rest()[..limit].to_owned();
        let (text, at) = (std::mem::replace(&mut self.text, part), std::mem::take(&mut self.at));
        let mut flow = Flow::Next;
        while flow == Flow::Next && !held.is_quote {
            flow = self.step(&mut |event| held.add(event));
            held.is_quote |= self.state == State::Call && matches!(self.call.step, Step::Malformed);
            // Another mark that opens reasoning.
            held.is_quote |= self.channel == Channel::Reasoning;
        }
        let read = self.at;
        held.text.push_str(&self.text[..read]);
        (self.text, self.at) = (text, at + read);
        read
    }

    /// What was held back is reasoning.
    fn quote(&mut self, held: &Held, sink: &mut Sink<'_>) {
        (self.calls, self.has_content) = (held.calls, held.has_content);
        self.begin_text(Channel::Reasoning);
        self.say(&held.text, sink);
    }

    /// The output ended: nothing follows what was held back.
    pub(super) fn end_held(&mut self, mut held: Held, sink: &mut Sink<'_>) {
        let in_call = self.state == State::Call;
        if in_call {
            self.end_of_output_in_call(&mut |event| held.add(event));
        }
        if held.are_calls() || in_call && self.end == Some(ChatEnd::Length) {
            held.report(sink);
            self.begin_text(Channel::Content);
        } else {
            held.text.push_str(self.rest());
            self.quote(&held, sink);
        }
    }
}
