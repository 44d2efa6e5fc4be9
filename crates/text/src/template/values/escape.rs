//! Escaped text, as in markupsafe.

use minijinja::value::{Tuple, Value, ValueKind};
use minijinja::{Error, State};

use super::spelling::text;
use super::work::pay_for_text;

pub(in crate::template) fn escape_char(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&#34;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

/// Writes `text`, replacing characters as `escape` says, and charges for it.
pub(in crate::template) fn escaped(
    state: &State,
    text: &str,
    escape: impl Fn(&mut String, char),
) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len());
    let mut paid = 0;
    for c in text.chars() {
        escape(&mut out, c);
        if out.len() > paid {
            pay_for_text(state, 1024)?;
            paid += 1024;
        }
    }
    Ok(out)
}

pub(in crate::template) fn escaped_text(state: &State, value: &Value) -> Result<String, Error> {
    escaped(state, text(value), escape_char)
}

/// `escape`: the same output as markupsafe; escaped text stays unchanged.
pub(in crate::template) fn escape(state: &State, value: &Value) -> Result<Value, Error> {
    if value.is_safe() { Ok(value.clone()) } else { force_escape(state, value) }
}

/// `forceescape`: also escapes text that is already escaped.
pub(in crate::template) fn force_escape(state: &State, value: &Value) -> Result<Value, Error> {
    escaped_text(state, value).map(Value::from_safe_string)
}

/// The result of an operation on `text`: parts of escaped text, and results computed from it, count as escaped.
pub(in crate::template) fn as_safe_as(text: &Value, result: Value) -> Value {
    if !text.is_safe() {
        return result;
    }
    match result.as_str() {
        Some(result) => Value::from_safe_string(result.to_owned()),
        None => match result.as_object().filter(|_| result.kind() == ValueKind::Seq) {
            Some(parts) => {
                let parts = parts.try_iter().into_iter().flatten().map(|part| as_safe_as(text, part));
                let parts: Vec<Value> = parts.collect();
                if result.is_tuple() { Value::from_object(Tuple::from(parts)) } else { parts.into() }
            }
            None => result,
        },
    }
}
