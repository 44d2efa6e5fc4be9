//! Reads calls whose name is in JSON, with their keys in any order.

use super::call::Step;
use super::value::{Progress, ValueReader};
use super::{ChatParser, Flow, Sink};
use crate::chat_format::{CallKind, JsonKeys};

/// The state inside an object, or an array of objects.
#[derive(Clone, Debug)]
pub(super) struct JsonReader {
    step: JsonStep,
    in_array: bool,
    /// Whether it is inside `{"function": {...}}`.
    nested: bool,
    target: Target,
    value: Option<ValueReader>,
    /// A key, or a value that is not shown while it is written.
    buffer: String,
    has_arguments: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JsonStep {
    Item,
    Key,
    Colon,
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Name,
    Id,
    Arguments,
    /// The name, or an object with all of these.
    Function,
    /// Arguments in a JSON string, or `null`.
    ArgumentsText,
    Other,
}

impl JsonReader {
    pub(super) fn new() -> Self {
        Self {
            step: JsonStep::Item,
            in_array: false,
            nested: false,
            target: Target::Other,
            value: None,
            buffer: String::new(),
            has_arguments: false,
        }
    }

    pub(super) fn in_array() -> Self {
        Self { in_array: true, ..Self::new() }
    }

    /// Whether the arguments are complete.
    pub(super) fn has_arguments(&self) -> bool {
        self.has_arguments
    }
}

fn target_of(key: &str, keys: Option<&JsonKeys>) -> Target {
    if let Some(keys) = keys {
        if key == keys.name {
            return Target::Name;
        }
        if key == keys.arguments {
            return Target::Arguments;
        }
        if keys.id.as_deref() == Some(key) {
            return Target::Id;
        }
    }
    match key {
        "name" => Target::Name,
        "arguments" | "parameters" => Target::Arguments,
        "id" | "tool_call_id" => Target::Id,
        "function" => Target::Function,
        _ => Target::Other,
    }
}

impl ChatParser {
    pub(super) fn read_json(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::Json(json) = &mut self.call.step else { return Flow::Next };
        match json.step {
            JsonStep::Value => return self.read_json_value(sink),
            JsonStep::Key if json.value.is_some() => return self.read_json_key(sink),
            _ => {}
        }
        if !self.skip(&[]) {
            return Flow::Wait;
        }
        let Some(first) = self.rest().chars().next() else { return Flow::Wait };
        let dialect = self.call.value();
        let Step::Json(json) = &mut self.call.step else { return Flow::Next };
        match (json.step, first) {
            (JsonStep::Item, '[') if !json.in_array => json.in_array = true,
            (JsonStep::Item, ',') if json.in_array => {}
            (JsonStep::Item, ']') if json.in_array && self.call.had_call => {
                self.at += 1;
                self.end_list();
                return Flow::Next;
            }
            (JsonStep::Item, '{') => json.step = JsonStep::Key,
            (JsonStep::Key, ',') => {}
            (JsonStep::Key, '}') if json.nested => json.nested = false,
            (JsonStep::Key, '}') => {
                self.take(1);
                return self.end_json_object(sink);
            }
            (JsonStep::Key, '"' | '\'') => {
                json.value = Some(dialect);
                json.buffer.clear();
                return Flow::Next;
            }
            (JsonStep::Colon, ':') => json.step = JsonStep::Value,
            _ => return self.bad_json(sink),
        }
        self.take(1);
        Flow::Next
    }

    fn read_json_key(&mut self, sink: &mut Sink<'_>) -> Flow {
        let progress = self.read_buffered();
        let keys = match &self.call.kind {
            CallKind::Json(keys) => Some(keys),
            _ => None,
        };
        let named_by_key = keys.is_some_and(|keys| keys.name.is_empty());
        let Step::Json(json) = &mut self.call.step else { return Flow::Next };
        match progress {
            Progress::More => Flow::Wait,
            Progress::Bad => self.bad_json(sink),
            Progress::Done => {
                let key = serde_json::from_str::<String>(&json.buffer).unwrap_or_default();
                json.value = None;
                json.step = JsonStep::Colon;
                json.target = target_of(&key, keys.filter(|_| !named_by_key));
                let known = json.target != Target::Other || key == "type";
                let is_tool = self.tools.contains(&key);
                let is_first = !self.call.begun && self.call.name.is_empty();
                if named_by_key && is_first && (is_tool || !known) {
                    json.target = Target::Arguments;
                    self.call.name = key;
                } else if named_by_key && self.call.begun && json.has_arguments && is_tool {
                    // Another call in the same object.
                    let (step, in_array) = (JsonStep::Colon, json.in_array);
                    let next = JsonReader { step, in_array, target: Target::Arguments, ..JsonReader::new() };
                    self.end_call(true, sink);
                    self.call.step = Step::Json(next);
                    self.call.name = key;
                    self.begin_call(sink);
                    return Flow::Next;
                } else {
                    if self.call.bare && !known && !self.call.begun {
                        return self.fail(sink);
                    }
                    // The first of each counts.
                    let is_repeated = match json.target {
                        Target::Name => !self.call.name.is_empty(),
                        Target::Id => self.call.id.is_some(),
                        Target::Arguments => json.has_arguments,
                        Target::Function => json.nested,
                        Target::ArgumentsText | Target::Other => false,
                    };
                    if is_repeated {
                        json.target = Target::Other;
                    }
                }
                if json.target == Target::Arguments
                    && !self.call.begun
                    && !self.call.name.is_empty()
                    && !self.begin_call(sink)
                {
                    return self.fail(sink);
                }
                Flow::Next
            }
        }
    }

