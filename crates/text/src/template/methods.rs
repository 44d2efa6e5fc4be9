//! Python's methods on strings, dicts and lists, within a budget: an engine's own operators pay fuel before they
//! allocate, but a method is charged only for what it returned, which may be too late.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::python;

/// Bytes that one unit of fuel pays for.
const BYTES_PER_FUEL: usize = 64;

/// Calls the method `name` of `value`, after paying for the largest result it could have.
pub(super) fn call(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    if let (ValueKind::String, Some(text)) = (value.kind(), value.as_str()) {
        let bytes = match name {
            "replace" => replaced_bytes(text, args),
            "join" => joined_bytes(text, args),
            // A list's slot is 24 bytes, beside the string in it.
            "split" | "rsplit" => text.len().saturating_add(48usize.saturating_mul(pieces(text, args))),
            "splitlines" => text.len().saturating_add(48usize.saturating_mul(text.matches('\n').count() + 1)),
            "format" => formatted_bytes(text, args),
            // Upper case of one character is at most three.
            _ => text.len().saturating_mul(3),
        };
        state.consume_fuel((bytes / BYTES_PER_FUEL) as u64)?;
    }
    python::method(value, name, args).unwrap_or_else(|| unknown_method_callback(state, value, name, args))
}

fn str_arg(args: &[Value], index: usize) -> &str {
    args.get(index).and_then(Value::as_str).unwrap_or("")
}

/// At most how long `text.replace(old, new)` becomes.
fn replaced_bytes(text: &str, args: &[Value]) -> usize {
    let (old, new) = (str_arg(args, 0), str_arg(args, 1));
    let growth = new.len().saturating_sub(old.len());
    if growth == 0 {
        return text.len();
    }
    text.matches(old).count().saturating_mul(growth).saturating_add(text.len())
}

/// How long the separators of `text.join(values)` become; the values were paid for when they were made.
fn joined_bytes(text: &str, args: &[Value]) -> usize {
    let count = args.first().and_then(Value::len).unwrap_or(0);
    text.len().saturating_mul(count)
}

/// At most how long `text.format(...)` becomes: every number in it may be a width, every brace an argument.
fn formatted_bytes(text: &str, args: &[Value]) -> usize {
    let widths = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap_or(usize::MAX))
        .fold(0, usize::saturating_add);
    let longest = args.iter().map(|arg| arg.as_str().map_or(64, str::len)).max().unwrap_or(0);
    let arguments = text.matches('{').count().saturating_mul(longest);
    text.len().saturating_add(widths).saturating_add(arguments)
}

/// At most how many pieces `text.split(separator)` has.
fn pieces(text: &str, args: &[Value]) -> usize {
    let separator = str_arg(args, 0);
    let cuts =
        if separator.is_empty() { text.split_whitespace().count() } else { text.matches(separator).count() };
    cuts + 1
}
