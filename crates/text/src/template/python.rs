//! Python's string and list methods that `minijinja_contrib::pycompat` lacks. As in Python, lengths and
//! positions count characters.

use minijinja::value::{Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::additions::{joined, replaced};
use super::arguments::Arguments;
use super::operators::same;
use super::work::{Work, invalid, pay_for_text};

/// Calls the method `name` if this module has it.
pub(super) fn method(
    state: &State,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Option<Result<Value, Error>> {
    match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => string_method(state, text, name, args),
        (ValueKind::Seq | ValueKind::Iterable, _) if name == "index" => Some(list_index(state, value, args)),
        (ValueKind::Seq | ValueKind::Iterable, _) if name == "count" => Some(list_count(state, value, args)),
        // Values are immutable.
        (ValueKind::Seq | ValueKind::Map, _) if name == "copy" => {
            Some(from_args(args).map(|()| value.clone()))
        }
        _ => None,
    }
}

fn string_method(state: &State, text: &str, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    Some(match name {
        "split" => split(text, args, false),
        "rsplit" => split(text, args, true),
        "strip" if args.is_empty() => Ok(trim(text).into()),
        "lstrip" if args.is_empty() => Ok(text.trim_start_matches(is_space).into()),
        "rstrip" if args.is_empty() => Ok(text.trim_end_matches(is_space).into()),
        "title" => from_args(args).map(|()| title(text).into()),
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
        // Python puts the extra space on the left if the string's length is even.
        "center" => {
            padded(state, text, args, |missing, length| missing / 2 + (missing & (length + missing) & 1))
        }
        "ljust" => padded(state, text, args, |_, _| 0),
        "rjust" => padded(state, text, args, |missing, _| missing),
        "zfill" => zfill(state, text, args),
        "casefold" => from_args(args).map(|()| text.to_lowercase().replace('ß', "ss").into()),
        "istitle" => from_args(args).map(|()| is_title(text).into()),
        "splitlines" => from_args(args).map(|(keep,): (Option<bool>,)| {
            lines(text, keep.unwrap_or(false)).into_iter().map(Value::from).collect()
        }),
        "replace" => from_args(args).and_then(|(old, new, count): (&str, &str, Option<i64>)| {
            replaced(state, text, old, new, count.unwrap_or(-1))
        }),
        "join" => from_args(args).and_then(|(values,): (&Value,)| {
            let mut items = values.try_iter()?.checked();
            if items.any(|item| item.is_ok_and(|item| item.as_str().is_none())) {
                return Err(invalid("join() takes strings only"));
            }
            joined(state, values, &text.into(), None)
        }),
        _ => return None,
    })
}

/// Whether each word starts with an upper-case letter and continues in lower case.
fn is_title(text: &str) -> bool {
    let (mut has_case, mut in_word) = (false, false);
    for c in text.chars() {
        if c.is_uppercase() && in_word || c.is_lowercase() && !in_word {
            return false;
        }
        in_word = c.is_uppercase() || c.is_lowercase();
        has_case |= in_word;
    }
    has_case
}

fn one(args: &[Value]) -> Result<&str, Error> {
    let (text,): (&str,) = from_args(args)?;
    Ok(text)
}

/// `text.find(part, start=0)` with one of the two search directions: returns the number of characters before
/// it.
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

/// `text.split(sep=None, maxsplit=-1)`, or `rsplit`, which starts at the end.
fn split(text: &str, args: &[Value], from_end: bool) -> Result<Value, Error> {
    let args = Arguments::of(args)?;
    let separator = args.text(0, "sep")?;
    let most = args.integer(1, "maxsplit")?.and_then(|most| usize::try_from(most).ok());
    args.done(1)?;
    let most = most.map_or(usize::MAX, |most| most.saturating_add(1));
    let mut parts: Vec<Value> = match separator.as_deref() {
        Some("") => return Err(invalid("empty separator")),
        Some(separator) if from_end => text.rsplitn(most, separator).map(Value::from).collect(),
        Some(separator) => text.splitn(most, separator).map(Value::from).collect(),
        None => {
            let mut parts = Vec::new();
            let cut = |rest: &'_ str| if from_end { rest.trim_end_matches(is_space).len() } else { 0 };
            let mut rest = match from_end {
                true => text.trim_end_matches(is_space),
                false => text.trim_start_matches(is_space),
            };
            while !rest.is_empty() && parts.len() + 1 < most {
                let (part, others) = if from_end {
                    let start = rest.trim_end_matches(|c| !is_space(c)).len();
                    (&rest[start..], &rest[..cut(&rest[..start])])
                } else {
                    let end = rest.find(is_space).unwrap_or(rest.len());
                    (&rest[..end], rest[end..].trim_start_matches(is_space))
                };
                parts.push(Value::from(part));
                rest = others;
            }
            if !rest.is_empty() {
                parts.push(Value::from(rest));
            }
            parts
        }
    };
    if from_end {
        parts.reverse();
    }
    Ok(parts.into())
}

/// `text.title()`: a letter after anything but a letter is upper case.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        let cased = c.is_lowercase() || c.is_uppercase();
        match (cased, inside) {
            (true, true) => out.extend(c.to_lowercase()),
            (true, false) => out.extend(c.to_uppercase()),
            _ => out.push(c),
        }
        inside = cased;
    }
    out
}

