//! Filters, tests and functions of both jinja2 and minijinja, with jinja2's behaviour.

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Error, ErrorKind, State, filters, functions, tests};

use super::json::either;
use crate::template::operators::{equal, remainder};
use crate::template::python::trim;
use crate::template::values::absent::{is_absent, is_undefined};
use crate::template::values::spelling::str_of;
use crate::template::values::work::{SLOT, Work, invalid};

/// Cost of an entry of a new map, in bytes: a key and a value.
const PAIR: u64 = 2 * SLOT;

/// The filter `default(default_value='', boolean=False)`.
pub(in crate::template) fn default(
    value: &Value,
    other: Option<Value>,
    boolean: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let other = either(other, &options, "default_value")?.unwrap_or_else(|| "".into());
    let boolean = either(boolean, &options, "boolean")?.is_some_and(|boolean| boolean.is_true());
    options.assert_all_used()?;
    let absent = is_undefined(value) || boolean && !value.is_true();
    Ok(if absent { other } else { value.clone() })
}

/// The filter `int(default=0, base=10)`: the default if the value is not a number.
pub(in crate::template) fn int(
    state: &State,
    value: &Value,
    default: Option<Value>,
    base: Option<u32>,
    options: Kwargs,
) -> Result<Value, Error> {
    let default = either(default, &options, "default")?.unwrap_or_else(|| 0.into());
    // Python allows underscores between digits.
    let between = |text: &str| {
        let parts = text.split('_');
        text.contains('_')
            && parts.clone().all(|part| part.bytes().all(|b| b.is_ascii_alphanumeric()) && !part.is_empty())
    };
    let trimmed = value.as_str().map(trim).map(|text| match between(text.trim_start_matches(['+', '-'])) {
        true => Value::from(text.replace('_', "")),
        false => Value::from(text),
    });
    filters::int(state, trimmed.as_ref().unwrap_or(value), Some(default), base, options)
}

/// The filter `float(default=0.0)`.
pub(in crate::template) fn float(
    state: &State,
    value: &Value,
    default: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let default = either(default, &options, "default")?.unwrap_or_else(|| 0.0.into());
    filters::float(state, value, Some(default), options)
}

/// The filter `round(precision=0, method='common')`: a boolean counts as a number, and only integers stay
/// integers.
pub(in crate::template) fn round(
    value: &Value,
    precision: Option<i32>,
    method: Option<&str>,
    options: Kwargs,
) -> Result<Value, Error> {
    let number = match value.kind() {
        ValueKind::Bool => Value::from(i64::from(value.is_true())),
        _ => value.clone(),
    };
    let is_common = method.or(options.peek("method").ok()).is_none_or(|method| method == "common");
    let rounded = filters::round(number, precision, method, options)?;
    // Python's `math.floor` and `math.ceil` are divided by a power of ten.
    Ok(if is_common { rounded } else { f64::try_from(rounded)?.into() })
}

/// The filter `attr(name)`: keys are not attributes.
pub(in crate::template) fn attr(value: &Value, name: &str) -> Result<Value, Error> {
    if is_mapping(value) {
        return Ok(Value::UNDEFINED);
    }
    value.get_attr(name)
}

/// The filter `length`: undefined has length 0, and `none` has no length.
pub(in crate::template) fn length(value: &Value) -> Result<usize, Error> {
    match value {
        value if is_undefined(value) => Ok(0),
        value if value.is_none() => Err(invalid("none has no length")),
        value => match value.len() {
            Some(length) => Ok(length),
            None => Ok(value.try_iter()?.count()),
        },
    }
}

/// The filter `items`.
pub(in crate::template) fn items(value: &Value) -> Result<Value, Error> {
    if is_undefined(value) {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    filters::items(value)
}

/// The test `iterable`: an undefined value is an empty iterable.
pub(in crate::template) fn is_iterable(value: &Value) -> bool {
    value.is_undefined()
        || matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String | ValueKind::Iterable)
}

