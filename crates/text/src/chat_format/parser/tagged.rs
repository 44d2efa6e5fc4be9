//! Reads arguments between tags, and writes them as JSON of the types in the tools' schemas.

use super::call::{MAX_NAME, Step, with_name};
use super::marks::{Found, Match, Place, match_any, match_tags};
use super::string::push_string;
use super::value::ValueReader;
use super::{ChatEnd, ChatParser, Flow, Sink};
use crate::chat_format::{CallKind, SAME_NAME, TaggedArguments, tags};

/// The tags of an argument, split.
#[derive(Clone, Debug, Default)]
pub(super) struct ArgumentTags {
    pub(super) open: Vec<String>,
    pub(super) key_end: Vec<String>,
    /// The tags after a value, and as the format has them, if they repeat the key.
    pub(super) close: Vec<String>,
    pub(super) named_close: Vec<String>,
    pub(super) lines: bool,
    pub(super) json_strings: bool,
    pub(super) string_attributes: Option<String>,
    pub(super) attributes_end: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum TaggedStep {
    /// Before an argument, or the end of the call.
    Between,
    Key,
    /// After the key, where a text shows the value's type.
    Attributes,
    /// Before the value: a line break that belongs to the tag, the start of a CDATA section.
    Before,
    /// A string, shown while it is written; whether it is in a CDATA section.
    String(bool),
    /// An object or array, shown while it is written.
    Container(ValueReader),
    /// A value whose type is not known before its end.
    Whole,
    /// After a value.
    Close,
}

impl ArgumentTags {
    pub(super) fn new(kind: &CallKind) -> Self {
        let CallKind::Tagged { arguments, .. } = kind else { return Self::default() };
        let TaggedArguments { open, key_end, lines, json_strings, string_attributes, .. } = arguments;
        let close = tags::split(&arguments.close);
        let repeats_key = close.iter().any(|tag| tag.contains(SAME_NAME));
        Self {
            open: tags::split(open),
            key_end: tags::split(key_end),
            named_close: if repeats_key { close.clone() } else { Vec::new() },
            close,
            lines: *lines,
            json_strings: *json_strings,
            string_attributes: string_attributes.clone(),
            attributes_end: tags::split(&arguments.attributes_end),
        }
    }

    pub(super) fn marks_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let close = self.close.iter_mut().chain(&mut self.named_close);
        self.open.iter_mut().chain(&mut self.key_end).chain(&mut self.attributes_end).chain(close)
    }
}

impl ChatParser {
    pub(super) fn set(&mut self, step: TaggedStep) -> Flow {
        self.call.step = Step::Tagged(step);
        Flow::Next
    }

    pub(super) fn read_tagged(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::Tagged(step) = &self.call.step else { return Flow::Next };
        match step {
            TaggedStep::Between => self.read_between(sink),
            TaggedStep::Key => self.read_key(sink),
            TaggedStep::Attributes => self.read_attributes(),
            TaggedStep::Before => self.read_before_value(sink),
            TaggedStep::String(cdata) => {
                let cdata = *cdata;
                self.read_string(cdata, sink)
            }
            TaggedStep::Container(_) => self.read_container(sink),
            TaggedStep::Whole => self.read_whole(sink),
            TaggedStep::Close => self.read_close(),
        }
    }

