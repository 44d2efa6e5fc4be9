//! Python's methods on strings and lists that `minijinja_contrib::pycompat` lacks, and what else jinja2 does in its
//! own way. As Python does, lengths and positions count characters.

use std::fmt::Write;

use minijinja::value::{Kwargs, Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, filters};

use super::json::either;

/// Characters that a method may pad a string to.
const MAX_WIDTH: usize = 1 << 16;

/// Calls the method `name`, if it is one of those here.
pub(super) fn method(value: &Value, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => string_method(text, name, args),
        (ValueKind::Seq, _) if name == "index" => Some(list_index(value, args)),
        // Nothing changes a value.
        (ValueKind::Seq | ValueKind::Map, _) if name == "copy" => {
            Some(from_args(args).map(|()| value.clone()))
        }
        _ => None,
    }
}

fn string_method(text: &str, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    Some(match name {
        "rsplit" => rsplit(text, args),
        "partition" => one(args).map(|at| {
            let (before, found, after) = match text.split_once(at) {
                Some((before, after)) => (before, at, after),
                None => (text, "", ""),
            };
            tuple([before, found, after])
        }),
        "rpartition" => one(args).map(|at| {
            let (before, found, after) = match text.rsplit_once(at) {
                Some((before, after)) => (before, at, after),
                None => ("", "", text),
            };
            tuple([before, found, after])
        }),
        "removeprefix" => one(args).map(|prefix| text.strip_prefix(prefix).unwrap_or(text).into()),
        "removesuffix" => one(args).map(|suffix| text.strip_suffix(suffix).unwrap_or(text).into()),
        "find" => find(text, args, str::find).map(|at| at.map_or(Value::from(-1), Value::from)),
        "rfind" => find(text, args, str::rfind).map(|at| at.map_or(Value::from(-1), Value::from)),
        "index" => found(find(text, args, str::find)),
        "rindex" => found(find(text, args, str::rfind)),
        "swapcase" => from_args(args).map(|()| {
            let swap = |c: char| {
                if c.is_uppercase() {
                    c.to_lowercase().collect()
                } else {
                    c.to_uppercase().collect::<String>()
                }
            };
            text.chars().map(swap).collect::<String>().into()
        }),
        // Python puts the odd space of a string of even length to the left.
        "center" => padded(text, args, |missing, length| missing / 2 + (missing & (length + missing) & 1)),
        "ljust" => padded(text, args, |_, _| 0),
        "rjust" => padded(text, args, |missing, _| missing),
        "zfill" => zfill(text, args),
        _ => return None,
    })
}

fn one(args: &[Value]) -> Result<&str, Error> {
    let (text,): (&str,) = from_args(args)?;
    Ok(text)
}

/// `text.find(part, start=0)` with one of the two ways to search: characters before it.
fn find<'a>(
    text: &'a str,
    args: &'a [Value],
    search: impl Fn(&'a str, &'a str) -> Option<usize>,
) -> Result<Option<usize>, Error> {
    let (part, start): (&str, Option<i64>) = from_args(args)?;
    let length = text.chars().count();
    let start = match start.unwrap_or(0) {
        start @ ..0 => length.saturating_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX)),
        start => usize::try_from(start).unwrap_or(usize::MAX),
    };
    if start > length {
        return Ok(None);
    }
    let skipped = text.char_indices().nth(start).map_or(text.len(), |(at, _)| at);
    Ok(search(&text[skipped..], part).map(|at| text[..skipped + at].chars().count()))
}

fn found(at: Result<Option<usize>, Error>) -> Result<Value, Error> {
    match at? {
        Some(at) => Ok(at.into()),
        None => Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
    }
}

fn tuple(parts: [&str; 3]) -> Value {
    Value::from_object(Tuple::from(parts.map(Value::from)))
}

/// `text.rsplit(separator=None, maxsplit=-1)`.
fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
    let most =
        most.and_then(|most| usize::try_from(most).ok()).map_or(usize::MAX, |most| most.saturating_add(1));
    let mut parts: Vec<Value> = match separator {
        Some("") => return Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        Some(separator) => text.rsplitn(most, separator).map(Value::from).collect(),
        None => {
            let mut parts = Vec::new();
            let mut rest = text.trim_end();
            while !rest.is_empty() && parts.len() + 1 < most {
                let start = rest.trim_end_matches(|c: char| !c.is_whitespace()).len();
                parts.push(Value::from(&rest[start..]));
                rest = rest[..start].trim_end();
            }
            if !rest.is_empty() {
                parts.push(Value::from(rest));
            }
            parts
        }
    };
    parts.reverse();
    Ok(parts.into())
}

/// Pads to a width; `before` tells how much of what is missing goes before a text of this length.
fn padded(text: &str, args: &[Value], before: impl Fn(usize, usize) -> usize) -> Result<Value, Error> {
    let (width, fill): (i64, Option<char>) = from_args(args)?;
    let length = text.chars().count();
    let missing = missing(width, length)?;
    let before = before(missing, length);
    let fill = fill.unwrap_or(' ');
    let mut out: String = std::iter::repeat_n(fill, before).collect();
    out.push_str(text);
    out.extend(std::iter::repeat_n(fill, missing - before));
    Ok(out.into())
}

fn zfill(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (width,): (i64,) = from_args(args)?;
    let missing = missing(width, text.chars().count())?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = &text[..text.len() - digits.len()];
    Ok(format!("{sign}{}{digits}", "0".repeat(missing)).into())
}

fn missing(width: i64, length: usize) -> Result<usize, Error> {
    match usize::try_from(width.max(0)) {
        Ok(width) if width <= MAX_WIDTH => Ok(width.saturating_sub(length)),
        _ => Err(Error::new(ErrorKind::InvalidOperation, format!("{width} is too wide"))),
    }
}

fn list_index(list: &Value, args: &[Value]) -> Result<Value, Error> {
    let (wanted,): (&Value,) = from_args(args)?;
    match list.try_iter()?.position(|item| &item == wanted) {
        Some(at) => Ok(at.into()),
        None => Err(Error::new(ErrorKind::InvalidOperation, "the value is not in the list")),
    }
}

/// The filter `escape`: as markupsafe writes it, where the engine's own writes other references.
pub(super) fn escape(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' | '\'' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "&#{};", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// The filter `default(default_value='', boolean=False)`.
pub(super) fn default(
    value: &Value,
    other: Option<Value>,
    boolean: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let other = either(other, &options, "default_value")?.unwrap_or_else(|| "".into());
    let boolean = either(boolean, &options, "boolean")?.is_some_and(|boolean| boolean.is_true());
    options.assert_all_used()?;
    let absent = value.is_undefined() || boolean && !value.is_true();
    Ok(if absent { other } else { value.clone() })
}

/// The filter `int(default=0, base=10)`: what is no number is the default.
pub(super) fn int(
    state: &State,
    value: &Value,
    default: Option<Value>,
    base: Option<u32>,
    options: Kwargs,
) -> Result<Value, Error> {
    let default = either(default, &options, "default")?.unwrap_or_else(|| 0.into());
    filters::int(state, value, Some(default), base, options)
}

/// The filter `float(default=0.0)`.
pub(super) fn float(
    state: &State,
    value: &Value,
    default: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let default = either(default, &options, "default")?.unwrap_or_else(|| 0.0.into());
    filters::float(state, value, Some(default), options)
}

/// The test `sequence`: whatever has a length and items, so that texts and maps are sequences, too.
pub(super) fn is_sequence(value: &Value) -> bool {
    value.is_undefined() || matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String)
}
