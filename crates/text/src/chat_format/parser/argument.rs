//! Reads the value of an argument between tags.

use serde_json::Value;

use super::call::Step;
use super::marks::{Found, MAX_SPACE, Match, Place, match_any, match_tag, match_tags};
use super::string::{escape, push_string};
use super::tagged::TaggedStep;
use super::tokens::unguarded;
use super::tools::{ArgumentType, of_schema};
use super::value::Progress;
use super::{ChatEnd, ChatParser, Flow, Sink};
use crate::chat_format::SAME_NAME;

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 32;

const CDATA: [&str; 2] = ["<![CDATA[", "]]>"];

impl ChatParser {
    pub(super) fn read_before_value(&mut self, sink: &mut Sink<'_>) -> Flow {
        let rest = self.rest();
        let line = if self.call.tags.lines && rest.starts_with('\n') { 1 } else { 0 };
        let value = &rest[line..];
        if self.end != Some(ChatEnd::Stopped) && (value.is_empty() || CDATA[0].starts_with(value)) {
            return Flow::Wait;
        }
        let cdata = value.starts_with(CDATA[0]);
        let container = value.starts_with(['{', '[']);
        let key = self.call.given.last().map_or("", String::as_str);
        let argument = match &self.call.tags.string_attributes {
            Some(string) if string.trim() == unguarded(&self.call.buffer).trim() => ArgumentType::String,
            Some(_) => ArgumentType::Json,
            None => self.tools.argument(&self.call.name, key),
        };
        let argument = match (argument, self.match_null(value)) {
            (ArgumentType::StringOrNull, Match::Partial) if self.end.is_none() => return Flow::Wait,
            (ArgumentType::StringOrNull, Match::No | Match::Partial) => ArgumentType::String,
            (argument, _) => argument,
        };
        self.call.buffer.clear();
        self.take(line);
        match argument {
            _ if self.call.tags.json_strings => self.set(TaggedStep::Whole),
            ArgumentType::Container if container => {
                let value = self.call.value();
                self.set(TaggedStep::Container(value))
            }
            ArgumentType::String => {
                self.take(if cdata { CDATA[0].len() } else { 0 });
                self.add_arguments("\"", sink);
                self.set(TaggedStep::String(cdata))
            }
            _ if cdata => {
                self.take(CDATA[0].len());
                self.add_arguments("\"", sink);
                self.set(TaggedStep::String(true))
            }
            _ => self.set(TaggedStep::Whole),
        }
    }

    /// Whether the value that `text` begins with is exactly `null`.
    fn match_null(&self, text: &str) -> Match {
        let after = match match_tag(text, "null") {
            Match::Full(length) => &text[length..],
            other => return other,
        };
        let tags = &self.call.tags;
        let after = if tags.lines { after.strip_prefix('\n').unwrap_or(after) } else { after };
        match_any(after, &self.value_ends())
    }

    /// The tags that end a value.
    fn value_ends(&self) -> Vec<String> {
        let tags = &self.call.tags;
        match tags.close.first() {
            Some(close) => vec![close.clone()],
            None => tags.open.iter().take(1).chain(&self.call.closes).cloned().collect(),
        }
    }

    /// Whether the line that `text` begins with shows that the value before it has no closing tag: it opens
    /// another argument of the tool, or closes the call, and nothing but marks follows.
    fn match_unclosed(&self, text: &str) -> Match {
        let tags = &self.call.tags;
        let open = tags.open.concat();
        let key_end = tags.key_end.first().map_or("", String::as_str);
        if !open.is_empty() && !key_end.is_empty() {
            let keys = self.tools.keys(&self.call.name).filter(|key| !self.call.given.contains(*key));
            let opens: Vec<String> = keys.map(|key| format!("{open}{key}{key_end}")).collect();
            match match_any(text, &opens) {
                Match::No => {}
                found => return found,
            }
        }
        let closes = self.call.own_closes();
        let ends = self.end == Some(ChatEnd::Stopped);
        match match_tags(text, closes) {
            Match::Full(length) => {
                let after = text[length..].trim_start();
                let place = Place { at_start: true, ..self.place() };
                match (match_any(after, &self.call.closes), self.rules.begins(after, place, self.end)) {
                    _ if text.len() - after.len() > length + MAX_SPACE => Match::No,
                    _ if after.is_empty() && ends => Match::Full(length),
                    (Match::Full(_), _) | (_, Found::Mark { .. }) => Match::Full(length),
                    (Match::Partial, _) | (_, Found::Partial { .. }) => Match::Partial,
                    (Match::No, Found::None) => Match::No,
                }
            }
            // The model may have stopped within the marks.
            Match::Partial if ends && closes.first().is_some_and(|close| text.starts_with(close)) => {
                Match::Full(text.len())
            }
            other => other,
        }
    }

