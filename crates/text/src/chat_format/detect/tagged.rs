//! Finds formats that write each argument on its own.

use super::calls::Samples;
use super::shapes::{divide, head_of, with_same_name};
use super::{KEYS, NAMES, NUMBER, TEXT};
use crate::chat_format::{CallFormat, CallKind, HeadField, Marks, SAME_NAME, TaggedArguments, tags};

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

/// The formats that these may be.
pub(super) fn candidates(samples: &Samples) -> Vec<CallFormat> {
    let Some(one) = parts(&samples.one) else { return Vec::new() };
    let between_tags = between_tags(&one, samples).unwrap_or_default();
    pythonic(&one, samples).into_iter().chain(between_tags).collect()
}

fn pythonic(one: &Parts<'_>, samples: &Samples) -> Option<CallFormat> {
    let head = head_of(one.before, 0, &samples.ids)?;
    let name_end = &one.before[one.before.rfind(NAMES[0])? + NAMES[0].len()..];
    let quotes = ['"', '\''];
    (name_end.trim() == "(" && one.number_key_end.trim_end_matches(quotes).trim() == "=").then(|| {
        let open = one.before[..head.start].trim_end();
        let section = Marks::new(
            open.strip_suffix('[').unwrap_or(open),
            one.after.trim_start_matches(quotes).trim_start().trim_start_matches([')', ']']),
        );
        CallFormat::of(CallKind::Pythonic, section, Marks::default())
    })
}

fn between_tags(one: &Parts<'_>, samples: &Samples) -> Option<Vec<CallFormat>> {
    let same = SAME_NAME.to_string();
    let mut head = head_of(one.before, 0, &samples.ids)?;
    head.split_number(samples);
    let name_end = &one.before[one.before.rfind(NAMES[0])? + NAMES[0].len()..];
    let json_strings = one.between.starts_with('"')
        && one.text_key_end.strip_suffix('"').is_some_and(|rest| rest == one.number_key_end);
    // Closing tags may repeat the key.
    let between = one.between.replace(KEYS[0], &same);
    let number_close = one.after.replacen(KEYS[1], &same, 1);
    let mut between = if json_strings { &between[1..] } else { &between };
    let mut number_close = number_close.as_str();
    let lines =
        one.number_key_end.ends_with('\n') && between.starts_with('\n') && number_close.starts_with('\n');
    if lines {
        (between, number_close) = (&between[1..], &number_close[1..]);
    }
    let two = samples.two.as_deref().and_then(parts).and_then(|parts| {
        let text = parts.after[..parts.after.find(KEYS[0])?].replacen(KEYS[1], &same, 1);
        Some(if lines { text.strip_prefix('\n')?.to_owned() } else { text })
    });
    let (key_end, string_attributes) = if json_strings || one.text_key_end == one.number_key_end {
        (one.number_key_end, None)
    } else {
        let quote = one.text_key_end.chars().next().filter(|c| "\"'".contains(*c))?;
        let attributes = one.text_key_end[quote.len_utf8()..].split('>').next()?;
        (&one.text_key_end[..quote.len_utf8()], Some(attributes.to_owned()))
    };
    if key_end.is_empty() {
        return None;
    }
    let format = |Divided { open_length, close }: Divided<'_>| {
        let arguments = TaggedArguments {
            open: name_end[name_end.len() - open_length..].to_owned(),
            key_end: key_end.to_owned(),
            close: close.to_owned(),
            lines,
            json_strings,
            string_attributes: string_attributes.clone(),
        };
        let between_calls = two.as_deref().and_then(|text| {
            let text = &text[if close.is_empty() { 0 } else { tags::common_start(text, close) }..];
            Some(&text[..head_of(text, 1, &samples.ids)?.start])
        });
        let (section, call) = divide(&one.before[..head.start], &number_close[close.len()..], between_calls);
        let call = with_same_name(call);
        let closes = !call.close.trim().is_empty() || !section.close.trim().is_empty();
        let mut head: Vec<HeadField> = head.fields.clone();
        let last = head.last_mut()?;
        last.end.truncate(last.end.len().saturating_sub(open_length));
        // Without one of these, only the end of the call shows that no argument follows.
        let marked = !close.is_empty() && open_length > 0;
        (marked || closes).then(|| CallFormat::of(CallKind::Tagged { head, arguments }, section, call))
    };
    Some(ways_to_divide(name_end, between, number_close).into_iter().filter_map(format).collect())
}

/// Which part of the text between two arguments ends the first.
struct Divided<'a> {
    /// The length of the text before a key.
    open_length: usize,
    /// The text after a value.
    close: &'a str,
}

/// Tags after each value and before each key; the same tag between all of them, also after the last or not.
fn ways_to_divide<'a>(name_end: &str, between: &str, number_close: &'a str) -> Vec<Divided<'a>> {
    let count = |text: &str| tags::spans(text).len();
    let open_length = tags::common_end(name_end, between);
    let opens = count(&name_end[name_end.len() - open_length..]);
    let close = &number_close[..tags::common_start(number_close, between)];
    let all = count(between);
    let mut ways = Vec::new();
    if opens > 0 && count(close) > 0 && opens + count(close) <= all {
        ways.push(Divided { open_length, close });
    }
    if opens > 0 && opens == all {
        ways.push(Divided { open_length, close: "" });
    }
    if count(close) > 0 && count(close) == all {
        ways.push(Divided { open_length: 0, close });
    }
    // Attributes.
    let quote = number_close.chars().next().filter(|c| "\"'".contains(*c) && between.trim() == c.to_string());
    ways.extend(quote.map(|quote| Divided { open_length: 0, close: &number_close[..quote.len_utf8()] }));
    ways
}
