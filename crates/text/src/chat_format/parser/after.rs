//! Reads the end of calls: what cannot be arguments, closing marks, and what follows.

use super::call::{FENCE, Step};
use super::marks::{Match, Names, match_any, match_tag};
use super::tagged::TaggedStep;
use super::{Channel, ChatEnd, ChatParser, Flow, Sink};
use crate::chat_format::CallKind;

impl ChatParser {
    /// The rest of a call whose arguments are not valid.
    pub(super) fn read_malformed(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.call.begun && (!self.begin_call(sink) || self.call.waits) {
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

    pub(super) fn read_after(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        // Both may begin alike, and text after a call does not begin like another one.
        let open = self.call.plain_open.as_ref().map_or(Match::No, |open| match_tag(self.rest(), open));
        let close = match match_any(self.rest(), &self.call.closes) {
            Match::No if self.call.bare => match_tag(self.rest(), FENCE),
            close => close,
        };
        match (close, open) {
            (close, open) if self.end.is_none() && (close == Match::Partial || open == Match::Partial) => {
                return Flow::Wait;
            }
            (Match::Full(length), open) if !matches!(open, Match::Full(other) if other > length) => {
                self.at += length;
                self.call.raw.clear();
                self.call.closed = true;
                return Flow::Next;
            }
            (Match::Partial, _) => self.at = self.text.len(),
            (_, Match::Full(_)) => {
                let raw = std::mem::take(&mut self.call.raw);
                self.call.begin(raw, false, Names::AnyIfValid);
                return Flow::Next;
            }
            _ => {}
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
            self.call.begin(raw, true, Names::Known);
            return Flow::Next;
        }
        self.begin_paragraph(Channel::Content);
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
        if self.call.begun || complete && self.call.waits {
            self.close_arguments(complete, sink);
            self.end_call(complete, sink);
        } else {
            self.fail(sink);
        }
    }
}
