//! Finds formats in what the template writes for calls.

use serde_json::Value;

use super::calls::Samples;
use super::{KEYS, NAMES, TEXT, arguments, tagged};
use crate::chat_format::parser::{Progress, ValueReader};
use crate::chat_format::{
    CallFormat, CallKind, Dialect, FieldKind, HeadField, JsonKeys, Marks, SAME_NAME, tags,
};

/// The formats that these may be, the most likely first.
pub(super) fn candidates(samples: &Samples) -> Vec<CallFormat> {
    let mut dialects = vec![Dialect::Json, Dialect::Python];
    dialects.extend(quote(&samples.one).map(Dialect::Quoted));
    let in_json = dialects.iter().filter_map(|dialect| in_json(samples, dialect));
    let after_name = dialects.iter().filter_map(|dialect| after_name(samples, dialect));
    let candidates = in_json.chain(after_name).chain(tagged::candidates(samples));
    candidates.map(|calls| with_late_id(with_section_close(calls, samples), samples)).collect()
}

/// Takes the id out of the closing mark.
fn with_late_id(mut calls: CallFormat, samples: &Samples) -> CallFormat {
    if let Some((before, after)) = calls.call.close.split_once(samples.ids[0].as_str())
        && let Some(end) = tags::spans(after).first().map(|span| span.end)
        && !before.trim().is_empty()
    {
        calls.late_id = Some(Marks::new(before, &after[..end]));
        calls.call.close = after[end..].to_owned();
    }
    calls
}

/// Some templates close the section only after several calls.
fn with_section_close(mut calls: CallFormat, samples: &Samples) -> CallFormat {
    let close = calls.call.close.trim();
    let two = samples.two.as_deref().filter(|_| calls.section.close.trim().is_empty() && !close.is_empty());
    if let Some((_, after)) = two.and_then(|two| two.rsplit_once(close))
        && tags::is_distinct(after.trim())
        && !after.contains(NAMES[1])
    {
        after.clone_into(&mut calls.section.close);
    }
    calls
}

/// The text around strings in objects with bare keys.
fn quote(one: &str) -> Option<String> {
    let (_, after) = one.split_once(&format!("{}:", KEYS[0]))?;
    let (quote, _) = after.split_once(TEXT)?;
    (!quote.trim().is_empty() && quote.len() < 30).then(|| quote.trim().to_owned())
}

/// The value that begins at `at`, and where it ends.
fn value_at(text: &str, at: usize, dialect: &Dialect) -> Option<(Value, usize)> {
    let mut json = String::new();
    let (length, progress) = ValueReader::new(dialect).read(&text[at..], true, &mut json);
    let value = serde_json::from_str(&json).ok().filter(|_| progress == Progress::Done)?;
    Some((value, at + length))
}

/// Where objects or arrays may begin.
fn brackets<'a>(text: &'a str, which: &'a [char]) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(which).map(|(at, _)| at)
}

/// The name is in the JSON, too.
fn in_json(samples: &Samples, dialect: &Dialect) -> Option<CallFormat> {
    let one = samples.one.as_str();
    let (at, end, mut keys) = brackets(one, &['{', '[']).find_map(|at| {
        let (value, end) = value_at(one, at, dialect)?;
        Some((at, end, keys_of(&value, &samples.ids[0])?))
    })?;
    keys.start = start_of_call(one[at..end].split(NAMES[0]).next()?, &keys, samples);
    keys.dialect = dialect.clone();
    let (open, close) = (&one[..at], &one[end..]);
    if one[at..].starts_with('[') {
        return Some(CallFormat::of(CallKind::Json(keys), Marks::new(open, close), Marks::default()));
    }
    let between = samples.two.as_deref().and_then(|two| {
        let (_, end) = value_at(two, at, dialect)?;
        let next =
            end + brackets(&two[end..], &['{']).find(|next| value_at(two, end + next, dialect).is_some())?;
        Some(&two[end..next])
    });
    let [id, second_id] = &samples.ids;
    let mut head = Head { start: at, fields: Vec::new() };
    let between = if let Some((open, id_end)) = open.split_once(id.as_str()) {
        let id = HeadField { kind: FieldKind::Id, end: id_end.to_owned() };
        head = Head { start: open.len(), fields: vec![id] };
        between.and_then(|between| Some(between.split_once(second_id.as_str())?.0))
    } else {
        between
    };
    let between = between.map(|between| head.take_number(one, between));
    let divided = divide(&one[..head.start], close, between);
    keys.head = head.fields;
    Some(divided.format(CallKind::Json(keys)))
}