    fn read_between(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        if let Some(flow) = self.take_any(&self.call.leftover.clone()) {
            return flow;
        }
        let argument = match_tags(self.rest(), &self.call.tags.open);
        let close = match (&self.call.late_id, match_any(self.rest(), &self.call.closes)) {
            (Some([open, _]), Match::No) => match_tags(self.rest(), open),
            (_, close) => close,
        };
        // The tag before a key may also begin the closing mark, and there may be none.
        let waits = close == Match::Partial && self.end.is_none();
        if let Match::Full(length) = argument
            && !matches!(close, Match::Full(other) if other > length)
        {
            if waits {
                return Flow::Wait;
            }
            if !self.call.begun && !self.begin_call(sink) {
                return self.fail(sink);
            }
            self.take(length);
            self.call.buffer.clear();
            return self.set(TaggedStep::Key);
        }
        if let Match::Full(_) = close {
            if !self.call.begun && !self.begin_call(sink) {
                return self.fail(sink);
            }
            self.close_arguments(true, sink);
            return self.end_call(true, sink);
        }
        if self.end.is_none() && (argument == Match::Partial || close == Match::Partial) {
            return Flow::Wait;
        }
        if !self.call.begun {
            return self.fail(sink);
        }
        let is_cut = self.end == Some(ChatEnd::Length);
        if is_cut {
            // It may be the start of another argument.
            self.at = self.text.len();
        }
        if !is_cut && !self.call.closes.is_empty() {
            // In place of the closing mark, only another mark may follow.
            let place = Place { at_start: true, ..self.place() };
            match self.rules.begins(self.rest(), place, self.end) {
                Found::Mark { .. } => {}
                Found::Partial { .. } => return Flow::Wait,
                Found::None => {
                    self.call.step = Step::Malformed;
                    return Flow::Next;
                }
            }
        }
        self.close_arguments(!is_cut, sink);
        self.end_call(!is_cut, sink)
    }

    /// Closes the object of arguments.
    pub(super) fn close_arguments(&mut self, complete: bool, sink: &mut Sink<'_>) {
        if complete && matches!(self.call.step, Step::Tagged(_)) && !self.call.arguments.is_empty() {
            self.add_arguments("}", sink);
        }
    }

    fn read_key(&mut self, sink: &mut Sink<'_>) -> Flow {
        let rest = self.rest();
        let key_end = &self.call.tags.key_end;
        // One byte more than a key may have shows that it is too long.
        let room = rest.ceil_char_boundary(rest.len().min(MAX_NAME + 1 - self.call.buffer.len()));
        let mut ends = rest[..room].char_indices().map(|(at, _)| (at, match_tags(&rest[at..], key_end)));
        let found = ends.find(|(_, found)| *found != Match::No);
        let read = found.map_or(room, |(at, _)| at);
        let text = rest[..read].to_owned();
        self.take(read);
        self.call.buffer += &text;
        match found {
            _ if self.call.buffer.len() > MAX_NAME => {
                let text = std::mem::take(&mut self.call.buffer);
                self.add_arguments(&text, sink);
                self.call.step = Step::Malformed;
                Flow::Next
            }
            Some((_, Match::Full(length))) => {
                self.take(length);
                let mut text = if self.call.arguments.is_empty() { "{".to_owned() } else { ", ".to_owned() };
                push_string(self.call.buffer.trim(), &mut text);
                text += ": ";
                self.add_arguments(&text, sink);
                let attributes = self.call.tags.string_attributes.is_some();
                let key = std::mem::take(&mut self.call.buffer);
                if !self.call.tags.named_close.is_empty() {
                    self.call.tags.close = with_name(&self.call.tags.named_close, key.trim());
                }
                self.call.given.push(key.trim().to_owned());
                self.set(if attributes { TaggedStep::Attributes } else { TaggedStep::Before })
            }
            _ => Flow::Wait,
        }
    }

    fn read_attributes(&mut self) -> Flow {
        let rest = self.rest();
        let end = &self.call.tags.attributes_end;
        let mut ends = rest.char_indices().map(|(at, _)| (at, match_tags(&rest[at..], end)));
        let found = ends.find(|(_, found)| *found != Match::No);
        let read = found.map_or(rest.len(), |(at, _)| at);
        let text = rest[..read].to_owned();
        self.take(read);
        self.call.buffer += &text;
        let Some((_, Match::Full(length))) = found else { return Flow::Wait };
        self.take(length);
        self.set(TaggedStep::Before)
    }
}
