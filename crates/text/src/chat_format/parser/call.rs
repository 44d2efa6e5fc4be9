//! Reads calls: their marks, and what all kinds have in common.

use serde::de::IgnoredAny;

use super::json::JsonReader;
use super::marks::{Match, match_any};
use super::python::ListStep;
use super::tagged::{ArgumentTags, TaggedStep};
use super::value::ValueReader;
use super::{Channel, ChatEnd, ChatEvent, ChatParser, Flow, HARMONY, Sink, State};
use crate::chat_format::{CallKind, ChatFormat, Dialect, FieldKind, tags};

/// Longest name, id or key in bytes.
pub(super) const MAX_NAME: usize = 256;

/// The tags of the format, and the call that is read.
#[derive(Clone, Debug)]
pub(super) struct CallReader {
    pub(super) kind: CallKind,
    /// The tags before a call, in order.
    opens: Vec<String>,
    /// The tags after a call.
    pub(super) closes: Vec<String>,
    /// Where arguments that are not valid end.
    stops: Vec<String>,
    /// The fields before the arguments, and the tags after each.
    pub(super) head: Vec<(FieldKind, Vec<String>)>,
    pub(super) tags: ArgumentTags,
    dialect: Dialect,
    /// Whether a call may follow another without a mark.
    unmarked: bool,

    pub(super) step: Step,
    /// What was read while it may still be text.
    raw: String,
    /// Whether the last tag before name or JSON was read.
    opened: bool,
    /// Whether only the request's tools can be called.
    pub(super) known_only: bool,
    /// Whether the opening mark is missing.
    pub(super) bare: bool,
    /// Whether there was a call since the opening mark.
    pub(super) had_call: bool,
    closed: bool,
    /// A field or key while it is read.
    pub(super) buffer: String,
    /// Tags that may follow.
    pub(super) leftover: Vec<String>,
    pub(super) name: String,
    pub(super) id: Option<String>,
    /// All arguments so far.
    pub(super) arguments: String,
    /// Whether the call was reported.
    pub(super) begun: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Open,
    Head(usize),
    /// Before the arguments' object.
    BeforeObject,
    Object(ValueReader),
    Json(JsonReader),
    Tagged(TaggedStep),
    List(ListStep),
    Malformed,
    After,
}

impl CallReader {
    pub(super) fn new(format: &ChatFormat) -> Self {
        let calls = &format.calls;
        let opens = tags::split(&format!("{}{}", calls.section.open, calls.call.open));
        let mut closes = tags::split(&calls.call.close);
        closes.extend(tags::split(&calls.section.close));
        let mut stops: Vec<String> = closes.iter().chain(&opens).cloned().collect();
        stops.retain(|tag| tags::is_distinct(tag));
        let head = match &calls.kind {
            CallKind::Named { head, .. } | CallKind::Tagged { head, .. } => head.as_slice(),
            _ => &[],
        };
        let dialect = match &calls.kind {
            CallKind::Named { dialect, .. } => dialect.clone(),
            CallKind::Json(keys) => keys.dialect.clone(),
            CallKind::Pythonic => Dialect::Python,
            _ => Dialect::Json,
        };
        if calls.kind == CallKind::Harmony {
            stops = HARMONY.iter().map(|mark| (*mark).to_owned()).collect();
        }
        Self {
            unmarked: tags::split(&calls.call.open).is_empty(),
            head: head.iter().map(|field| (field.kind, tags::split(&field.end))).collect(),
            tags: ArgumentTags::new(&calls.kind),
            kind: calls.kind.clone(),
            opens,
            closes,
            stops,
            dialect,
            step: Step::Open,
            raw: String::new(),
            opened: false,
            known_only: false,
            bare: false,
            had_call: false,
            closed: false,
            buffer: String::new(),
            leftover: Vec::new(),
            name: String::new(),
            id: None,
            arguments: String::new(),
            begun: false,
        }
    }

    /// Starts a call after `text`, which shows if it is none.
    pub(super) fn begin(&mut self, text: String, opened: bool, distinct: bool) {
        self.raw = text;
        self.opened = opened;
        self.known_only = !distinct;
        self.bare = false;
        self.had_call = false;
        self.closed = false;
        self.reset(Step::Open);
    }

    fn reset(&mut self, step: Step) {
        self.step = step;
        self.buffer.clear();
        self.leftover.clear();
        self.name.clear();
        self.id = None;
        self.arguments.clear();
        self.begun = false;
    }

