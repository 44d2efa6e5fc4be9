//! Reads the fields before the arguments, and arguments in one object.

use super::call::{MAX_NAME, Step};
use super::json::JsonReader;
use super::marks::{Match, Names, match_any, match_tags};
use super::tagged::TaggedStep;
use super::value::Progress;
use super::{ChatParser, Flow, Sink};
use crate::chat_format::ids::ID_START;
use crate::chat_format::{CallKind, FieldKind};

impl ChatParser {
    pub(super) fn read_head(&mut self, index: usize, sink: &mut Sink<'_>) -> Flow {
        let Some((kind, end)) = self.call.head.get(index).cloned() else { return self.fail(sink) };
        // Before arguments, all but the first tag may be missing.
        let is_last = index + 1 == self.call.head.len();
        let needed = if is_last { end.len().min(1) } else { end.len() };
        let (mut read, mut found, mut bad) = (0, None, false);
        let rest = &self.text[self.at..];
        for (at, c) in rest.char_indices() {
            read = at;
            let field = &mut self.call.buffer;
            match (!end.is_empty()).then(|| match_tags(&rest[at..], &end[..needed])) {
                Some(Match::Full(length)) => found = Some(length),
                Some(Match::Partial) if self.end.is_none() => break,
                None if !field.is_empty() && (c.is_whitespace() || "{([<".contains(c)) => found = Some(0),
                _ => {}
            }
            if found.is_some() {
                break;
            }
            // The tag before the object may be missing, too.
            let is_named = kind == FieldKind::Name && matches!(self.call.kind, CallKind::Named { .. });
            if c == '{' && is_last && is_named && self.tools.contains(field.trim_end()) {
                found = Some(0);
                break;
            }
            let inside = field.ends_with(char::is_whitespace) && !c.is_whitespace();
            if !field.is_empty() || !c.is_whitespace() {
                field.push(c);
            }
            let named = kind == FieldKind::Name && self.call.names == Names::Known;
            bad = inside
                || "\"<{".contains(c)
                || field.len() > MAX_NAME
                || named && !self.tools.any_begins(field.trim_end());
            if bad {
                break;
            }
            read = at + c.len_utf8();
        }
        self.take(read);
        if bad {
            return self.fail(sink);
        }
        let Some(length) = found else { return Flow::Wait };
        self.take(length);
        let field = std::mem::take(&mut self.call.buffer);
        let field = field.trim_end();
        match kind {
            FieldKind::Name => self.call.set_name(field),
            FieldKind::Id => self.call.id = Some(field.to_owned()),
            FieldKind::NameInId => {
                let name = field.strip_prefix(ID_START).unwrap_or(field);
                let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
                self.call.set_name(name);
                self.call.id = Some(field.to_owned());
            }
            FieldKind::Number { .. } => {}
        }
        self.call.leftover = end.into_iter().skip(needed).collect();
        self.call.step = if !is_last {
            Step::Head(index + 1)
        } else if matches!(self.call.kind, CallKind::Tagged { .. }) {
            Step::Tagged(TaggedStep::Between)
        } else {
            Step::BeforeObject
        };
        Flow::Next
    }

    pub(super) fn read_before_object(&mut self, sink: &mut Sink<'_>) -> Flow {
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        if let Some(flow) = self.take_any(&self.call.leftover.clone()) {
            return flow;
        }
        if self.call.name.is_empty() && self.rest().starts_with(['{', '[']) {
            self.call.step = Step::Json(JsonReader::new());
            return Flow::Next;
        }
        if self.rest().starts_with('{') {
            if !self.begin_call(sink) {
                return self.fail(sink);
            }
            self.call.step = Step::Object(self.call.value());
            return Flow::Next;
        }
        if self.call.kind == CallKind::Harmony {
            self.begin_call(sink);
            self.call.step = Step::Malformed;
            return Flow::Next;
        }
        match match_any(self.rest(), &self.call.closes) {
            Match::Full(_) if self.begin_call(sink) => self.end_call(true, sink),
            Match::Partial if self.end.is_none() => Flow::Wait,
            _ => self.fail(sink),
        }
    }

    pub(super) fn read_object(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::Object(value) = &mut self.call.step else { return Flow::Next };
        let mut json = String::new();
        let (length, progress) = value.read(&self.text[self.at..], self.end.is_some(), &mut json);
        self.take(length);
        self.add_arguments(&json, sink);
        self.go_on(progress, sink, |parser, sink| parser.end_call(true, sink))
    }

    /// Goes on after a part of a value.
    pub(super) fn go_on(
        &mut self,
        progress: Progress,
        sink: &mut Sink<'_>,
        done: impl FnOnce(&mut Self, &mut Sink<'_>) -> Flow,
    ) -> Flow {
        match progress {
            Progress::More => Flow::Wait,
            Progress::Done => done(self, sink),
            Progress::Bad => {
                self.call.step = Step::Malformed;
                Flow::Next
            }
        }
    }
}
