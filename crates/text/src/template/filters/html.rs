//! Filters that write or read HTML and URLs.

use std::fmt::Write;

use minijinja::value::{Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Error, State};

use crate::template::values::arguments::Arguments;
use crate::template::values::escape::{escape_char, escaped, escaped_text};
use crate::template::values::spelling::{str_of, text};
use crate::template::values::work::{SLOT, invalid, pay, pay_for_text};

/// An attribute `name="value"` of a tag.
fn push_attribute(out: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = write!(out, " {name}=\"{value}\"");
}

/// `striptags`: the text between the tags, with whitespace collapsed to single spaces. It decodes numeric
/// references and those that markup needs.
pub(in crate::template) fn strip_tags(state: &State, value: &Value) -> Result<String, Error> {
    pay_for_text(state, text(value).len())?;
    let without = without(&without(text(value), "<!--", "-->"), "<", ">");
    let mut text = String::with_capacity(without.len());
    for word in without.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((reference(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    Ok(out + rest)
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        let Some(end) = rest[start..].find(close) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + end + close.len()..];
    }
    out + rest
}

fn quoted(state: &State, value: &Value, in_query: bool) -> Result<String, Error> {
    let value = str_of(state, value)?;
    let value = text(&value);
    pay_for_text(state, value.len().saturating_mul(3))?;
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b'/' if !in_query => out.push('/'),
            b' ' if in_query => out.push('+'),
            byte => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    Ok(out)
}

/// `urlencode`: a string, or a map or list of pairs as a query.
pub(in crate::template) fn url_encode(state: &State, value: &Value) -> Result<String, Error> {
    let pairs: Vec<(Value, Value)> = match value.kind() {
        ValueKind::Map => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
            pairs.into_iter().flatten().collect()
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let pair = |pair: Value| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?));
            value.try_iter()?.checked().map(|item| pair(item?)).collect::<Result<_, Error>>()?
        }
        _ => return quoted(state, value, false),
    };
    let mut out = String::new();
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(&quoted(state, key, true)?);
        out.push('=');
        out.push_str(&quoted(state, value, true)?);
    }
    Ok(out)
}

/// `xmlattr(autospace=True)`
pub(in crate::template) fn xml_attributes(state: &State, args: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let args = Arguments::new(args)?;
    let space = args.flag(1, "autospace")?.unwrap_or(true);
    let value = args.subject()?.clone();
    args.done(1)?;
    if value.kind() != ValueKind::Map {
        return Err(invalid("xmlattr: not a map"));
    }
    let mut out = String::new();
    let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
    for (key, value) in pairs.into_iter().flatten() {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let (key, value) = (str_of(state, &key)?, str_of(state, &value)?);
        if text(&key).contains(|c: char| c.is_whitespace() || "/>=".contains(c)) {
            return Err(invalid("xmlattr: invalid character in an attribute name"));
        }
        push_attribute(&mut out, &escaped_text(state, &key)?, &escaped_text(state, &value)?);
    }
    Ok(if space { out } else { out.trim_start().to_owned() })
}

/// `urlize(trim_url_limit=None, nofollow=False, target=None, rel=None)`: links words that start with
/// `http://`, `https://` or `www.`, end with a common top-level domain, or are email addresses.
pub(in crate::template) fn urlize(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let limit = args.integer(1, "trim_url_limit")?.and_then(|limit| usize::try_from(limit).ok());
    let nofollow = args.flag(2, "nofollow")?.unwrap_or(false);
    let target = args.text(3, "target")?;
    let rel = args.text(4, "rel")?.unwrap_or_default();
    let value = args.subject()?.clone();
    args.done(4)?;

    // A slot in the list for each.
    pay(state, rel.len().saturating_mul(SLOT as usize / 2))?;
    let mut relations: Vec<&str> = rel.split_whitespace().chain(["noopener"]).collect();
    relations.extend(nofollow.then_some("nofollow"));
    relations.sort_unstable();
    relations.dedup();
    let mut attributes = String::new();
    push_attribute(&mut attributes, "rel", &escaped(state, &relations.join(" "), escape_char)?);
    if let Some(target) = target {
        push_attribute(&mut attributes, "target", &escaped(state, &target, escape_char)?);
    }

    let whole = escaped_text(state, &value)?;
    pay_for_text(state, whole.len())?;
    let mut out = String::with_capacity(whole.len());
    for piece in whole.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let trimmed = word.trim_start_matches(['(', '<']).trim_start_matches("&lt;");
        let middle = trimmed.trim_end_matches(['.', ',', ')', '>']).trim_end_matches("&gt;");
        let (head, tail) = (word.len() - trimmed.len(), trimmed.len() - middle.len());
        let Some((address, is_mail)) = address(middle) else {
            out.push_str(piece);
            continue;
        };
        pay_for_text(state, 2 * middle.len() + attributes.len() + 32)?;
        let shown = match limit.and_then(|limit| middle.char_indices().nth(limit)) {
            Some((cut, _)) if !is_mail => format!("{}...", &middle[..cut]),
            _ => middle.trim_start_matches("mailto:").to_owned(),
        };
        let attributes = if is_mail { "" } else { &attributes };
        out.push_str(&word[..head]);
        // Writing to a string cannot fail.
        let _ = write!(out, "<a href=\"{address}\"{attributes}>{shown}</a>");
        out.push_str(&word[word.len() - tail..]);
        out.push_str(&piece[word.len()..]);
    }
    Ok(out.into())
}

/// The target of a word's link, and whether it is an email address.
fn address(word: &str) -> Option<(String, bool)> {
    let host_of = |rest: &str| rest.split(['/', '?', '#', ':']).next().unwrap_or("").to_owned();
    let is_name = |c: char| c.is_alphanumeric() || "-_%.".contains(c);
    let has_domain =
        |host: &str| host.chars().all(is_name) && host.rsplit('.').next().is_some_and(|last| last.len() >= 2);
    if let Some(rest) = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://")) {
        return has_domain(&host_of(rest)).then(|| (word.to_owned(), false));
    }
    let mail = word.strip_prefix("mailto:").unwrap_or(word);
    if let Some((user, host)) = mail.split_once('@') {
        let good = !user.is_empty() && !user.contains(':') && host.contains('.') && has_domain(host);
        return good.then(|| (format!("mailto:{mail}"), true));
    }
    let host = host_of(word);
    let known = ["com", "net", "int", "edu", "gov", "org", "info", "mil"];
    let common = host.rsplit_once('.').is_some_and(|(name, last)| name.len() >= 2 && known.contains(&last));
    ((word.starts_with("www.") || common) && has_domain(&host)).then(|| (format!("https://{word}"), false))
}