/// Pads to a width; `before` returns how much of the padding goes before a text of this length.
pub(super) fn pad(
    state: &State,
    text: &str,
    width: i64,
    fill: char,
    before: impl Fn(usize, usize) -> usize,
) -> Result<Value, Error> {
    let length = text.chars().count();
    let missing = missing(state, text, width, length)?;
    let before = before(missing, length);
    let mut out: String = std::iter::repeat_n(fill, before).collect();
    out.push_str(text);
    out.extend(std::iter::repeat_n(fill, missing - before));
    Ok(out.into())
}

fn padded(
    state: &State,
    text: &str,
    args: &[Value],
    before: impl Fn(usize, usize) -> usize,
) -> Result<Value, Error> {
    let (width, fill): (i64, Option<char>) = from_args(args)?;
    pad(state, text, width, fill.unwrap_or(' '), before)
}

fn zfill(state: &State, text: &str, args: &[Value]) -> Result<Value, Error> {
    let (width,): (i64,) = from_args(args)?;
    let missing = missing(state, text, width, text.chars().count())?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = &text[..text.len() - digits.len()];
    Ok(format!("{sign}{}{digits}", "0".repeat(missing)).into())
}

/// The number of missing characters, which are charged for.
fn missing(state: &State, text: &str, width: i64, length: usize) -> Result<usize, Error> {
    let missing = usize::try_from(width.max(0)).unwrap_or(usize::MAX).saturating_sub(length);
    // A fill character has at most four bytes.
    pay_for_text(state, missing.saturating_mul(4).saturating_add(text.len()))?;
    Ok(missing)
}

/// `list.index(value)`
fn list_index(state: &State, list: &Value, args: &[Value]) -> Result<Value, Error> {
    let (wanted,): (&Value,) = from_args(args)?;
    let mut work = Work::new(state);
    for (at, item) in list.try_iter()?.checked().enumerate() {
        if same(&mut work, &item?, wanted)? {
            work.done(state)?;
            return Ok(at.into());
        }
    }
    work.done(state)?;
    Err(invalid("list.index(x): x not in list"))
}

/// `list.count(value)`
fn list_count(state: &State, list: &Value, args: &[Value]) -> Result<Value, Error> {
    let (wanted,): (&Value,) = from_args(args)?;
    let (mut work, mut count) = (Work::new(state), 0);
    for item in list.try_iter()?.checked() {
        count += usize::from(same(&mut work, &item?, wanted)?);
    }
    work.done(state)?;
    Ok(count.into())
}

/// Python's whitespace, which `str.strip` removes.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `text.strip()`
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `text.splitlines(keepends)`
pub(super) fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let ends = |c: char| {
        matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ends) {
        let end = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        lines.push(&rest[..if keep_ends { at + end } else { at }]);
        rest = &rest[at + end..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}
