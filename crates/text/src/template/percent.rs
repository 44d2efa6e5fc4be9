//! Python's `%` for strings.

use minijinja::formatting::{self, FormatStyle};
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::values::escape::escape;
use super::values::spelling::{repr, str_of};
use super::values::work::{invalid, pay, pay_for_text};

/// The values to insert.
struct Given<'a> {
    all: &'a Value,
    used: usize,
}

impl Given<'_> {
    fn len(&self) -> usize {
        if self.all.is_tuple() { self.all.len().unwrap_or(0) } else { 1 }
    }

    fn next(&mut self) -> Result<Value, Error> {
        if self.used >= self.len() {
            return Err(invalid("not enough arguments for format string"));
        }
        self.used += 1;
        if self.all.is_tuple() { self.all.get_item_by_index(self.used - 1) } else { Ok(self.all.clone()) }
    }

    fn named(&mut self, state: &State, key: &str) -> Result<Value, Error> {
        pay(state, key.len())?;
        if self.all.kind() != ValueKind::Map {
            return Err(invalid("format requires a mapping"));
        }
        let value = self.all.get_item(&key.into())?;
        if value.is_undefined() { Err(invalid("a key of the format string is missing")) } else { Ok(value) }
    }

    /// A width or precision: a number in the format string, or the next value for `*`.
    fn size<'s>(&mut self, format: &'s str) -> Result<(Option<i64>, &'s str), Error> {
        if let Some(rest) = format.strip_prefix('*') {
            return Ok((Some(i64::try_from(self.next()?)?), rest));
        }
        let digits = format.len() - format.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = format.split_at(digits);
        let size = if number.is_empty() { None } else { Some(number.parse().unwrap_or(i64::MAX)) };
        Ok((size, rest))
    }
}

/// `template % given`: a tuple gives several values, and a mapping gives them by name. Values that the template does
/// not use are an error, except in a mapping.
pub(super) fn percent(state: &State, template: &Value, given: &Value) -> Result<Value, Error> {
    let text = template.as_str().unwrap_or("");
    pay_for_text(state, text.len())?;
    let incomplete = || invalid("incomplete format");
    let mut given = Given { all: given, used: 0 };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, mut format)) = rest.split_once('%') {
        out.push_str(before);
        let mut value = None;
        if let Some((key, after)) = format.strip_prefix('(').and_then(|format| format.split_once(')')) {
            value = Some(given.named(state, key)?);
            format = after;
        }
        let after = format.trim_start_matches(['#', '0', '-', ' ', '+']);
        let flags = &format[..format.len() - after.len()];
        let (width, after) = given.size(after)?;
        let (precision, after) = match after.strip_prefix('.') {
            Some(after) => given.size(after).map(|(precision, after)| (precision.or(Some(0)), after))?,
            None => (None, after),
        };
        let after = after.trim_start_matches(['h', 'l', 'L']);
        let kind = after.chars().next().ok_or_else(incomplete)?;
        rest = &after[kind.len_utf8()..];
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = value.map_or_else(|| given.next(), Ok)?;
        let is_left = flags.contains('-') || width.is_some_and(|width| width < 0);
        let size =
            |size: Option<i64>| usize::try_from(size.unwrap_or(0).unsigned_abs()).unwrap_or(usize::MAX);
        let (width, digits) = (size(width), precision.map(|_| size(precision)));
        pay_for_text(state, width.saturating_add(digits.unwrap_or(0)))?;
        if let 's' | 'r' | 'a' | 'c' = kind {
            let value = text_of(state, kind, &value, template.is_safe())?;
            let value = value.as_str().unwrap_or("");
            let end = digits.filter(|_| kind != 'c').and_then(|digits| value.char_indices().nth(digits));
            let value = &value[..end.map_or(value.len(), |(end, _)| end)];
            pay_for_text(state, value.len())?;
            let padding = width.saturating_sub(value.chars().count());
            let (left, right) = if is_left { (0, padding) } else { (padding, 0) };
            out.extend(std::iter::repeat_n(' ', left));
            out.push_str(value);
            out.extend(std::iter::repeat_n(' ', right));
        } else {
            let (number, kind) = number(&value, kind)?;
            let left = if is_left && !flags.contains('-') { "-" } else { "" };
            let width = if width > 0 { width.to_string() } else { String::new() };
            let digits = digits.map_or_else(String::new, |digits| format!(".{digits}"));
            let format = format!("%{flags}{left}{width}{digits}{kind}");
            let text = formatting::format(FormatStyle::Printf, &format, &[number])?;
            pay_for_text(state, text.len())?;
            out.push_str(&text);
        }
    }
    out.push_str(rest);
    let may_remain = matches!(given.all.kind(), ValueKind::Map | ValueKind::Seq | ValueKind::Undefined);
    if given.used < given.len() && (given.all.is_tuple() || !may_remain) {
        return Err(invalid("not all arguments converted during string formatting"));
    }
    Ok(if template.is_safe() { Value::from_safe_string(out) } else { out.into() })
}

/// A value as text; escaped, if the template is.
fn text_of(state: &State, kind: char, value: &Value, is_safe: bool) -> Result<Value, Error> {
    let text = match kind {
        's' => str_of(state, value)?,
        'c' => {
            let code = u32::try_from(value.clone()).ok().filter(|_| value.as_str().is_none());
            let one =
                value.as_str().and_then(|text| text.chars().next().filter(|c| c.len_utf8() == text.len()));
            let c = code.and_then(char::from_u32).or(one);
            c.ok_or_else(|| invalid("%c requires an integer or a single character"))?.into()
        }
        'r' => repr(state, value)?.into(),
        _ => {
            let mut ascii = String::new();
            for c in repr(state, value)?.chars() {
                match c as u32 {
                    ..0x80 => ascii.push(c),
                    code @ ..0x100 => ascii.push_str(&format!("\\x{code:02x}")),
                    code @ ..0x10000 => ascii.push_str(&format!("\\u{code:04x}")),
                    code => ascii.push_str(&format!("\\U{code:08x}")),
                }
            }
            ascii.into()
        }
    };
    if is_safe { escape(state, &text) } else { Ok(text) }
}

/// A number as this conversion needs it, and minijinja's name of the conversion.
fn number(value: &Value, kind: char) -> Result<(Value, char), Error> {
    let is_number = value.is_number() || value.kind() == ValueKind::Bool;
    let integer = if value.as_str().is_none() { i128::try_from(value.clone()).ok() } else { None };
    match kind {
        _ if !is_number => Err(invalid(format!("%{kind} format: a number is required"))),
        'd' | 'i' | 'u' => {
            let float =
                || Some(f64::try_from(value.clone()).ok()?.trunc()).filter(|float| float.abs() < 1e38);
            let whole = integer.or_else(|| float().map(|float| float as i128));
            let whole = whole.ok_or_else(|| invalid("a number is too large"))?;
            Ok((i64::try_from(whole).map_or_else(|_| whole.into(), Value::from), 'd'))
        }
        'o' | 'x' | 'X' if value.is_integer() || value.kind() == ValueKind::Bool => {
            Ok((integer.map_or_else(|| value.clone(), Value::from), kind))
        }
        'o' | 'x' | 'X' => Err(invalid(format!("%{kind} format: an integer is required"))),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let number = integer.map_or_else(|| f64::try_from(value.clone()), |integer| Ok(integer as f64));
            Ok((number?.into(), kind))
        }
        _ => Err(invalid("unsupported format character")),
    }
}
