//! Python's string and list methods that `minijinja_contrib::pycompat` lacks. As in Python, lengths and
//! positions count characters.

use minijinja::value::{Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::operators::same;
use super::values::arguments::Arguments;
use super::values::items::joined;
use super::values::work::{SLOT, Work, invalid, pay, pay_for_text};

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
        "split" => split(state, text, args, false),
        "rsplit" => split(state, text, args, true),
        "strip" => strip(state, text, args, true, true),
        "lstrip" => strip(state, text, args, true, false),
        "rstrip" => strip(state, text, args, false, true),
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
        "splitlines" => split_lines(state, text, args),
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
fn split(state: &State, text: &str, args: &[Value], from_end: bool) -> Result<Value, Error> {
    let args = Arguments::of(args)?;
    let separator = args.text(0, "sep")?;
    let most = args.integer(1, "maxsplit")?.and_then(|most| usize::try_from(most).ok());
    args.done(1)?;
    let most = most.map_or(usize::MAX, |most| most.saturating_add(1));
    let mut parts = match separator.as_deref() {
        Some("") => return Err(invalid("empty separator")),
        Some(separator) if from_end => list_of(state, text, text.rsplitn(most, separator))?,
        Some(separator) => list_of(state, text, text.splitn(most, separator))?,
        None => list_of(state, text, words(text, most, from_end))?,
    };
    if from_end {
        parts.reverse();
    }
    Ok(parts.into())
}

/// The parts of a text separated by whitespace. The last of `most` parts is the rest of the text.
fn words(text: &str, most: usize, from_end: bool) -> impl Iterator<Item = &str> {
    let outer = move |text| match from_end {
        true => str::trim_end_matches(text, is_space),
        false => str::trim_start_matches(text, is_space),
    };
    let (mut rest, mut count) = (outer(text), 0);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        count += 1;
        let (part, others) = match from_end {
            _ if count >= most => (rest, ""),
            true => {
                let (others, part) = rest.split_at(rest.trim_end_matches(|c| !is_space(c)).len());
                (part, others)
            }
            false => rest.split_at(rest.find(is_space).unwrap_or(rest.len())),
        };
        rest = outer(others);
        Some(part)
    })
}

/// A list of parts of a text.
fn list_of<'a>(state: &State, text: &str, parts: impl Iterator<Item = &'a str>) -> Result<Vec<Value>, Error> {
    let mut work = Work::new(state);
    work.text(text.len())?;
    let mut list = Vec::new();
    for part in parts {
        // A slot in the list, and the string in it.
        work.spend(SLOT)?;
        list.push(part.into());
    }
    work.done(state)?;
    Ok(list)
}

/// `text.splitlines(keepends=False)`
fn split_lines(state: &State, text: &str, args: &[Value]) -> Result<Value, Error> {
    let args = Arguments::of(args)?;
    let keep_ends = args.flag(0, "keepends")?.unwrap_or(false);
    args.done(0)?;
    list_of(state, text, lines(text, keep_ends)).map(Value::from)
}

/// `text.strip(chars=None)`, at the start, at the end or at both.
fn strip(state: &State, text: &str, args: &[Value], start: bool, end: bool) -> Result<Value, Error> {
    let (chars,): (Option<&str>,) = from_args(args)?;
    let removed = removed(state, text, chars)?;
    let text = if start { text.trim_start_matches(&removed) } else { text };
    Ok(if end { text.trim_end_matches(&removed) } else { text }.into())
}

/// Whether a character is one of `chars`, or whitespace if there are none.
pub(super) fn removed<'a>(
    state: &State,
    text: &str,
    chars: Option<&'a str>,
) -> Result<impl Fn(char) -> bool + 'a, Error> {
    // Each character may be compared with each of these.
    pay(state, (text.len() / 16).saturating_mul(chars.map_or(1, str::len)))?;
    Ok(move |c| chars.map_or_else(|| is_space(c), |chars| chars.contains(c)))
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

/// `text.replace(old, new, count)`; a negative count replaces all.
pub(super) fn replaced(state: &State, value: &str, old: &str, new: &str, count: i64) -> Result<Value, Error> {
    let found = value.matches(old).count();
    let count = usize::try_from(count).map_or(found, |count| count.min(found));
    let growth = new.len().saturating_sub(old.len()).saturating_mul(count);
    pay_for_text(state, value.len().saturating_add(growth))?;
    Ok(value.replacen(old, new, count).into())
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

/// The lines of a text, as `text.splitlines(keepends)` separates them.
pub(super) fn lines(text: &str, keep_ends: bool) -> impl Iterator<Item = &str> {
    let ends = |c: char| {
        matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = rest.find(ends).unwrap_or(rest.len());
        let end = match rest[at..].chars().next() {
            _ if rest[at..].starts_with("\r\n") => at + 2,
            end => at + end.map_or(0, char::len_utf8),
        };
        let line = &rest[..if keep_ends { end } else { at }];
        rest = &rest[end..];
        Some(line)
    })
}
