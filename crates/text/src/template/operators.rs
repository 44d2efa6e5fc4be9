//! Operators whose cost depends on their operands, as filters that charge for it: [`super::rewrite`] puts
//! them in place of the operators. They follow Python, which is stricter than minijinja about mismatched
//! types.

use std::cmp::Ordering;

use minijinja::value::{Rest, Tuple, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use super::percent::percent;
use super::values::absent::is_none;
use super::values::escape::{as_safe_as, escape};
use super::values::spelling::write_str;
use super::values::uncharged_list::uncharged;
use super::values::work::{
    ITEM, MAX_DEPTH, SLOT, TEXT, Work, invalid, is_container, pay, pay_for_all_of, pay_for_text, too_deep,
};

/// Fixed cost of comparing two values, in addition to their bytes.
const COMPARISON: u64 = 16;

fn unsupported(operator: &str, left: &Value, right: &Value) -> Error {
    let kind = |value: &Value| if is_none(value) { ValueKind::None } else { value.kind() };
    let reason = format!("{operator} does not support {} and {}", kind(left), kind(right));
    if left.is_undefined() || right.is_undefined() {
        return Error::new(ErrorKind::UndefinedError, reason);
    }
    invalid(reason)
}

fn too_large() -> Error {
    invalid("a number is too large")
}

/// An integer or a boolean, as a number.
fn integer(value: &Value) -> Option<i128> {
    (value.is_integer() || value.kind() == ValueKind::Bool).then(|| i128::try_from(value.clone()).ok())?
}

fn float(value: &Value) -> Option<f64> {
    match integer(value) {
        Some(integer) => Some(integer as f64),
        None => value.is_number().then(|| f64::try_from(value.clone()).ok())?,
    }
}

fn number(value: i128) -> Value {
    i64::try_from(value).map_or_else(|_| value.into(), Value::from)
}

/// Computes with two integers or two floats; `None` if one is not a number.
fn count(
    left: &Value,
    right: &Value,
    whole: impl Fn(i128, i128) -> Option<i128>,
    fractional: impl Fn(f64, f64) -> f64,
) -> Option<Result<Value, Error>> {
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return Some(whole(left, right).map(number).ok_or_else(too_large));
    }
    let (left, right) = (float(left)?, float(right)?);
    Some(Ok(fractional(left, right).into()))
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && !is_none(value)
}

/// The items of both lists, repeated `times` times.
fn list(state: &State, parts: [&Value; 2], times: u64) -> Result<Value, Error> {
    let mut work = Work::new(state);
    let mut items: Vec<Value> = Vec::new();
    for part in parts {
        // Reserving at once takes a third of the time of growing.
        if let Some(length) = part.len() {
            work.spend((length as u64).saturating_mul(SLOT / 2))?;
            items.reserve_exact(length);
        }
        for item in part.try_iter()?.checked() {
            work.spend(ITEM + if part.len().is_some() { 0 } else { SLOT })?;
            items.push(item?);
        }
    }
    if times != 1 {
        let length = (items.len() as u64).saturating_mul(times);
        work.spend(length.saturating_mul(ITEM + SLOT))?;
        // The size fits, because it is paid for.
        let length = usize::try_from(length).unwrap_or(0);
        let mut repeated = Vec::with_capacity(length);
        repeated.extend(items.iter().cycle().take(length).cloned());
        items = repeated;
    }
    work.done(state)?;
    Ok(if parts[0].is_tuple() { Value::from_object(Tuple::from(items)) } else { items.into() })
}

/// Concatenates all strings. Most templates build a prompt this way, and minijinja itself charges twice: for
/// a filter's input and for its result.
fn joined(state: &State, first: &str, rest: &[Value]) -> Result<Option<Value>, Error> {
    let Some(mut texts) = rest.iter().map(Value::as_str).collect::<Option<Vec<&str>>>() else {
        return Ok(None);
    };
    texts.insert(0, first);
    let length: usize = texts.iter().map(|text| text.len()).sum();
    pay(state, length)?;
    Ok(Some(texts.concat().into()))
}

/// `first + second + ...`
pub(super) fn add_all(state: &State, first: &Value, rest: Rest<Value>) -> Result<Value, Error> {
    if let Some(text) = first.as_str()
        && !first.is_safe()
        && !rest.iter().any(Value::is_safe)
        && let Some(joined) = joined(state, text, &rest)?
    {
        return Ok(joined);
    }
    rest.iter().try_fold(first.clone(), |sum, next| add(state, &sum, next))
}