/// The text from the start of the JSON to the name. If other values come first, a model can put the name there,
/// because the order of keys does not matter.
fn start_of_call(before: &str, keys: &JsonKeys, samples: &Samples) -> String {
    let [id, _] = &samples.ids;
    if !before.contains(id.as_str()) && !before.contains(KEYS[0]) {
        return before.to_owned();
    }
    let first_key = before.split_once('{').map_or("", |(_, after)| after).trim_start();
    let quote = first_key.chars().next().unwrap_or('"');
    format!("{}{quote}{}{quote}: {quote}", &before[..before.len() - first_key.len()], keys.name)
}

/// The keys of a call, if the parser would find its name and arguments.
fn keys_of(value: &Value, id: &str) -> Option<JsonKeys> {
    let object = match value {
        Value::Array(items) => {
            return items.first().filter(|item| item.is_object()).and_then(|item| keys_of(item, id));
        }
        value => value.as_object()?,
    };
    let expected = Value::Object(arguments());
    let is_arguments = |value: &Value| match value {
        Value::String(text) => serde_json::from_str::<Value>(text).is_ok_and(|value| value == expected),
        value => *value == expected,
    };
    if let Some(function) = object.get("function").filter(|function| function.is_object()) {
        let keys = keys_of(function, id)?;
        return Some(JsonKeys { id: key_where(object, |value| value == id).or(keys.id), ..keys });
    }
    let keys = |name: &str, arguments: &str| JsonKeys {
        head: Vec::new(),
        start: String::new(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        id: key_where(object, |value| value == id),
        dialect: Dialect::Json,
    };
    if object.get(NAMES[0]).is_some_and(is_arguments) {
        return Some(keys("", ""));
    }
    let name = key_where(object, |value| value == NAMES[0])?;
    let arguments = key_where(object, is_arguments)?;
    Some(keys(&name, &arguments))
}

fn key_where(object: &serde_json::Map<String, Value>, fits: impl Fn(&Value) -> bool) -> Option<String> {
    object.iter().find(|(_, value)| fits(value)).map(|(key, _)| key.clone())
}

/// The object alone, after the name.
fn after_name(samples: &Samples, dialect: &Dialect) -> Option<CallFormat> {
    let one = samples.one.as_str();
    let expected = Value::Object(arguments());
    let object_in = |text: &str| {
        brackets(text, &['{']).find_map(|at| {
            let (value, end) = value_at(text, at, dialect)?;
            (value == expected).then_some((at, end))
        })
    };
    let (at, end) = object_in(one)?;
    let mut head = head_of(&one[..at], 0, &samples.ids)?;
    head.split_number(samples);
    let between = samples.two.as_deref().and_then(|two| {
        let (_, end) = object_in(two)?;
        let (next, _) = object_in(&two[end..])?;
        let start = head_of(&two[end..end + next], 1, &samples.ids)?.start;
        Some(&two[end..end + start])
    });
    let between = between.map(|between| head.take_number(one, between));
    let divided = divide(&one[..head.start], &one[end..], between).with_same_name();
    Some(divided.format(CallKind::Named { head: head.fields, dialect: dialect.clone() }))
}

/// The fields before arguments, and where the first begins.
pub(super) struct Head {
    pub(super) start: usize,
    pub(super) fields: Vec<HeadField>,
}

impl Head {
    /// Makes the number of the call, if there is one before the head, a field of it. `between` is the text between
    /// the first call, of `one`, and the head of the second; returns it without the number.
    pub(super) fn take_number<'t>(&mut self, one: &str, between: &'t str) -> &'t str {
        let before = &one[..self.start];
        let pairs = before.chars().rev().zip(between.chars().rev());
        let same: usize = pairs.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        let (end, first) = (&before[before.len() - same..], &before[..before.len() - same]);
        let second = &between[..between.len() - same];
        for number in [0, 1] {
            let [this, next] = [number, number + 1].map(|number| number.to_string());
            if let (Some(open), Some(rest)) = (first.strip_suffix(&this), second.strip_suffix(&next))
                && !end.is_empty()
            {
                self.start = open.len();
                let kind = FieldKind::Number { first: number };
                self.fields.insert(0, HeadField { kind, end: end.to_owned() });
                return rest;
            }
        }
        between
    }

    /// Makes the number of the call, if there is one after its name, a field of its own.
    pub(super) fn split_number(&mut self, samples: &Samples) -> Option<()> {
        let (_, second) = samples.two.as_deref()?.split_once(NAMES[1])?;
        let end = &mut self.fields.last_mut().filter(|field| field.kind == FieldKind::Name)?.end;
        let differ = |((_, a), b): &((usize, char), char)| a != b;
        let ((at, first), next) = end.char_indices().zip(second.chars()).find(differ)?;
        if let ('0', '1') | ('1', '2') = (first, next) {
            let end = end.split_off(at).split_off(1);
            self.fields.push(HeadField { kind: FieldKind::Number { first: u8::from(first == '1') }, end });
        }
        Some(())
    }
}

