//! Finds formats that write each argument on its own.

use super::calls::Samples;
use super::shapes::{divide, head_of};
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
    let (key_end, string_attributes, attributes_end) =
        if json_strings || one.text_key_end == one.number_key_end {
            (one.number_key_end, None, "")
        } else {
            let (key_end, attributes, end) = attributes(one.text_key_end, one.number_key_end)?;
            (key_end, Some(attributes.to_owned()), end)
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
            attributes_end: attributes_end.to_owned(),
        };
        let between_calls = two.as_deref().and_then(|text| {
            let text = &text[if close.is_empty() { 0 } else { tags::common_start(text, close) }..];
            Some(&text[..head_of(text, 1, &samples.ids)?.start])
        });
        let around = divide(&one.before[..head.start], &number_close[close.len()..], between_calls);
        let around = around.with_same_name();
        let closes = [&around.call.close, &around.section.close].iter().any(|close| !close.trim().is_empty());
        let mut head: Vec<HeadField> = head.fields.clone();
        let last = head.last_mut()?;
        last.end.truncate(last.end.len().saturating_sub(open_length));
        // Without one of these, only the end of the call shows that no argument follows.
        let marked = !close.is_empty() && open_length > 0;
        (marked || closes).then(|| around.format(CallKind::Tagged { head, arguments }))
    };
    Some(ways_to_divide(name_end, between, number_close).into_iter().filter_map(format).collect())
}

/// Divides the text between a key and a value that is a string: the end of the key, what differs for other types,
/// and what begins the value.
fn attributes<'t>(of_text: &'t str, of_number: &str) -> Option<(&'t str, &'t str, &'t str)> {
    if let Some(quote) = of_text.chars().next().filter(|c| "\"'".contains(*c)) {
        let (attributes, _) = of_text[quote.len_utf8()..].split_once('>')?;
        return Some((&of_text[..quote.len_utf8()], attributes, ">"));
    }
    // The type between other tags. Names of types may begin and end alike.
    let pairs = of_text.chars().zip(of_number.chars()).take_while(|(a, b)| a == b);
    let start = &of_text[..pairs.map(|(c, _)| c.len_utf8()).sum()];
    let key_end = start.trim_end_matches(char::is_alphanumeric);
    let pairs = of_text.chars().rev().zip(of_number.chars().rev()).take_while(|(a, b)| a == b);
    let same: usize = pairs.map(|(c, _)| c.len_utf8()).sum();
    let end = of_text[of_text.len() - same..].trim_start_matches(char::is_alphanumeric);
    let attributes = of_text.get(key_end.len()..of_text.len() - end.len())?;
    let is_word = !attributes.is_empty() && attributes.chars().all(char::is_alphanumeric);
    (is_word && !tags::split(key_end).is_empty() && !tags::split(end).is_empty())
        .then_some((key_end, attributes, end))
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