/// `left + right`
pub(super) fn add(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    if left.as_str().is_some() && right.as_str().is_some() && (left.is_safe() || right.is_safe()) {
        // Adding to escaped text escapes the addition, too.
        let (left, right) = (escape(state, left)?, escape(state, right)?);
        let joined = joined(state, left.as_str().unwrap_or(""), &[right])?;
        return Ok(Value::from_safe_string(joined.as_ref().and_then(Value::as_str).unwrap_or("").to_owned()));
    }
    if let Some(text) = left.as_str()
        && let Some(joined) = joined(state, text, std::slice::from_ref(right))?
    {
        return Ok(joined);
    }
    if is_list(left) && is_list(right) && left.is_tuple() == right.is_tuple() {
        return list(state, [left, right], 1);
    }
    count(left, right, i128::checked_add, |left, right| left + right)
        .unwrap_or_else(|| Err(unsupported("+", left, right)))
}

/// `left * right`
pub(super) fn multiply(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    let (repeated, times) = if integer(left).is_some() { (right, left) } else { (left, right) };
    if let Some(times) = integer(times).map(|times| u64::try_from(times.max(0)).unwrap_or(u64::MAX)) {
        if let Some(text) = repeated.as_str() {
            let length = (text.len() as u64).saturating_mul(times);
            pay_for_text(state, usize::try_from(length).unwrap_or(usize::MAX))?;
            let times = if text.is_empty() { 0 } else { usize::try_from(times).unwrap_or(0) };
            return Ok(as_safe_as(repeated, text.repeat(times).into()));
        }
        if is_list(repeated) {
            return list(state, [repeated, &Value::from(Vec::<Value>::new())], times);
        }
    }
    count(left, right, i128::checked_mul, |left, right| left * right)
        .unwrap_or_else(|| Err(unsupported("*", left, right)))
}

/// `left % right`: the remainder, with the sign of `right`, or string formatting.
pub(super) fn remainder(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    if left.as_str().is_some() {
        return percent(state, left, right);
    }
    if float(right) == Some(0.0) && float(left).is_some() {
        return Err(invalid("division by zero"));
    }
    let whole = |left: i128, right: i128| {
        let rest = left.checked_rem(right)?;
        Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
    };
    let fractional = |left: f64, right: f64| {
        let rest = left % right;
        if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest.abs().copysign(right) }
    };
    // A remainder that is not zero now has the divisor's sign.
    count(left, right, whole, fractional).unwrap_or_else(|| Err(unsupported("%", left, right)))
}

/// `first ~ second ~ ...`
pub(super) fn concatenate(state: &State, first: &Value, rest: Rest<Value>) -> Result<Value, Error> {
    if let Some(text) = first.as_str()
        && let Some(joined) = joined(state, text, &rest)?
    {
        return Ok(joined);
    }
    let mut out = String::new();
    for value in std::iter::once(first).chain(rest.iter()) {
        write_str(state, &mut out, value)?;
    }
    Ok(out.into())
}

/// `left == right`, charged by how much of both was compared.
pub(super) fn equal(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    let mut work = Work::new(state);
    let equal = same(&mut work, left, right)?;
    work.done(state)?;
    Ok(equal)
}

/// Whether two values are equal; adds the cost to the work.
pub(super) fn same(work: &mut Work, left: &Value, right: &Value) -> Result<bool, Error> {
    same_at(work, left, right, 0)
}

fn same_at(work: &mut Work, left: &Value, right: &Value, depth: usize) -> Result<bool, Error> {
    work.spend(COMPARISON)?;
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        if left.len() != right.len() {
            return Ok(false);
        }
        work.spend(left.len() as u64)?;
        return Ok(left == right);
    }
    if is_none(left) || is_none(right) {
        return Ok(is_none(left) && is_none(right));
    }
    if is_list(left) && is_list(right) {
        if left.is_tuple() != right.is_tuple() || left.len().zip(right.len()).is_some_and(|(a, b)| a != b) {
            return Ok(false);
        }
        let (mut left, mut right) = (left.try_iter()?.checked(), right.try_iter()?.checked());
        loop {
            match (left.next().transpose()?, right.next().transpose()?) {
                (None, None) => return Ok(true),
                (Some(left), Some(right)) if same_at(work, &left, &right, depth + 1)? => {}
                _ => return Ok(false),
            }
        }
    }
    if let (ValueKind::Map, ValueKind::Map, Some(object)) = (left.kind(), right.kind(), left.as_object()) {
        if left.len() != right.len() {
            return Ok(false);
        }
        for (key, value) in object.try_iter_pairs().into_iter().flatten() {
            work.all_of(&key)?;
            match right.get_item(&key) {
                Ok(other) if !other.is_undefined() && same_at(work, &value, &other, depth + 1)? => {}
                _ => return Ok(false),
            }
        }
        return Ok(true);
    }
    Ok(!is_container(left) && !is_container(right) && left == right)
}