    pub(super) fn value(&self) -> ValueReader {
        ValueReader::new(&self.dialect)
    }
}

impl ChatParser {
    pub(super) fn read_call(&mut self, sink: &mut Sink<'_>) -> Flow {
        match self.call.step {
            Step::Open => self.read_open(sink),
            Step::Head(index) => self.read_head(index, sink),
            Step::BeforeObject => self.read_before_object(sink),
            Step::Object(_) => self.read_object(sink),
            Step::Json(_) => self.read_json(sink),
            Step::Tagged(_) => self.read_tagged(sink),
            Step::List(_) => self.read_list(sink),
            Step::Malformed => self.read_malformed(sink),
            Step::After => self.read_after(sink),
        }
    }

    /// Whether a call without a mark may begin here.
    pub(super) fn begin_unmarked_call(&mut self) -> bool {
        let Some(first) = self.rest().chars().next() else { return false };
        let call = &self.call;
        let begins = !self.tools.is_empty()
            && call.opens.is_empty()
            && match call.kind {
                CallKind::Json(_) => matches!(first, '{' | '['),
                CallKind::Pythonic => first == '[',
                CallKind::Named { .. } | CallKind::Tagged { .. } => {
                    self.tools.any_begins(first.encode_utf8(&mut [0; 4]))
                }
                CallKind::Harmony => false,
            };
        if begins {
            let space = std::mem::take(&mut self.space);
            self.call.begin(space, true, false);
            self.call.bare = true;
            self.state = State::Call;
        }
        begins
    }

    /// Reads `length` bytes.
    pub(super) fn take(&mut self, length: usize) {
        if !self.call.begun {
            self.call.raw.push_str(&self.text[self.at..self.at + length]);
        }
        self.at += length;
    }

