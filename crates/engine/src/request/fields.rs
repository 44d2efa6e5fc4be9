//! Parses JSON fields and reports errors by path.

use serde_json::{Map, Value};

use super::path::Path;
use crate::Error;

pub(crate) type Object = Map<String, Value>;

/// The fields of a whole request.
pub(crate) fn read(json: &str) -> Result<Object, Error> {
    let value = serde_json::from_str(json).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::invalid("request", format!("is not valid JSON ({place})"))
    })?;
    object(&Path::of("request"), value, "an object")
}

/// The fields that are set: `null` means unset.
pub(crate) fn set(fields: Object) -> impl Iterator<Item = (String, Value)> {
    fields.into_iter().filter(|(_, value)| !value.is_null())
}

pub(crate) fn nothing_else(path: &Path<'_>, fields: Object) -> Result<(), Error> {
    match set(fields).next() {
        Some((field, _)) => Err(path.field(&field).invalid("is not supported")),
        None => Ok(()),
    }
}

pub(crate) fn required(
    path: &Path<'_>,
    fields: &mut Object,
    field: &str,
    allowed: &str,
) -> Result<Value, Error> {
    fields.remove(field).ok_or_else(|| path.field(field).missing(allowed))
}

pub(crate) fn object(path: &Path<'_>, value: Value, allowed: &str) -> Result<Object, Error> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(path.expected(&other, allowed)),
    }
}

pub(crate) fn list<T>(
    path: &Path<'_>,
    value: Value,
    allowed: &str,
    item: impl Fn(&Path<'_>, Value) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    match value {
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            items.map(|(index, value)| item(&path.index(index), value)).collect()
        }
        other => Err(path.expected(&other, allowed)),
    }
}

pub(crate) fn text(path: &Path<'_>, value: Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(path.expected(&other, "a string")),
    }
}

pub(crate) fn boolean(path: &Path<'_>, value: &Value) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| path.expected(value, "true or false"))
}

pub(crate) fn number(path: &Path<'_>, value: &Value) -> Result<f32, Error> {
    value.as_f64().map(|number| number as f32).ok_or_else(|| path.expected(value, "a number"))
}

/// A count. Larger than a `usize` becomes `usize::MAX`.
pub(crate) fn count(path: &Path<'_>, value: &Value) -> Result<usize, Error> {
    whole(path, value).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

pub(crate) fn whole(path: &Path<'_>, value: &Value) -> Result<u64, Error> {
    as_whole(value).ok_or_else(|| path.expected(value, "a whole number, 0 or more"))
}

/// The value with this name.
pub(crate) fn one_of<T: Copy, const N: usize>(
    path: &Path<'_>,
    value: &Value,
    all: [T; N],
    name: fn(T) -> &'static str,
) -> Result<T, Error> {
    let known = all.into_iter().find(|one| value.as_str() == Some(name(*one)));
    known.ok_or_else(|| path.expected(value, &one_of_names(all, name)))
}

/// The allowed names, for an error.
pub(crate) fn one_of_names<T, const N: usize>(all: [T; N], name: fn(T) -> &'static str) -> String {
    format!("one of {}", all.map(name).join(", "))
}

/// An integer in any notation: `5.0` and `1e3` are valid, too.
pub(crate) fn as_whole(value: &Value) -> Option<u64> {
    const EXACT: f64 = (1_u64 << 53) as f64;
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
    })
}