/// Divides the text before arguments into its fields; `index` of the call.
pub(super) fn head_of(text: &str, index: usize, ids: &[String; 2]) -> Option<Head> {
    let field = |kind, end: &str| HeadField { kind, end: end.to_owned() };
    let id = ids[index].as_str();
    let id_at = text.find(id);
    if id.contains(NAMES[index])
        && let Some(id_at) = id_at
    {
        return Some(Head {
            start: id_at,
            fields: vec![field(FieldKind::NameInId, &text[id_at + id.len()..])],
        });
    }
    let name_at = text.rfind(NAMES[index])?;
    let after_name = &text[name_at + NAMES[index].len()..];
    Some(match id_at {
        None => Head { start: name_at, fields: vec![field(FieldKind::Name, after_name)] },
        Some(at) if at < name_at => Head {
            start: at,
            fields: vec![
                field(FieldKind::Id, &text[at + id.len()..name_at]),
                field(FieldKind::Name, after_name),
            ],
        },
        Some(_) => {
            let (before, after) = after_name.split_once(id)?;
            Head { start: name_at, fields: vec![field(FieldKind::Name, before), field(FieldKind::Id, after)] }
        }
    })
}

/// The text around calls.
pub(super) struct Around {
    pub(super) section: Marks,
    pub(super) call: Marks,
    separator: String,
}

impl Around {
    pub(super) fn format(self, kind: CallKind) -> CallFormat {
        CallFormat { separator: self.separator, ..CallFormat::of(kind, self.section, self.call) }
    }

    /// The closing mark of a call may repeat its name.
    pub(super) fn with_same_name(mut self) -> Self {
        self.call.close = self.call.close.replace(NAMES[0], &SAME_NAME.to_string());
        self
    }
}

/// Divides the text before and after a call into the marks of all calls and those of each, by what is between
/// two calls.
pub(super) fn divide(open: &str, close: &str, between: Option<&str>) -> Around {
    let marks = |section: Marks, call: Marks| Around { section, call, separator: String::new() };
    let Some(between) = between else { return marks(Marks::default(), Marks::new(open, close)) };
    let ends = tags::common_start(close, between);
    let begins = tags::common_end(open, between);
    let (section_open, call_open) = open.split_at(open.len() - begins);
    let (call_close, section_close) = close.split_at(ends);
    let rest = between.trim().strip_prefix(call_close.trim()).unwrap_or(between);
    let separator = rest.strip_suffix(call_open.trim()).unwrap_or(rest).trim();
    let separator = if tags::is_distinct(separator) { separator.to_owned() } else { String::new() };
    // Whitespace alone is not a mark.
    if section_open.trim().is_empty() && section_close.trim().is_empty() {
        return Around { separator, ..marks(Marks::default(), Marks::new(open, close)) };
    }
    let section = Marks::new(section_open, section_close);
    Around { separator, ..marks(section, Marks::new(call_open, call_close)) }
}