    /// Reads white space, and these characters; whether more text follows.
    pub(super) fn skip(&mut self, also: &[char]) -> bool {
        let rest = self.rest();
        let length =
            rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || also.contains(&c)).len();
        self.take(length);
        !self.rest().is_empty()
    }

    /// Reads any of `tags`. `None`: none of them is there; then it needs no more text to know.
    pub(super) fn take_any(&mut self, tags: &[String]) -> Option<Flow> {
        match match_any(self.rest(), tags) {
            Match::Full(length) => {
                self.take(length);
                Some(Flow::Next)
            }
            Match::Partial if self.end.is_none() => Some(Flow::Wait),
            _ => None,
        }
    }

    /// It is text.
    pub(super) fn fail(&mut self, sink: &mut Sink<'_>) -> Flow {
        let raw = std::mem::take(&mut self.call.raw);
        self.state = State::Text;
        self.channel = Channel::Content;
        if self.end == Some(ChatEnd::Length) && !self.call.known_only {
            self.at = self.text.len();
        } else {
            self.say(&raw, sink);
        }
        Flow::Next
    }

    /// Reports the call; whether it may be called.
    pub(super) fn begin_call(&mut self, sink: &mut Sink<'_>) -> bool {
        let call = &mut self.call;
        if call.name.is_empty() || call.known_only && !self.tools.contains(&call.name) {
            return false;
        }
        call.begun = true;
        call.raw.clear();
        let index = self.calls;
        sink(ChatEvent::CallBegun { index, name: &call.name, id: call.id.as_deref() });
        if !call.arguments.is_empty() {
            sink(ChatEvent::Arguments { index, text: &call.arguments });
        }
        true
    }

    pub(super) fn add_arguments(&mut self, text: &str, sink: &mut Sink<'_>) {
        if text.is_empty() {
            return;
        }
        self.call.arguments.push_str(text);
        if self.call.begun {
            sink(ChatEvent::Arguments { index: self.calls, text });
        }
    }

    pub(super) fn end_call(&mut self, complete: bool, sink: &mut Sink<'_>) -> Flow {
        if complete && self.call.arguments.is_empty() {
            self.add_arguments("{}", sink);
        }
        let call = &mut self.call;
        let is_object = || {
            call.arguments.trim_start().starts_with('{')
                && serde_json::from_str::<IgnoredAny>(&call.arguments).is_ok()
        };
        let valid = complete && is_object();
        sink(ChatEvent::CallEnded { index: self.calls, id: call.id.as_deref(), valid });
        call.reset(Step::After);
        call.had_call = true;
        self.calls += 1;
        Flow::Next
    }

    /// After the calls of a list.
    pub(super) fn end_list(&mut self) {
        self.call.raw.clear();
        self.call.step = Step::After;
    }

    fn read_open(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        let named = matches!(self.call.kind, CallKind::Named { .. } | CallKind::Tagged { .. });
        if !(named && self.call.opened) {
            match match_any(self.rest(), &self.call.opens) {
                Match::Full(length) => {
                    let is_last = self.call.opens.last().is_some_and(|last| *last == self.rest()[..length]);
                    self.call.opened |= is_last;
                    self.take(length);
                    return Flow::Next;
                }
                Match::Partial if self.end.is_none() => return Flow::Wait,
                _ => {}
            }
        }
        let json = self.rest().starts_with(['{', '[']);
        self.call.step = match self.call.kind {
            CallKind::Pythonic => Step::List(ListStep::Item),
            // Models that write tags also know JSON.
            _ if json => Step::Json(JsonReader::new()),
            _ if named && self.call.opened => Step::Head(0),
            _ => return self.fail(sink),
        };
        Flow::Next
    }

    /// The rest of a call whose arguments are not valid.
    fn read_malformed(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.call.begun && !self.begin_call(sink) {
            return self.fail(sink);
        }
        let rest = self.rest();
        let mut stops = rest.char_indices().map(|(at, _)| (at, match_any(&rest[at..], &self.call.stops)));
        let stop = stops.find(|(_, found)| *found != Match::No);
        let length = match stop {
            Some((_, Match::Partial)) if self.end == Some(ChatEnd::Stopped) => rest.len(),
            Some((at, _)) => at,
            None => rest.len(),
        };
        let text = rest[..length].to_owned();
        self.take(length);
        self.add_arguments(&text, sink);
        match stop {
            Some((_, Match::Full(_))) => self.end_call(false, sink),
            _ => Flow::Wait,
        }
    }

    fn read_after(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        match match_any(self.rest(), &self.call.closes) {
            Match::Full(length) => {
                self.at += length;
                self.call.raw.clear();
                self.call.closed = true;
                return Flow::Next;
            }
            Match::Partial if self.end.is_none() => return Flow::Wait,
            Match::Partial => self.at = self.text.len(),
            Match::No => {}
        }
        let Some(first) = self.rest().chars().next() else { return Flow::Wait };
        let goes_on = self.call.unmarked || !self.call.closed;
        let separates = match first {
            ',' | ';' => goes_on,
            '}' | ']' => !self.call.closed && self.call.kind != CallKind::Pythonic,
            _ => false,
        };
        if separates {
            self.take(first.len_utf8());
            return Flow::Next;
        }
        let json = matches!(self.call.kind, CallKind::Json(_));
        let named = matches!(self.call.kind, CallKind::Named { .. } | CallKind::Tagged { .. });
        let begins = json && first == '{'
            || named && self.call.unmarked && self.tools.any_begins(first.encode_utf8(&mut [0; 4]));
        let raw = std::mem::take(&mut self.call.raw);
        if goes_on && begins {
            self.call.begin(raw, true, false);
            return Flow::Next;
        }
        self.begin_text(Channel::Content);
        if !raw.trim_start().is_empty() {
            self.say(raw.trim_start(), sink);
        }
        Flow::Next
    }

    /// The output ended in a call.
    pub(super) fn end_of_output_in_call(&mut self, sink: &mut Sink<'_>) {
        let stopped = self.end == Some(ChatEnd::Stopped);
        if matches!(self.call.step, Step::After) {
            let raw = std::mem::take(&mut self.call.raw);
            self.channel = Channel::Content;
            self.say(raw.trim_start(), sink);
            return;
        }
        let complete = match &self.call.step {
            Step::Json(json) => json.has_arguments(),
            Step::Tagged(TaggedStep::Between) | Step::BeforeObject => {
                stopped && self.tools.contains(&self.call.name) && (self.call.begun || self.begin_call(sink))
            }
            Step::Head(_) if stopped && self.tools.contains(self.call.buffer.trim_end()) => {
                self.call.name = self.call.buffer.trim_end().to_owned();
                self.begin_call(sink)
            }
            _ => false,
        };
        if self.call.begun {
            self.close_arguments(complete, sink);
            self.end_call(complete, sink);
        } else {
            self.fail(sink);
        }
    }
}
