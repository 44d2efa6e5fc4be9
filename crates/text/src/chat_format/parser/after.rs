//! Reads the end of calls: what is no call or cannot be arguments, late ids, closing marks, and what follows.

use super::call::{FENCE, MAX_NAME, Step};
use super::marks::{Match, Names, match_any, match_tag, match_tags};
use super::tagged::TaggedStep;
use super::{Channel, ChatEnd, ChatParser, Flow, Sink, State};
use crate::chat_format::CallKind;

impl ChatParser {
    /// What was read of the call is text.
    pub(super) fn fail(&mut self, sink: &mut Sink<'_>) -> Flow {
        let raw = std::mem::take(&mut self.call.raw);
        self.state = State::Text;
        self.channel = Channel::Content;
        if self.end == Some(ChatEnd::Length) && (self.call.names == Names::Any || self.is_start_of_call(&raw))
        {
            self.at = self.text.len();
        } else {
            self.say(&raw, sink);
        }
        Flow::Next
    }

    /// Whether `text`, which the output ends with, is the start of a call to one of the tools, up to its name.
    fn is_start_of_call(&self, text: &str) -> bool {
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        // A single character at the start is more likely text.
        if text.len() < 2 && self.calls == 0 {
            return false;
        }
        let begins_name = |name: &str| self.tools.any_begins(name);
        match &self.call.kind {
            CallKind::Json(keys) => {
                [keys.start.as_str(), keys.start.trim_start_matches('[')].iter().any(|start| {
                    let name = text.strip_prefix(start).and_then(|rest| rest.split('"').next());
                    start.starts_with(text) || name.is_some_and(begins_name)
                })
            }
            CallKind::Pythonic => begins_name(text.trim_start_matches('[')),
            _ => {
                matches!(self.call.step, Step::Head(_) | Step::BeforeObject) && begins_name(&self.call.buffer)
            }
        }
    }

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

    /// The id of a call whose arguments have ended, if it is there.
    pub(super) fn read_late_id(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Some([open, close]) = &self.call.late_id else { return self.end_call(true, sink) };
        if !matches!(self.call.step, Step::LateId(true)) {
            let blank = self.rest().len() - self.rest().trim_start().len();
            return match match_tags(&self.rest()[blank..], open) {
                Match::Full(length) => {
                    self.take(blank + length);
                    self.call.step = Step::LateId(true);
                    Flow::Next
                }
                Match::Partial if self.end.is_none() => Flow::Wait,
                found => {
                    if found == Match::Partial {
                        self.at = self.text.len();
                    }
                    self.end_call(true, sink)
                }
            };
        }
        let rest = self.rest();
        let mut ends = rest.char_indices().map(|(at, _)| (at, match_tags(&rest[at..], close)));
        let found = ends.find(|(_, found)| *found != Match::No);
        let read = found.map_or(rest.len(), |(at, _)| at);
        let text = rest[..read].to_owned();
        self.take(read);
        // An id that is too long is none.
        if self.call.buffer.len() <= MAX_NAME {
            self.call.buffer += &text;
        }
        let Some((_, Match::Full(length))) = found else { return Flow::Wait };
        self.take(length);
        let id = std::mem::take(&mut self.call.buffer);
        self.call.id = Some(id.trim().to_owned()).filter(|id| !id.is_empty() && id.len() <= MAX_NAME);
        self.end_call(true, sink)
    }

    pub(super) fn read_after(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        if !self.call.separator.is_empty() {
            match match_tags(self.rest(), &self.call.separator) {
                Match::Full(length) => {
                    self.at += length;
                    self.call.raw.clear();
                    self.call.closed = false;
                    return Flow::Next;
                }
                Match::Partial if self.end.is_none() => return Flow::Wait,
                Match::Partial => self.at = self.text.len(),
                Match::No => {}
            }
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
            Step::LateId(_) => true,
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
