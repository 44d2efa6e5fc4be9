//! Finds a format in what the template writes for calls.

use serde_json::Value;

use super::calls::{Samples, divide};
use super::{KEYS, NAMES, NUMBER, TEXT, arguments};
use crate::chat_format::parser::{Progress, ValueReader};
use crate::chat_format::{
    CallFormat, CallKind, Dialect, FieldKind, HeadField, JsonKeys, Marks, TaggedArguments, tags,
};

/// The format, if the arguments are an object.
pub(super) fn with_object(samples: &Samples) -> Option<CallFormat> {
    let one = samples.one.as_str();
    let mut dialects = vec![Dialect::Json, Dialect::Python];
    dialects.extend(quote(one).map(Dialect::Quoted));
    let in_json = dialects.iter().find_map(|dialect| in_json(samples, dialect));
    in_json.or_else(|| dialects.iter().find_map(|dialect| after_name(samples, dialect)))
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
    keys.start = one[at..end].split(NAMES[0]).next()?.to_owned();
    keys.dialect = dialect.clone();
    let (open, close) = (&one[..at], &one[end..]);
    let kind = CallKind::Json(keys);
    if one[at..].starts_with('[') {
        return Some(CallFormat::of(kind, Marks::new(open, close), Marks::default()));
    }
    let between = samples.two.as_deref().and_then(|two| {
        let (_, end) = value_at(two, at, dialect)?;
        let next =
            end + brackets(&two[end..], &['{']).find(|next| value_at(two, end + next, dialect).is_some())?;
        Some(&two[end..next])
    });
    let (section, call) = divide(open, close, between);
    Some(CallFormat::of(kind, section, call))
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
    let head = head_of(&one[..at], 0, &samples.ids)?;
    let between = samples.two.as_deref().and_then(|two| {
        let (_, end) = object_in(two)?;
        let (next, _) = object_in(&two[end..])?;
        let start = head_of(&two[end..end + next], 1, &samples.ids)?.start;
        Some(&two[end..end + start])
    });
    let (section, call) = divide(&one[..head.start], &one[end..], between);
    Some(CallFormat::of(CallKind::Named { head: head.fields, dialect: dialect.clone() }, section, call))
}

/// The fields before arguments, and where the first begins.
struct Head {
    start: usize,
    fields: Vec<HeadField>,
}

/// Divides the text before arguments into its fields; `index` of the call.
fn head_of(text: &str, index: usize, ids: &[String; 2]) -> Option<Head> {
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

/// The texts around a call's values.
struct Parts<'a> {
    /// Up to the first key.
    before: &'a str,
    text_key_end: &'a str,
    between: &'a str,
    number_key_end: &'a str,
    after: &'a str,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (before, rest) = text.split_once(KEYS[0])?;
    let (text_key_end, rest) = rest.split_once(TEXT)?;
    let (between, rest) = rest.split_once(KEYS[1])?;
    let (number_key_end, after) = rest.split_once(&NUMBER.to_string())?;
    Some(Parts { before, text_key_end, between, number_key_end, after })
}

/// The format, if each argument is written on its own.
pub(super) fn with_arguments(samples: &Samples) -> Option<CallFormat> {
    let one = parts(&samples.one)?;
    let two = samples.two.as_deref().and_then(parts).map(|parts| parts.after);
    let two = two.and_then(|after| Some(&after[..after.find(KEYS[0])?]));
    let head = head_of(one.before, 0, &samples.ids)?;
    let name_end = &one.before[one.before.rfind(NAMES[0])? + NAMES[0].len()..];
    if name_end.trim() == "(" && one.number_key_end.trim() == "=" {
        let open = one.before[..head.start].trim_end();
        let section = Marks::new(
            open.strip_suffix('[').unwrap_or(open),
            one.after.trim_start().trim_start_matches([')', ']']),
        );
        return Some(CallFormat::of(CallKind::Pythonic, section, Marks::default()));
    }
    let json_strings = one.between.starts_with('"')
        && one.text_key_end.strip_suffix('"').is_some_and(|rest| rest == one.number_key_end);
    let mut between = if json_strings { &one.between[1..] } else { one.between };
    let mut number_close = one.after;
    let lines =
        one.number_key_end.ends_with('\n') && between.starts_with('\n') && number_close.starts_with('\n');
    if lines {
        (between, number_close) = (&between[1..], &number_close[1..]);
    }
    let (key_end, string_attributes) = if json_strings || one.text_key_end == one.number_key_end {
        (one.number_key_end, None)
    } else {
        let quote = one.text_key_end.chars().next().filter(|c| "\"'".contains(*c))?;
        let attributes = one.text_key_end[quote.len_utf8()..].split('>').next()?;
        (&one.text_key_end[..quote.len_utf8()], Some(attributes.to_owned()))
    };
    let close = &number_close[..tags::common_start(number_close, between)];
    let open_length = tags::common_end(name_end, between);
    let open = &name_end[name_end.len() - open_length..];
    if open.trim().is_empty() || close.trim().is_empty() || key_end.is_empty() {
        return None;
    }
    let arguments = TaggedArguments {
        open: open.to_owned(),
        key_end: key_end.to_owned(),
        close: close.to_owned(),
        lines,
        json_strings,
        string_attributes,
    };
    let after = &number_close[close.len()..];
    let between_calls = two.and_then(|text| {
        let text = if lines { text.strip_prefix('\n')? } else { text };
        let text = &text[tags::common_start(text, close)..];
        Some(&text[..head_of(text, 1, &samples.ids)?.start])
    });
    let (section, call) = divide(&one.before[..head.start], after, between_calls);
    let mut fields: Vec<HeadField> = head.fields;
    let last = fields.last_mut()?;
    last.end.truncate(last.end.len().saturating_sub(open_length));
    Some(CallFormat::of(CallKind::Tagged { head: fields, arguments }, section, call))
}