    fn read_json_value(&mut self, sink: &mut Sink<'_>) -> Flow {
        let dialect = self.call.value();
        let Step::Json(json) = &mut self.call.step else { return Flow::Next };
        if json.value.is_none() {
            if !self.skip(&[]) {
                return Flow::Wait;
            }
            let (is_object, is_string) = (self.rest().starts_with('{'), self.rest().starts_with(['"', '\'']));
            let Step::Json(json) = &mut self.call.step else { return Flow::Next };
            if json.target == Target::Function && is_object {
                json.nested = true;
                json.step = JsonStep::Key;
                self.take(1);
                return Flow::Next;
            }
            if json.target == Target::Function {
                let is_name = is_string && self.call.name.is_empty();
                json.target = if is_name { Target::Name } else { Target::Other };
            }
            // Only an object shows while it is written.
            if json.target == Target::Arguments && (is_string || self.text[self.at..].starts_with(['n', 'N']))
            {
                json.target = Target::ArgumentsText;
            }
            json.value = Some(dialect);
            json.buffer.clear();
            return Flow::Next;
        }
        let shows = json.target == Target::Arguments;
        let progress = self.read_buffered();
        let Step::Json(json) = &mut self.call.step else { return Flow::Next };
        if shows {
            let text = std::mem::take(&mut json.buffer);
            self.add_arguments(&text, sink);
        }
        match progress {
            Progress::More => Flow::Wait,
            Progress::Bad => self.bad_json(sink),
            Progress::Done => self.end_json_value(sink),
        }
    }

    fn end_json_value(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::Json(json) = &mut self.call.step else { return Flow::Next };
        json.value = None;
        json.step = JsonStep::Key;
        let value = std::mem::take(&mut json.buffer);
        let text = || serde_json::from_str::<String>(&value).ok();
        match json.target {
            Target::Name => {
                self.call.name = text().unwrap_or_default();
                let waits = self.call.bare && !json.has_arguments;
                if !waits && !self.begin_call(sink) {
                    return self.fail(sink);
                }
            }
            Target::Id => {
                self.call.id = Some(text().unwrap_or(value)).filter(|id| !id.is_empty() && id != "null");
            }
            Target::ArgumentsText => {
                json.has_arguments = true;
                let text = text().unwrap_or(value);
                self.add_arguments(if text == "null" { "" } else { &text }, sink);
            }
            Target::Arguments => json.has_arguments = true,
            Target::Function | Target::Other => {}
        }
        Flow::Next
    }

    fn end_json_object(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::Json(json) = &self.call.step else { return Flow::Next };
        let is_call = self.call.begun || self.call.waits && json.has_arguments;
        if !is_call {
            return self.fail(sink);
        }
        let in_array = json.in_array;
        self.end_call(true, sink);
        if in_array {
            self.call.step = Step::Json(JsonReader::in_array());
        }
        Flow::Next
    }

    /// Reads a part of the current value into the buffer.
    fn read_buffered(&mut self) -> Progress {
        let Step::Json(json) = &mut self.call.step else { return Progress::Bad };
        let Some(value) = &mut json.value else { return Progress::Bad };
        let (length, progress) = value.read(&self.text[self.at..], self.end.is_some(), &mut json.buffer);
        self.take(length);
        progress
    }

    fn bad_json(&mut self, sink: &mut Sink<'_>) -> Flow {
        let Step::Json(json) = &self.call.step else { return Flow::Next };
        if self.call.had_call && json.in_array && json.step == JsonStep::Item {
            self.end_list();
            return Flow::Next;
        }
        if self.call.begun && json.has_arguments {
            return self.end_call(true, sink);
        }
        self.call.step = Step::Malformed;
        Flow::Next
    }
}
