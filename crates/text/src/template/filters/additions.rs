//! Filters of jinja2 that minijinja lacks, and replacements for filters whose result may be much larger than
//! their input.

use minijinja::value::{Kwargs, Rest, Tuple, Value, ValueOrKwargs, from_args};
use minijinja::{Error, ErrorKind, State, filters};

use super::wrap::{Wrap, wrap};
use crate::template::operators::add;
use crate::template::percent::percent;
use crate::template::python::{lines, pad, removed, replaced};
use crate::template::values::arguments::Arguments;
use crate::template::values::escape::as_safe_as;
use crate::template::values::items::{each, joined};
use crate::template::values::spelling::{repr, str_of, text};
use crate::template::values::work::{SLOT, invalid, pay, pay_for_text};

/// `center(width=80)`
pub(in crate::template) fn center(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let width = args.integer(1, "width")?.unwrap_or(80);
    let value = args.subject()?.clone();
    args.done(1)?;
    let before = |missing, length| missing / 2 + (missing & (length + missing) & 1);
    Ok(as_safe_as(&value, pad(state, text(&value), width, ' ', before)?))
}

/// `format(*args, **kwargs)`, like the operator `%`.
pub(in crate::template) fn format(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (by_place, by_name): (&[Value], Kwargs) = from_args(&args)?;
    let (template, others) = by_place.split_first().ok_or(ErrorKind::MissingArgument)?;
    let is_named = by_name.args().next().is_some();
    if is_named && !others.is_empty() {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let given = if is_named { by_name.into() } else { Value::from_object(Tuple::from(others.to_vec())) };
    percent(state, template, &given)
}

/// `indent(width=4, first=False, blank=False)`; the width may be the indentation itself.
pub(in crate::template) fn indent(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let width = args.value(1, "width")?.unwrap_or_else(|| 4.into());
    let first = args.flag(2, "first")?.unwrap_or(false);
    let blank = args.flag(3, "blank")?.unwrap_or(false);
    let subject = args.subject()?.clone();
    args.done(3)?;
    let value = text(&subject);
    let wide = match width.as_str() {
        Some(width) => width.len(),
        None => usize::try_from(i64::try_from(width.clone())?.max(0)).unwrap_or(usize::MAX),
    };
    let count = lines(value, false).count();
    let length = wide.saturating_mul(count + 1).saturating_add(value.len());
    pay_for_text(state, length)?;
    let indention = width.as_str().map_or_else(|| " ".repeat(wide), str::to_owned);
    let mut out = String::with_capacity(length);
    if first {
        out.push_str(&indention);
    }
    // A newline at the end starts one more line, which is empty.
    let last = value.ends_with(['\n', '\r']).then_some("");
    for (index, line) in lines(value, false).chain(last).enumerate() {
        if index > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(&indention);
            }
        }
        out.push_str(line);
    }
    Ok(as_safe_as(&subject, out.into()))
}

/// `replace(old, new, count=None)`
pub(in crate::template) fn replace(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let missing = || Error::from(ErrorKind::MissingArgument);
    let old = str_of(state, &args.value(1, "old")?.ok_or_else(missing)?)?;
    let new = str_of(state, &args.value(2, "new")?.ok_or_else(missing)?)?;
    let count = args.integer(3, "count")?.unwrap_or(-1);
    let value = args.subject()?.clone();
    args.done(3)?;
    replaced(state, text(&value), text(&old), text(&new), count)
}

/// `truncate(length=255, killwords=False, end='...', leeway=5)`
pub(in crate::template) fn truncate(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let length = args.integer(1, "length")?.unwrap_or(255);
    let kill = args.flag(2, "killwords")?.unwrap_or(false);
    let end = args.text(3, "end")?.unwrap_or_else(|| "...".into());
    let leeway = args.integer(4, "leeway")?.unwrap_or(5);
    let value = args.subject()?.clone();
    args.done(4)?;
    let ending = i64::try_from(end.chars().count()).unwrap_or(i64::MAX);
    if length < ending || leeway < 0 {
        return Err(invalid(
            "truncate: the length must be at least that of `end`, and the leeway must not be negative",
        ));
    }
    let whole = text(&value);
    if whole.chars().count() as u64 <= length.saturating_add(leeway).unsigned_abs() {
        return Ok(value.clone());
    }
    pay_for_text(state, whole.len().saturating_add(end.len()))?;
    let kept = usize::try_from(length - ending).unwrap_or(usize::MAX);
    let cut = whole.char_indices().nth(kept).map_or(whole.len(), |(at, _)| at);
    let mut start = &whole[..cut];
    if !kill {
        start = start.rsplit_once(' ').map_or(start, |(before, _)| before);
    }
    Ok(as_safe_as(&value, format!("{start}{end}").into()))
}

/// `title`: the first letter of each word in upper case, the others in lower case.
pub(in crate::template) fn title(value: &Value) -> String {
    filters::title(text(value).into())
}

