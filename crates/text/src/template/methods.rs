//! Python's methods on strings, dicts and lists, charged by what they read and create.

use std::sync::Arc;

use minijinja::value::{Object, Value, ValueKind};
use minijinja::{Error, State};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::filters::builtins::is_mapping;
use super::python;
use super::values::absent::is_none;
use super::values::escape::{as_safe_as, escape};
use super::values::work::{Work, invalid, pay_after};

/// Python's methods of strings.
const OF_TEXT: [&str; 47] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
/// The methods of dicts and lists that change nothing: jinja2's sandbox hides the others.
const OF_DICT: [&str; 6] = ["copy", "fromkeys", "get", "items", "keys", "values"];
const OF_LIST: [&str; 3] = ["count", "index", "copy"];

/// Whether values of some type have a method of this name.
pub(super) fn is_method(name: &str) -> bool {
    [&OF_TEXT[..], &OF_DICT, &OF_LIST].iter().any(|names| names.contains(&name))
}

/// The filter for `value.name` where it is not called: methods hide keys.
pub(super) fn attribute(value: &Value, name: &str) -> Result<Value, Error> {
    let methods = match value.kind() {
        ValueKind::String => &OF_TEXT[..],
        ValueKind::Map if is_mapping(value) => &OF_DICT,
        ValueKind::Seq if !is_none(value) => &OF_LIST[..if value.is_tuple() { 2 } else { 3 }],
        _ => &[],
    };
    if !methods.contains(&name) {
        return value.get_attr(name);
    }
    let text = (value.kind() == ValueKind::String).then(|| value.clone());
    Ok(Value::from_object(Method { text, name: name.to_owned() }))
}

/// A method that is not called where it is named. Only a string's can be called later: a list that contains
/// a method of another list would be nested more deeply than it looks.
#[derive(Debug)]
struct Method {
    text: Option<Value>,
    name: String,
}

impl Object for Method {
    fn call(self: &Arc<Self>, state: &mut State, args: &[Value]) -> Result<Value, Error> {
        match &self.text {
            Some(text) => call(state, text, &self.name, args),
            None => {
                Err(invalid(format!("call .{}() directly: it cannot be stored and called later", self.name)))
            }
        }
    }
}

/// Calls the method `name` of `value`.
pub(super) fn call(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    pay_before(state, value, name, args)?;
    let escaped: Vec<Value>;
    let args = match name {
        // What is inserted into escaped text is escaped, too.
        "replace" | "join" | "format" if value.is_safe() => {
            let with_escapes = args.iter().enumerate().map(|(index, arg)| match (name, index) {
                ("replace", 1) => escape(state, arg),
                ("join", 0) => arg.try_iter()?.map(|item| escape(state, &item)).collect(),
                ("format", _) if arg.as_str().is_some() => escape(state, arg),
                _ => Ok(arg.clone()),
            });
            escaped = with_escapes.collect::<Result<_, Error>>()?;
            &escaped[..]
        }
        _ => args,
    };
    let own = python::method(state, value, name, args);
    let result = own.unwrap_or_else(|| unknown_method_callback(state, value, name, args))?;
    pay_after(state, &result)?;
    if value.is_safe() {
        pay_after(state, &result)?;
    }
    Ok(as_safe_as(value, result))
}

fn pay_before(state: &State, value: &Value, name: &str, args: &[Value]) -> Result<(), Error> {
    let mut work = Work::new(state);
    if let (ValueKind::String, Some(text)) = (value.kind(), value.as_str()) {
        work.spend(text.len() as u64)?;
        for arg in args {
            work.argument(arg)?;
        }
        match name {
            "format" => {
                require_ascii_indices(text)?;
                // Each brace may refer to the same argument, and each number may be a width.
                let before = work.spent();
                args.iter().try_for_each(|arg| work.all_of(arg))?;
                let braces = text.matches('{').count() as u64;
                work.spend((work.spent() - before).saturating_mul(braces))?;
                work.text(widths(text).saturating_add(given_widths(text, args)))?;
            }
            // A text may be compared with each item.
            "startswith" | "endswith" => args.iter().try_for_each(|arg| work.all_of(arg))?,
            // One character has at most three in upper case.
            "upper" | "lower" | "title" | "capitalize" | "casefold" | "swapcase" => work.text(text.len())?,
            // The others are charged where their results are created.
            _ => {}
        }
    } else if name == "get" {
        args.iter().take(1).try_for_each(|key| work.all_of(key))?;
    }
    work.done(state)
}

/// Rejects a format string that is not ASCII and has keys in square brackets: minijinja's parser advances by
/// bytes there and would panic.
fn require_ascii_indices(text: &str) -> Result<(), Error> {
    let mut fields = text.split('{').skip(1);
    let indexed = fields.any(|field| field.split('}').next().is_some_and(|name| name.contains('[')));
    if indexed && !text.is_ascii() {
        return Err(invalid("a format string with keys must be ASCII"));
    }
    Ok(())
}

/// The sum of the numbers in a format string: each may be a width.
fn widths(text: &str) -> usize {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap_or(usize::MAX))
        .fold(0, usize::saturating_add)
}

/// The sum of the numeric arguments if one of them may be a width, in a nested format.
fn given_widths(text: &str, args: &[Value]) -> usize {
    let may_be = text.split('}').any(|part| part.matches('{').count() > 1);
    let number = |arg: &Value| i64::try_from(arg.clone()).map_or(0, |number| number.unsigned_abs());
    let sum = args.iter().filter(|arg| may_be && arg.is_integer()).map(number).fold(0, u64::saturating_add);
    usize::try_from(sum).unwrap_or(usize::MAX)
}
