//! Finds formats that write each argument on its own.

use super::calls::{Samples, divide};
use super::json::head_of;
use super::probe::{KEYS, NAMES, NUMBER, TEXT};
use crate::chat_format::{CallFormat, CallKind, HeadField, Marks, TaggedArguments, tags};

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

pub(super) fn detect(samples: &Samples) -> Option<CallFormat> {
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