/// The ordering of `left < right` and similar operators.
fn order(state: &State, operator: &str, left: &Value, right: &Value) -> Result<Option<Ordering>, Error> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        pay(state, left.len().min(right.len()))?;
        return Ok(Some(left.cmp(right)));
    }
    if is_list(left) && is_list(right) && left.is_tuple() == right.is_tuple() {
        pay_for_all_of(state, left)?;
        pay_for_all_of(state, right)?;
        return Ok(Some(left.cmp(right)));
    }
    match (integer(left).zip(integer(right)), float(left).zip(float(right))) {
        (Some((left, right)), _) => Ok(Some(left.cmp(&right))),
        (None, Some((left, right))) => Ok(left.partial_cmp(&right)),
        _ => Err(unsupported(operator, left, right)),
    }
}

/// `value in container`
pub(super) fn contains(state: &State, value: &Value, container: &Value) -> Result<bool, Error> {
    if let Some(text) = container.as_str() {
        let part = value.as_str().ok_or_else(|| unsupported("in", value, container))?;
        pay(state, text.len())?;
        return Ok(text.contains(part));
    }
    match container.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut work = Work::new(state);
            for item in container.try_iter()?.checked() {
                if same(&mut work, &item?, value)? {
                    work.done(state)?;
                    return Ok(true);
                }
            }
            work.done(state)?;
            Ok(false)
        }
        ValueKind::Map => {
            pay_for_all_of(state, value)?;
            Ok(container.as_object().is_some_and(|object| object.get_value(value).is_some()))
        }
        _ => Err(unsupported("in", value, container)),
    }
}

/// A comparison by its operator.
pub(super) fn compare(state: &State, left: &Value, operator: &str, right: &Value) -> Result<bool, Error> {
    let ordered = |holds: fn(Ordering) -> bool| Ok(order(state, operator, left, right)?.is_some_and(holds));
    match operator {
        "==" => equal(state, left, right),
        "!=" => Ok(!equal(state, left, right)?),
        "<" => ordered(Ordering::is_lt),
        "<=" => ordered(Ordering::is_le),
        ">" => ordered(Ordering::is_gt),
        ">=" => ordered(Ordering::is_ge),
        _ => contains(state, left, right),
    }
}

/// `left < middle <= right`: compares neighbours until one comparison is false.
pub(super) fn compare_chain(state: &State, first: &Value, rest: Rest<Value>) -> Result<bool, Error> {
    let mut left = first;
    for pair in rest.chunks_exact(2) {
        let holds = match pair[0].as_str().unwrap_or("") {
            "not in" => !contains(state, left, &pair[1])?,
            operator => compare(state, left, operator, &pair[1])?,
        };
        if !holds {
            return Ok(false);
        }
        left = &pair[1];
    }
    Ok(true)
}

/// Before `value[...]`: indexing a string counts characters from its start.
pub(super) fn indexed(state: &State, value: &Value) -> Result<Value, Error> {
    pay(state, value.as_str().map_or(0, str::len))?;
    Ok(uncharged(value))
}

/// Before `value[...:...]`, which may copy the whole string.
pub(super) fn sliced(state: &State, value: &Value) -> Result<Value, Error> {
    pay(state, value.as_str().map_or(0, str::len).saturating_mul(TEXT as usize - 2))?;
    Ok(uncharged(value))
}

/// Before a loop, which needs the number of items: a string's items are characters; `none` is an error.
pub(super) fn iterated(state: &State, value: &Value) -> Result<Value, Error> {
    if value.is_none() {
        return Err(invalid("none is not iterable"));
    }
    if value.kind() == ValueKind::Iterable && value.len().is_none() {
        return list(state, [value, &Value::from(Vec::<Value>::new())], 1);
    }
    let Some(text) = value.as_str() else { return Ok(uncharged(value)) };
    pay(state, text.len().saturating_mul(SLOT as usize))?;
    Ok(text.chars().map(Value::from).collect())
}

/// Before a value becomes a key, which is hashed and compared.
pub(super) fn key(state: &State, value: &Value) -> Result<Value, Error> {
    pay_for_all_of(state, value)?;
    Ok(value.clone())
}

/// Before a function that needs at least one item.
pub(super) fn some(value: &Value) -> Result<Value, Error> {
    match value.len() {
        Some(length) if length > 0 => Ok(value.clone()),
        _ => Err(invalid("the list is empty")),
    }
}