/// `trim(chars=None)`
pub(in crate::template) fn trim(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let chars = args.text(1, "chars")?;
    let value = args.subject()?.clone();
    args.done(1)?;
    Ok(text(&value).trim_matches(removed(state, text(&value), chars.as_deref())?).into())
}

/// `wordcount`
pub(in crate::template) fn word_count(value: &Value) -> usize {
    let words = text(value).split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.filter(|word| !word.is_empty()).count()
}

/// `wordwrap(width=79, break_long_words=True, wrapstring=None, break_on_hyphens=True)`
pub(in crate::template) fn word_wrap(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let width = args.integer(1, "width")?.unwrap_or(79);
    let long = args.flag(2, "break_long_words")?.unwrap_or(true);
    let between = args.text(3, "wrapstring")?.unwrap_or_else(|| "\n".into());
    let hyphens = args.flag(4, "break_on_hyphens")?.unwrap_or(true);
    let value = args.subject()?.clone();
    args.done(4)?;
    let width = usize::try_from(width).ok().filter(|width| *width > 0);
    let width = width.ok_or_else(|| invalid("wordwrap: the width must be positive"))?;
    let style = Wrap { width, break_long_words: long, break_on_hyphens: hyphens };
    let value = text(&value);
    // Characters are compared as code points.
    pay(state, value.len().saturating_mul(32))?;
    pay_for_text(state, value.len())?;
    let mut out = String::with_capacity(value.len());
    let separate = |out: &mut String| {
        out.push_str(&between);
        pay_for_text(state, between.len())
    };
    for (index, line) in lines(value, false).enumerate() {
        if index > 0 {
            separate(&mut out)?;
        }
        let line: Vec<char> = line.chars().collect();
        let mut is_first = true;
        wrap(&line, &style, |part| {
            if !std::mem::take(&mut is_first) {
                separate(&mut out)?;
            }
            out.extend(part);
            Ok(())
        })?;
    }
    Ok(out.into())
}

/// `filesizeformat(binary=False)`
pub(in crate::template) fn file_size_format(args: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let args = Arguments::new(args)?;
    let binary = args.flag(1, "binary")?.unwrap_or(false);
    let value = args.subject()?.clone();
    args.done(1)?;
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    let bytes =
        number.filter(|bytes| bytes.is_finite()).ok_or_else(|| invalid("filesizeformat: not a number"))?;
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok("1 Byte".into());
    }
    if bytes < base {
        return Ok(format!("{} Bytes", bytes.trunc()));
    }
    let mut size = bytes / base;
    let mut prefixes = "kMGTPEZY".chars().peekable();
    while let Some(prefix) = prefixes.next() {
        if size < base || prefixes.peek().is_none() {
            let prefix = match (binary, prefix) {
                (true, prefix) => format!("{}i", prefix.to_ascii_uppercase()),
                (false, prefix) => prefix.to_string(),
            };
            return Ok(format!("{size:.1} {prefix}B"));
        }
        size /= base;
    }
    Ok(String::new())
}

/// `pprint`: on one line, however long; Python breaks lines at 80 characters.
pub(in crate::template) fn pretty(state: &State, value: &Value) -> Result<String, Error> {
    repr(state, value)
}

/// `random`: the first item. A prompt must be deterministic: the same conversation gives the same tokens.
pub(in crate::template) fn random(value: &Value) -> Result<Value, Error> {
    filters::first(value)
}

/// `join(d='', attribute=None)`
pub(in crate::template) fn join(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let between = args.value(1, "d")?.unwrap_or_else(|| "".into());
    let of = args.value(2, "attribute")?;
    let value = args.subject()?.clone();
    args.done(2)?;
    joined(state, &value, &str_of(state, &between)?, of.as_ref())
}

/// `sum(attribute=None, start=0)`
pub(in crate::template) fn sum(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let of = args.value(1, "attribute")?;
    let mut sum = args.value(2, "start")?.unwrap_or_else(|| 0.into());
    let value = args.subject()?.clone();
    args.done(2)?;
    if sum.as_str().is_some() {
        return Err(invalid("sum() does not add strings; use join()"));
    }
    each(state, &value, of.as_ref(), |item| {
        sum = add(state, &sum, item)?;
        Ok(())
    })?;
    Ok(sum)
}

/// `batch(linecount, fill_with=None)`
pub(in crate::template) fn batch(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    parts(state, args, "linecount", filters::batch)
}

/// `slice(slices, fill_with=None)`
pub(in crate::template) fn slice(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    parts(state, args, "slices", filters::slice)
}

fn parts(
    state: &State,
    args: Rest<ValueOrKwargs>,
    name: &str,
    cut: fn(&State, Value, usize, Option<Value>) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let args = Arguments::new(args)?;
    let count = args.integer(1, name)?.and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| invalid(format!("{name} must be a number of parts")))?;
    let fill = args.value(2, "fill_with")?;
    let value = args.subject()?.clone();
    args.done(2)?;
    // `slice` returns this many lists; `batch` fills the last list up to this many items.
    pay(state, count.saturating_mul(2 * SLOT as usize))?;
    cut(state, value, count, fill)
}
