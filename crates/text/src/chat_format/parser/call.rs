//! Reads calls: their marks, and what all kinds have in common.

use serde::de::IgnoredAny;

use super::json::JsonReader;
use super::marks::{Match, Names, match_any};
use super::python::ListStep;
use super::tagged::{ArgumentTags, TaggedStep};
use super::tokens::unguarded;
use super::value::ValueReader;
use super::{ChatEvent, ChatParser, Flow, Sink, State};
use crate::chat_format::{CallKind, ChatFormat, Dialect, FieldKind, SAME_NAME, tags};

/// Longest name, id or key in bytes.
pub(super) const MAX_NAME: usize = 256;

/// The mark of a code block.
pub(super) const FENCE: &str = "```";

/// The tags of the format, and the call that is read.
#[derive(Clone, Debug)]
pub(super) struct CallReader {
    pub(super) kind: CallKind,
    /// The tags before a call, in order.
    opens: Vec<String>,
    /// The first tag of each call, if it may be part of an ordinary text.
    pub(super) plain_open: Option<String>,
    /// The tags between two calls.
    pub(super) separator: Vec<String>,
    /// The tags after a call.
    pub(super) closes: Vec<String>,
    /// How many of them belong to the call, or to its section if it has none.
    own_closes: usize,
    /// The same as the format has them, if they repeat the call's name.
    named_closes: Vec<String>,
    /// Where arguments that are not valid end.
    pub(super) stops: Vec<String>,
    /// The fields before the arguments, and the tags after each.
    pub(super) head: Vec<(FieldKind, Vec<String>)>,
    pub(super) tags: ArgumentTags,
    /// The tags before and after an id that comes after the arguments.
    pub(super) late_id: Option<[Vec<String>; 2]>,
    dialect: Dialect,
    /// Whether a call may follow another without a mark.
    pub(super) unmarked: bool,
    /// Whether a call without a mark may begin the answer.
    begins_unmarked: bool,

    pub(super) step: Step,
    /// What was read while it may still be text.
    pub(super) raw: String,
    /// Whether the last tag before name or JSON was read.
    opened: bool,
    pub(super) names: Names,
    /// Whether it is in JSON without marks.
    pub(super) bare: bool,
    /// Whether there was a call since the opening mark.
    pub(super) had_call: bool,
    pub(super) closed: bool,
    /// A field or key while it is read.
    pub(super) buffer: String,
    /// Tags that may follow.
    pub(super) leftover: Vec<String>,
    /// The keys of the arguments between tags.
    pub(super) given: Vec<String>,
    pub(super) name: String,
    pub(super) id: Option<String>,
    /// All arguments so far.
    pub(super) arguments: String,
    /// Whether the call was reported.
    pub(super) begun: bool,
    /// Whether it is reported at its end, if it is valid.
    pub(super) waits: bool,
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
    /// Before an id that comes after the arguments, or inside it; whether its opening tags were read.
    LateId(bool),
    After,
}

impl CallReader {
    pub(super) fn new(format: &ChatFormat) -> Self {
        let calls = &format.calls;
        let opens = tags::split(&format!("{}{}", calls.section.open, calls.call.open));
        let mut closes = tags::split(&calls.call.close);
        let own = closes.len();
        closes.extend(tags::split(&calls.section.close));
        let mut stops: Vec<String> = closes.iter().chain(&opens).cloned().collect();
        stops.retain(|tag| tags::is_distinct(tag));
        let dialect = match &calls.kind {
            CallKind::Named { dialect, .. } => dialect.clone(),
            CallKind::Json(keys) => keys.dialect.clone(),
            // Templates print objects between tags as Python does, or as JSON, which this reads, too.
            CallKind::Pythonic | CallKind::Tagged { .. } => Dialect::Python,
            _ => Dialect::Json,
        };
        stops.extend(format.header_marks().iter().map(|mark| (*mark).to_owned()));
        Self {
            unmarked: tags::split(&calls.call.open).is_empty(),
            begins_unmarked: calls.unmarked || opens.is_empty(),
            head: calls.head().iter().map(|field| (field.kind, tags::split(&field.end))).collect(),
            tags: ArgumentTags::new(&calls.kind),
            late_id: calls.late_id.as_ref().map(|id| [tags::split(&id.open), tags::split(&id.close)]),
            kind: calls.kind.clone(),
            plain_open: tags::split(&calls.call.open)
                .into_iter()
                .next()
                .filter(|tag| !tags::is_distinct(tag)),
            named_closes: if closes.iter().any(|tag| tag.contains(SAME_NAME)) {
                closes.clone()
            } else {
                Vec::new()
            },
            opens,
            separator: tags::split(&calls.separator),
            own_closes: if own > 0 { own } else { closes.len() },
            closes,
            stops,
            dialect,
            step: Step::Open,
            raw: String::new(),
            opened: false,
            names: Names::Any,
            bare: false,
            had_call: false,
            closed: false,
            buffer: String::new(),
            leftover: Vec::new(),
            given: Vec::new(),
            name: String::new(),
            id: None,
            arguments: String::new(),
            begun: false,
            waits: false,
        }
    }

