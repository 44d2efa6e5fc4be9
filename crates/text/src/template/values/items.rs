//! Walks over the items of lists, or over an attribute of theirs.

use minijinja::value::Value;
use minijinja::{Error, State};

use super::spelling::write_str;
use super::work::{invalid, pay};

/// The value at `attribute` of an item: a name, an index, or several separated by dots.
fn attribute(item: &Value, attribute: &Value) -> Result<Value, Error> {
    let Some(path) = attribute.as_str() else { return item.get_item(attribute) };
    let mut item = item.clone();
    for name in path.split('.') {
        let key = name.parse::<u64>().map_or_else(|_| name.into(), Value::from);
        item = item.get_item(&key)?;
    }
    Ok(item)
}

/// The items of a value that may be undefined, or their attribute `of`.
pub(in crate::template) fn each(
    state: &State,
    value: &Value,
    of: Option<&Value>,
    mut take: impl FnMut(&Value) -> Result<(), Error>,
) -> Result<(), Error> {
    if value.is_none() {
        return Err(invalid("none is not iterable"));
    }
    let cost = 64 + of.and_then(Value::as_str).map_or(0, str::len);
    for item in value.try_iter()?.checked() {
        let item = item?;
        pay(state, cost)?;
        match of {
            Some(of) if !of.is_none() => take(&attribute(&item, of)?)?,
            _ => take(&item)?,
        }
    }
    Ok(())
}

/// `between.join(value)`
pub(in crate::template) fn joined(
    state: &State,
    value: &Value,
    between: &Value,
    of: Option<&Value>,
) -> Result<Value, Error> {
    let (mut out, mut first) = (String::new(), true);
    each(state, value, of, |item| {
        if !std::mem::take(&mut first) {
            write_str(state, &mut out, between)?;
        }
        write_str(state, &mut out, item)
    })?;
    Ok(out.into())
}
