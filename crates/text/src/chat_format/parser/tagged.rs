//! Reads arguments between tags, and writes them as JSON of the types in the tools' schemas.

use serde_json::Value;

use super::call::{MAX_NAME, Step};
use super::marks::{Match, match_any, match_tag, match_tags};
use super::value::{Progress, ValueReader, escape, push_string};
use super::{ChatEnd, ChatParser, Flow, Sink};
use crate::chat_format::{CallKind, TaggedArguments, tags};

const CDATA: [&str; 2] = ["<![CDATA[", "]]>"];

/// The tags of an argument, split.
#[derive(Clone, Debug, Default)]
pub(super) struct ArgumentTags {
    open: Vec<String>,
    key_end: Vec<String>,
    close: Vec<String>,
    lines: bool,
    json_strings: bool,
    string_attributes: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum TaggedStep {
    /// Before an argument, or the end of the call.
    Between,
    Key,
    /// Up to the end of a tag, whose attributes show the value's type.
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
        let TaggedArguments { open, key_end, close, lines, json_strings, string_attributes } = arguments;
        Self {
            open: tags::split(open),
            key_end: tags::split(key_end),
            close: tags::split(close),
            lines: *lines,
            json_strings: *json_strings,
            string_attributes: string_attributes.clone(),
        }
    }
}

impl ChatParser {
    fn set(&mut self, step: TaggedStep) -> Flow {
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
            TaggedStep::Close => self.read_close(sink),
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
        if let Match::Full(length) = argument {
            if !self.call.begun && !self.begin_call(sink) {
                return self.fail(sink);
            }
            self.take(length);
            self.call.buffer.clear();
            return self.set(TaggedStep::Key);
        }
        let close = match_any(self.rest(), &self.call.closes);
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
        let mut ends = rest.char_indices().map(|(at, _)| (at, match_tags(&rest[at..], key_end)));
        let found = ends.find(|(_, found)| *found != Match::No);
        let read = found.map_or(rest.len(), |(at, _)| at);
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
                self.call.leftover = vec![key.trim().to_owned()];
                self.set(if attributes { TaggedStep::Attributes } else { TaggedStep::Before })
            }
            _ => Flow::Wait,
        }
    }

    fn read_attributes(&mut self) -> Flow {
        let rest = self.rest();
        let end = rest.find('>');
        let text = rest[..end.unwrap_or(rest.len())].to_owned();
        self.take(end.map_or(text.len(), |end| end + 1));
        self.call.buffer += &text;
        if end.is_none() {
            return Flow::Wait;
        }
        self.set(TaggedStep::Before)
    }

    fn read_before_value(&mut self, sink: &mut Sink<'_>) -> Flow {
        let rest = self.rest();
        let line = if self.call.tags.lines && rest.starts_with('\n') { 1 } else { 0 };
        let value = &rest[line..];
        if self.end.is_none() && (value.is_empty() || CDATA[0].starts_with(value)) {
            return Flow::Wait;
        }
        let cdata = value.starts_with(CDATA[0]);
        let container = value.starts_with(['{', '[']);
        let key = self.call.leftover.pop().unwrap_or_default();
        let attributes = std::mem::take(&mut self.call.buffer);
        let argument = match &self.call.tags.string_attributes {
            Some(string) if string.trim() == attributes.trim() => ArgumentType::String,
            Some(_) => ArgumentType::Json,
            None => self.tools.argument(&self.call.name, &key),
        };
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

    /// The text up to the end of the value, and whether the end was read.
    fn take_value(&mut self, cdata: bool) -> (String, bool) {
        let mark = if cdata { CDATA[1] } else { self.call.tags.close.first().map_or("", String::as_str) };
        let lines = self.call.tags.lines && !cdata;
        let rest = self.rest();
        let found = rest.char_indices().find_map(|(at, c)| {
            let line = usize::from(lines && c == '\n');
            match match_tag(&rest[at + line..], mark) {
                Match::Full(length) => Some((at, line + length)),
                Match::Partial => Some((at, 0)),
                Match::No => None,
            }
        });
        let (mut at, length) = found.unwrap_or((rest.len(), 0));
        if length == 0 && self.end == Some(ChatEnd::Stopped) {
            at = rest.len();
        }
        let text = rest[..at].to_owned();
        self.take(at + length);
        (text, length > 0)
    }

    fn read_string(&mut self, cdata: bool, sink: &mut Sink<'_>) -> Flow {
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

    fn read_whole(&mut self, sink: &mut Sink<'_>) -> Flow {
        let (text, ended) = self.take_value(false);
        self.call.buffer += &text;
        if !ended {
            return Flow::Wait;
        }
        let value = std::mem::take(&mut self.call.buffer);
        let mut json = String::new();
        match value.trim() {
            "True" => json.push_str("true"),
            "False" => json.push_str("false"),
            "None" => json.push_str("null"),
            text if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => json.push_str(text),
            _ => push_string(&value, &mut json),
        }
        self.add_arguments(&json, sink);
        self.end_value()
    }

    fn read_container(&mut self, sink: &mut Sink<'_>) -> Flow {
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
    fn read_close(&mut self, _sink: &mut Sink<'_>) -> Flow {
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

/// How the text of a tagged argument becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgumentType {
    /// A string; shown while it is written.
    String,
    /// An object or an array; shown while it is written if it begins like one.
    Container,
    /// JSON if it is valid, else a string.
    Json,
}

/// The request's tools: their names and parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools(Vec<(String, Value)>);

impl Tools {
    /// Reads `[{"type": "function", "function": {"name": ..., "parameters": ...}}]`; the inner objects may
    /// also be given alone.
    pub(super) fn new(tools: Option<&Value>) -> Self {
        let tools = tools.and_then(Value::as_array).into_iter().flatten();
        Self(
            tools
                .filter_map(|tool| {
                    let function = tool.get("function").unwrap_or(tool);
                    let parameters = function.get("parameters").cloned().unwrap_or(Value::Null);
                    Some((function.get("name")?.as_str()?.to_owned(), parameters))
                })
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Whether a tool's name begins with this text.
    pub(super) fn any_begins(&self, text: &str) -> bool {
        self.0.iter().any(|(known, _)| known.starts_with(text))
    }

    pub(super) fn argument(&self, name: &str, key: &str) -> ArgumentType {
        let Some((_, parameters)) = self.0.iter().find(|(known, _)| known == name) else {
            return ArgumentType::Json;
        };
        let schema = parameters.get("properties").and_then(|properties| properties.get(key));
        schema.map_or(ArgumentType::Json, |schema| of_schema(schema, parameters))
    }
}

fn of_schema(schema: &Value, root: &Value) -> ArgumentType {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(path) => root.pointer(path.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    };
    let of_type = |name: &Value| match name.as_str() {
        Some("string") => ArgumentType::String,
        Some("object" | "array") => ArgumentType::Container,
        _ => ArgumentType::Json,
    };
    match schema.get("type") {
        Some(name @ Value::String(_)) => of_type(name),
        Some(Value::Array(names)) if names.len() == 1 => of_type(&names[0]),
        Some(_) => ArgumentType::Json,
        None => {
            let values = schema.get("enum").and_then(Value::as_array);
            let mut values = values.into_iter().flatten().chain(schema.get("const")).peekable();
            let all_strings = values.peek().is_some() && values.all(Value::is_string);
            if all_strings { ArgumentType::String } else { ArgumentType::Json }
        }
    }
}