    /// Starts a call after `text`, which shows if it is none.
    pub(super) fn begin(&mut self, text: String, opened: bool, names: Names) {
        self.bare = text.trim_start().starts_with(FENCE);
        self.raw = text;
        self.opened = opened;
        self.names = names;
        self.had_call = false;
        self.closed = false;
        self.reset(Step::Open);
    }

    fn reset(&mut self, step: Step) {
        self.step = step;
        self.buffer.clear();
        self.leftover.clear();
        self.given.clear();
        self.name.clear();
        self.id = None;
        self.arguments.clear();
        self.begun = false;
        self.waits = false;
    }

    /// Every mark and tag that the reader looks for.
    pub(super) fn marks_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let quote = match &mut self.dialect {
            Dialect::Quoted(quote) => Some(quote),
            _ => None,
        };
        let head = self.head.iter_mut().flat_map(|(_, end)| end);
        let around = self.opens.iter_mut().chain(&mut self.closes).chain(&mut self.stops);
        let other = self.named_closes.iter_mut().chain(&mut self.plain_open);
        let other = other.chain(&mut self.separator).chain(self.late_id.iter_mut().flatten().flatten());
        around.chain(other).chain(head).chain(self.tags.marks_mut()).chain(quote)
    }

    pub(super) fn value(&self) -> ValueReader {
        // Calls in JSON also come in formats whose own calls are not.
        let is_json = matches!(self.step, Step::Json(_)) && self.kind == CallKind::Pythonic;
        ValueReader::new(if is_json { &Dialect::Json } else { &self.dialect }).lenient()
    }

    /// The tags that close this call.
    pub(super) fn own_closes(&self) -> &[String] {
        &self.closes[..self.own_closes]
    }

    /// The name was read; closing tags may repeat it.
    pub(super) fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        if !self.named_closes.is_empty() {
            self.stops.retain(|tag| !self.closes.contains(tag));
            self.closes = with_name(&self.named_closes, name);
            self.stops.extend(self.closes.iter().filter(|tag| tags::is_distinct(tag)).cloned());
        }
    }
}

/// Closing tags with the name that they close.
pub(super) fn with_name(closes: &[String], name: &str) -> Vec<String> {
    closes.iter().map(|tag| tag.replace(SAME_NAME, name)).collect()
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
            Step::LateId(_) => self.read_late_id(sink),
            Step::After => self.read_after(sink),
        }
    }

    /// Whether a call without a mark may begin here.
    pub(super) fn begin_unmarked_call(&mut self) -> bool {
        let Some(first) = self.rest().chars().next() else { return false };
        let call = &self.call;
        let begins = !self.tools.is_empty()
            && call.begins_unmarked
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
            self.call.begin(space, true, Names::Known);
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

    /// Reports the call, or decides to do so at its end; returns whether it may be a call.
    pub(super) fn begin_call(&mut self, sink: &mut Sink<'_>) -> bool {
        let call = &mut self.call;
        call.name = unguarded(&call.name).into_owned();
        let is_known = call.names == Names::Any || self.tools.contains(&call.name);
        if call.name.trim().is_empty() || !is_known && call.names == Names::Known {
            return false;
        }
        call.waits = !is_known;
        if is_known {
            self.report_call(sink);
        }
        true
    }

    fn report_call(&mut self, sink: &mut Sink<'_>) {
        let call = &mut self.call;
        call.id = call.id.take().map(|id| unguarded(&id).into_owned());
        call.begun = true;
        call.raw.clear();
        let index = self.calls;
        sink(ChatEvent::CallBegun { index, name: &call.name, id: call.id.as_deref() });
        if !call.arguments.is_empty() {
            sink(ChatEvent::Arguments { index, text: &call.arguments });
        }
    }

    pub(super) fn add_arguments(&mut self, text: &str, sink: &mut Sink<'_>) {
        let text = unguarded(text);
        if text.is_empty() {
            return;
        }
        self.call.arguments.push_str(&text);
        if self.call.begun {
            sink(ChatEvent::Arguments { index: self.calls, text: &text });
        }
    }

    pub(super) fn end_call(&mut self, complete: bool, sink: &mut Sink<'_>) -> Flow {
        if complete && self.call.arguments.is_empty() {
            self.add_arguments("{}", sink);
        }
        if complete && self.call.late_id.is_some() && !matches!(self.call.step, Step::LateId(_)) {
            self.call.buffer.clear();
            self.call.step = Step::LateId(false);
            return Flow::Next;
        }
        let arguments = self.call.arguments.trim_start();
        let is_object =
            || arguments.starts_with('{') && serde_json::from_str::<IgnoredAny>(arguments).is_ok();
        let valid = complete && is_object();
        if self.call.waits {
            if !valid {
                return self.fail(sink);
            }
            self.report_call(sink);
        }
        let call = &mut self.call;
        call.id = call.id.take().map(|id| unguarded(&id).into_owned());
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
        let named = !self.call.head.is_empty();
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
}
