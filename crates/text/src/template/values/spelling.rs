//! Python's `str(x)` and `repr(x)`, no longer than the remaining fuel pays for.

use std::fmt::{self, Write};

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::tokenizer::GUARD;

use super::absent::is_absent;
use super::work::{ITEM, MAX_DEPTH, Work, is_namespace, too_deep};

/// The text of a string; empty for any other value.
pub(in crate::template) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// `str(value)`: the value itself if it is a string.
///
/// # Errors
/// If the fuel does not suffice, or the value is nested too deeply.
pub(in crate::template) fn str_of(state: &State, value: &Value) -> Result<Value, Error> {
    if value.as_str().is_some() {
        return Ok(value.clone());
    }
    let mut out = String::new();
    write_str(state, &mut out, value)?;
    Ok(out.into())
}

/// Writes `str(value)` and charges for it.
pub(in crate::template) fn write_str(
    state: &State,
    out: &mut impl Write,
    value: &Value,
) -> Result<(), Error> {
    let mut speller = Speller { work: Work::new(state), out };
    match value.as_str() {
        Some(text) => speller.push(text)?,
        None => speller.value(value, 0)?,
    }
    speller.work.done(state)
}

/// `repr(value)`.
///
/// # Errors
/// Those of [`str_of`].
pub(in crate::template) fn repr(state: &State, value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    let mut speller = Speller { work: Work::new(state), out: &mut out };
    speller.value(value, 1)?;
    speller.work.done(state)?;
    Ok(out)
}

struct Speller<'a, W> {
    work: Work,
    out: &'a mut W,
}

impl<W: Write> Speller<'_, W> {
    fn push(&mut self, text: &str) -> Result<(), Error> {
        self.work.text(text.len())?;
        self.out.write_str(text).map_err(Error::from)
    }

    /// Writes a value inside `depth` containers.
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.work.spend(ITEM)?;
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        match value.kind() {
            _ if is_absent(value) => self.push(if depth == 0 { "" } else { "None" }),
            ValueKind::Undefined => self.push(if depth == 0 { "" } else { "Undefined" }),
            ValueKind::String if value.is_safe() => {
                self.push("Markup(")?;
                self.quoted(value.as_str().unwrap_or(""))?;
                self.push(")")
            }
            ValueKind::String => self.quoted(value.as_str().unwrap_or("")),
            ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
                Ok(number) => self.push(&float(number)),
                Err(_) => self.display(value),
            },
            ValueKind::Seq | ValueKind::Iterable => {
                let tuple = value.is_tuple() || is_group(value);
                self.push(if tuple { "(" } else { "[" })?;
                let mut count = 0;
                for item in value.try_iter()?.checked() {
                    if count > 0 {
                        self.push(", ")?;
                    }
                    self.value(&item?, depth + 1)?;
                    count += 1;
                }
                self.push(match (tuple, count) {
                    (true, 1) => ",)",
                    (true, _) => ")",
                    (false, _) => "]",
                })
            }
            ValueKind::Map if is_namespace(value) && depth > 0 => Err(too_deep()),
            ValueKind::Map if is_namespace(value) => {
                self.push("<Namespace ")?;
                self.map(value, depth)?;
                self.push(">")
            }
            ValueKind::Map if !is_loop(value) => self.map(value, depth),
            ValueKind::Invalid => Err(Error::new(ErrorKind::InvalidOperation, "an invalid value")),
            _ => self.display(value),
        }
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.push("{")?;
        let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
        for (index, (key, value)) in pairs.into_iter().flatten().enumerate() {
            if index > 0 {
                self.push(", ")?;
            }
            self.value(&key, depth + 1)?;
            self.push(": ")?;
            self.value(&value, depth + 1)?;
        }
        self.push("}")
    }

    /// Writes a short value that is not a container: `True`, an integer, a function.
    fn display(&mut self, value: &Value) -> Result<(), Error> {
        self.push(&value.to_string())
    }

    fn quoted(&mut self, text: &str) -> Result<(), Error> {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        self.work.text(text.len() + 2)?;
        let written: fmt::Result = (|| {
            self.out.write_char(quote)?;
            for c in text.chars() {
                match c {
                    '\\' => self.out.write_str("\\\\")?,
                    '\n' => self.out.write_str("\\n")?,
                    '\r' => self.out.write_str("\\r")?,
                    '\t' => self.out.write_str("\\t")?,
                    c if c == quote => write!(self.out, "\\{c}")?,
                    c if is_printable(c) => self.out.write_char(c)?,
                    c => match c as u32 {
                        code @ ..0x100 => write!(self.out, "\\x{code:02x}")?,
                        code @ ..0x10000 => write!(self.out, "\\u{code:04x}")?,
                        code => write!(self.out, "\\U{code:08x}")?,
                    },
                }
            }
            self.out.write_char(quote)
        })();
        written.map_err(Error::from)
    }
}

/// Whether a value is a group of `groupby`.
fn is_group(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::GroupTuple"))
}

fn is_loop(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Loop"))
}

/// Python's `str.isprintable` for one character.
fn is_printable(c: char) -> bool {
    use GeneralCategory as Is;
    // A guard stays unescaped: it is removed from the prompt later.
    matches!(c, ' ' | GUARD)
        || !c.is_ascii_control()
            && (c.is_ascii()
                || !matches!(
                    get_general_category(c),
                    Is::Control
                        | Is::Format
                        | Is::LineSeparator
                        | Is::ParagraphSeparator
                        | Is::PrivateUse
                        | Is::SpaceSeparator
                        | Is::Surrogate
                        | Is::Unassigned
                ))
}

/// `repr` of a Python float: the shortest digits that round-trip, with an exponent below 1e-4 and from 1e16
/// on.
pub(in crate::template) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    let mut text = value.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_as_python_prints_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float(value), text);
        }
    }
}