    /// The text up to the end of the value, and whether the end was read.
    fn take_value(&mut self, cdata: bool) -> (String, bool) {
        let taken = !self.call.tags.close.is_empty();
        let marks = self.value_ends();
        let lines = self.call.tags.lines && !cdata;
        let rest = self.rest();
        let found = rest.char_indices().find_map(|(at, c)| {
            let line = usize::from(lines && c == '\n');
            let after = &rest[at + line..];
            match if cdata { match_tag(after, CDATA[1]) } else { match_any(after, &marks) } {
                Match::Full(length) if cdata || taken => Some((at, line + length, true)),
                Match::Full(_) => Some((at, line, true)),
                Match::Partial => Some((at, 0, false)),
                Match::No if c == '\n' && taken && !cdata => match self.match_unclosed(&rest[at + 1..]) {
                    Match::Full(_) => Some((at, 1, true)),
                    Match::Partial => Some((at, 0, false)),
                    Match::No => None,
                },
                Match::No => None,
            }
        });
        let (mut at, length, ended) = found.unwrap_or((rest.len(), 0, false));
        if !ended && self.end == Some(ChatEnd::Stopped) {
            at = rest.len();
        }
        let text = rest[..at].to_owned();
        self.take(at + length);
        (text, ended)
    }

    pub(super) fn read_string(&mut self, cdata: bool, sink: &mut Sink<'_>) -> Flow {
        let (text, ended) = self.take_value(cdata);
        let mut json = String::new();
        text.chars().for_each(|c| escape(c, &mut json));
        if ended {
            json.push('"');
        }
        self.add_arguments(&json, sink);
        match ended {
            true if cdata => self.set(TaggedStep::Close),
            true => self.end_value(),
            false => Flow::Wait,
        }
    }

    pub(super) fn read_whole(&mut self, sink: &mut Sink<'_>) -> Flow {
        let (text, ended) = self.take_value(false);
        self.call.buffer += &text;
        if !ended {
            return Flow::Wait;
        }
        let value = std::mem::take(&mut self.call.buffer);
        let key = self.call.given.last().map_or("", String::as_str);
        let schema = self.tools.schema(&self.call.name, key).unwrap_or(&Value::Null);
        let mut json = String::new();
        // In plain tags, a value may also be a text in HTML.
        let may_nest = self.tools.argument(&self.call.name, key) == ArgumentType::Container
            || self.call.tags.open.concat() != "<";
        if !may_nest || self.push_elements(&value, schema, MAX_DEPTH, &mut json).is_none() {
            json.clear();
            push_value(&value, &mut json);
        }
        self.add_arguments(&json, sink);
        self.end_value()
    }

    /// The JSON of an object or array whose parts are elements as MiniMax M3 writes them, with `item` as the key of
    /// those of an array.
    fn push_elements(&self, text: &str, schema: &Value, depth: usize, out: &mut String) -> Option<()> {
        let tags = &self.call.tags;
        let ([open], [key_end], [close]) = (&*tags.open, &*tags.key_end, &*tags.named_close) else {
            return None;
        };
        let depth = depth.checked_sub(1)?;
        let kind = schema.get("type").and_then(Value::as_str);
        let mut rest = text.trim();
        let mut elements = Vec::new();
        while !rest.is_empty() {
            let (key, after) = rest.strip_prefix(open.as_str())?.split_once(key_end.as_str())?;
            let (opened, closed) = (format!("{open}{key}{key_end}"), close.replace(SAME_NAME, key));
            let mut level = 1;
            let (end, _) = after.match_indices(open.as_str()).find(|(at, _)| {
                if after[*at..].starts_with(&closed) {
                    level -= 1;
                } else if after[*at..].starts_with(&opened) {
                    level += 1;
                }
                level == 0
            })?;
            elements.push((key, &after[..end]));
            rest = after[end + closed.len()..].trim_start();
        }
        let is_array = match kind {
            Some("array") => true,
            Some("object") => false,
            _ if elements.is_empty() => return None,
            _ => elements.iter().all(|(key, _)| *key == "item"),
        };
        out.push(if is_array { '[' } else { '{' });
        for (index, (key, value)) in elements.into_iter().enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            let part = if is_array {
                schema.get("items")
            } else {
                push_string(key, out);
                out.push_str(": ");
                schema.get("properties").and_then(|properties| properties.get(key))
            };
            let part = part.unwrap_or(&Value::Null);
            let start = out.len();
            if of_schema(part, part) == ArgumentType::String {
                push_string(value, out);
            } else if self.push_elements(value, part, depth, out).is_none() {
                out.truncate(start);
                push_value(value, out);
            }
        }
        out.push(if is_array { ']' } else { '}' });
        Some(())
    }

    pub(super) fn read_container(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::Tagged(TaggedStep::Container(value)) = &mut self.call.step else { return Flow::Next };
        let mut json = String::new();
        let (length, progress) = value.read(&self.text[self.at..], self.end.is_some(), &mut json);
        self.take(length);
        self.add_arguments(&json, sink);
        match progress {
            Progress::More => Flow::Wait,
            Progress::Done => self.set(TaggedStep::Close),
            Progress::Bad => {
                self.call.step = Step::Malformed;
                Flow::Next
            }
        }
    }

    /// The closing tag of a value that ended on its own.
    pub(super) fn read_close(&mut self) -> Flow {
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        match self.take_any(&self.call.tags.close.clone()) {
            Some(Flow::Wait) => Flow::Wait,
            _ => self.end_value(),
        }
    }

    fn end_value(&mut self) -> Flow {
        self.call.leftover = self.call.tags.close.clone();
        self.set(TaggedStep::Between)
    }
}

/// The JSON of a value between tags: as it is, if it is JSON, or as a string.
fn push_value(value: &str, out: &mut String) {
    match value.trim() {
        "True" => out.push_str("true"),
        "False" => out.push_str("false"),
        "None" => out.push_str("null"),
        text if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => out.push_str(text),
        _ => push_string(value, out),
    }
}