/// The test `mapping`: an object that only has attributes is not a mapping.
pub(in crate::template) fn is_mapping(value: &Value) -> bool {
    let has_attributes = |object: &minijinja::value::DynObject| {
        ["::Namespace", "::Loop"].iter().any(|name| object.type_name().ends_with(name))
    };
    value.kind() == ValueKind::Map && !value.as_object().is_some_and(has_attributes)
}

/// The function `dict`: from a map or from pairs, plus keyword arguments.
pub(in crate::template) fn dict(state: &State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (by_place, by_name): (&[Value], Kwargs) = from_args(&args)?;
    if by_place.len() > 1 {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let mut pairs = Vec::new();
    let mut work = Work::new(state);
    for given in by_place.iter().chain(&[Value::from(by_name)]).filter(|given| !is_undefined(given)) {
        let object = given.as_object().filter(|_| given.kind() == ValueKind::Map);
        match object.and_then(|object| object.try_iter_pairs()) {
            Some(items) => {
                work.spend((given.len().unwrap_or(0) as u64).saturating_mul(PAIR))?;
                pairs.extend(items);
            }
            None => {
                for pair in given.try_iter()?.checked() {
                    work.spend(PAIR)?;
                    pairs.push(key_and_value(&pair?)?);
                }
            }
        }
    }
    pairs.iter().try_for_each(|(key, _)| work.all_of(key))?;
    work.done(state)?;
    Ok(Value::from_pairs(pairs))
}

/// The key and the value of a pair: anything with two items, such as a string of two characters.
///
/// # Errors
/// If it does not have exactly two items.
fn key_and_value(pair: &Value) -> Result<(Value, Value), Error> {
    let mut items = pair.try_iter()?.checked();
    match (items.next().transpose()?, items.next().transpose()?, items.next()) {
        (Some(key), Some(value), None) => Ok((key, value)),
        _ => Err(invalid("dict and namespace take a mapping, or a list of pairs of a key and a value")),
    }
}

/// The function `namespace`, with the arguments of `dict`.
pub(in crate::template) fn namespace(state: &mut State, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let values = dict(state, args)?;
    Value::from_function(functions::namespace).call(state, &[values])
}

/// The test `callable`: an undefined value counts, because only calling it fails.
pub(in crate::template) fn is_callable(value: &Value) -> bool {
    let names = ["BoxedFunction", "Macro", "Joiner", "Method"];
    value.is_undefined()
        || value.as_object().is_some_and(|object| names.iter().any(|name| object.type_name().ends_with(name)))
}

/// The test `divisibleby(number)`.
pub(in crate::template) fn is_divisible_by(
    state: &mut State,
    value: &Value,
    by: &Value,
) -> Result<bool, Error> {
    Ok(!remainder(state, value, by)?.is_true())
}

/// The test `odd`.
pub(in crate::template) fn is_odd(state: &mut State, value: &Value) -> Result<bool, Error> {
    let rest = remainder(state, value, &2.into())?;
    equal(state, &rest, &1.into())
}

/// The test `number`: booleans are numbers, too.
pub(in crate::template) fn is_number(value: &Value) -> bool {
    value.is_number() || value.kind() == ValueKind::Bool
}

/// The test `lower`, for the text of any value.
pub(in crate::template) fn is_lower(state: &State, value: &Value) -> Result<bool, Error> {
    Ok(tests::is_lower(&str_of(state, value)?))
}

/// The test `upper`, for the text of any value.
pub(in crate::template) fn is_upper(state: &State, value: &Value) -> Result<bool, Error> {
    Ok(tests::is_upper(&str_of(state, value)?))
}

/// The test `sequence`: anything with a length and items, so strings and maps are sequences, too.
pub(in crate::template) fn is_sequence(value: &Value) -> bool {
    let has_items = matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String);
    value.is_undefined() || has_items && !is_absent(value)
}
