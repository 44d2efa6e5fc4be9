//! Bounds that fuel does not set: how deep code and values nest, and how large a value prints.
//!
//! The template engine compiles, compares, prints and frees by recursion, and values share their parts, so a short
//! template can make one that overflows the stack or prints as terabytes (`x = [x, x]` forty times). Code is bounded
//! before it is compiled, values where a template gives them a name ([`prepare`] puts a filter there) and where it
//! prints them.

use std::borrow::Cow;
use std::fmt::Write;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use super::dialect::translate;
use super::source::{Part, Tag, arguments, assignment, is_word, parameters, parts};
use crate::TextError;

/// Bytes of a template. The longest in use have some 40 thousand.
const MAX_SOURCE: usize = 1 << 20;
/// Words, literals and signs in one tag.
const MAX_TOKENS: usize = 500;
/// `elif` branches of a template: each is compiled inside the one before.
const MAX_ELIFS: usize = 200;
/// How deep a value may nest. JSON of the outside has at most 128 levels.
const MAX_DEPTH: usize = 160;
/// Bytes and items that a named container may stand for, beyond four times those of the context.
const MAX_EXPANDED: u64 = 256 << 10;
/// Work of a check that one unit of fuel pays for.
const UNITS_PER_FUEL: u64 = 64;
/// What an item costs in a check, in bytes.
const ITEM: u64 = 4;

/// Names of the filters that [`prepare`] puts in.
pub(super) const NAMED: &str = "__named";
pub(super) const ATTRIBUTE: &str = "__attribute";

/// The source with its bounds built in, its expressions in the engine's dialect, and `generation` blocks, which mark the
/// assistant's words for training and change nothing in a prompt, turned into an `if` that always holds. Whitespace control
/// stays as it is, and so do lines, whose ends are made newlines as jinja2 does.
///
/// # Errors
/// [`TextError::Template`] where the code is too large or nested too deeply to be compiled.
pub(super) fn prepare(source: &str) -> Result<String, TextError> {
    if source.len() > MAX_SOURCE {
        return Err(refused("the template is longer than a mebibyte", None));
    }
    let newlines = source.contains('\r').then(|| source.replace("\r\n", "\n").replace('\r', "\n"));
    let source = newlines.as_deref().unwrap_or(source);
    let mut out = String::with_capacity(source.len() + source.len() / 8);
    let (mut elifs, mut line) = (0, 1);
    for part in parts(source) {
        let tokens = match &part {
            Part::Verbatim(_) => 0,
            Part::Print(_, tokens) => *tokens,
            Part::Tag(tag) => tag.tokens,
        };
        if tokens > MAX_TOKENS {
            return Err(refused("an expression is too long", Some(line)));
        }
        let start = out.len();
        match part {
            Part::Verbatim(text) => out.push_str(text),
            Part::Print(text, _) => {
                let start = if text[2..].starts_with(['-', '+']) { 3 } else { 2 };
                out.extend([
                    &text[..start],
                    &translate(&text[start..text.len() - 2]),
                    &text[text.len() - 2..],
                ]);
            }
            Part::Tag(tag) => {
                elifs += usize::from(tag.name == "elif");
                if elifs > MAX_ELIFS {
                    return Err(refused("there are too many elif branches", Some(line)));
                }
                if tag.name == "for" && tag.body.trim_end().ends_with("recursive") {
                    return Err(refused("recursive loops are not supported", Some(line)));
                }
                push_tag(&mut out, &tag);
            }
        }
        line += out[start..].matches('\n').count();
    }
    Ok(out)
}

fn refused(reason: &str, line: Option<usize>) -> TextError {
    TextError::Template { reason: reason.to_owned(), line }
}

fn push_tag(out: &mut String, tag: &Tag<'_>) {
    let Tag { open, name, body, close, .. } = *tag;
    let body: &str = &translate(body);
    let (name, body) = match name {
        "generation" => ("if true", Cow::Borrowed(body)),
        "endgeneration" => ("endif", Cow::Borrowed(body)),
        "set" => ("set", named(body)),
        "with" => {
            let bound: Vec<_> = arguments(body).map(named).collect();
            ("with", Cow::Owned(bound.join(",")))
        }
        _ => (name, Cow::Borrowed(body)),
    };
    out.extend([open, name, &body]);
    // The first thing that a macro, or a block passed to one, does is to check its arguments.
    if matches!(name, "macro" | "call") && (name == "macro" || body.trim_start().starts_with('(')) {
        for parameter in arguments(parameters(&body).unwrap_or("")) {
            let parameter = parameter.split('=').next().unwrap_or("").trim();
            if !parameter.is_empty() && parameter.chars().all(is_word) {
                // Writing to a string cannot fail.
                let _ = write!(out, "%}}{{% set {parameter} = {parameter}|{NAMED} ");
            }
        }
    }
    out.push_str(close);
}

/// `target = value` with the check around the value.
fn named(body: &str) -> Cow<'_, str> {
    match assignment(body) {
        Some((target, value)) => {
            let filter = if target.contains('.') { ATTRIBUTE } else { NAMED };
            Cow::Owned(format!("{target}=({value})|{filter} "))
        }
        None => Cow::Borrowed(body),
    }
}

/// Checks values; `context` is the bytes of what the template was given.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    limit: u64,
}

impl Bounds {
    pub(super) fn new(context: u64) -> Self {
        Self { limit: context.saturating_mul(4).saturating_add(MAX_EXPANDED) }
    }

    /// Passes on a value that is to get a name. What is computed on demand is computed now: on-demand values nest too.
    pub(super) fn name(self, state: &State, value: &Value) -> Result<Value, Error> {
        self.check(state, value)?;
        if value.kind() != ValueKind::Iterable {
            return Ok(value.clone());
        }
        let items: Vec<Value> = value.try_iter()?.checked().collect::<Result<_, _>>()?;
        Ok(Value::from(items))
    }

    /// As [`Self::name`] for an attribute of a namespace, which must not hold a namespace: it could hold itself.
    pub(super) fn attribute(self, state: &State, value: &Value) -> Result<Value, Error> {
        if is_namespace(value) {
            return Err(too_deep());
        }
        self.name(state, value)
    }

    /// Checks that `value` neither nests too deeply nor stands for too much, and pays for the check.
    pub(super) fn check(self, state: &State, value: &Value) -> Result<(), Error> {
        if !is_container(value) {
            return Ok(());
        }
        let left = state.fuel_levels().map_or(u64::MAX, |(_, left)| left.saturating_mul(UNITS_PER_FUEL));
        let mut budget = self.limit.min(left);
        let paid = budget;
        walk(value, 0, &mut budget)?;
        state.consume_fuel((paid - budget) / UNITS_PER_FUEL)
    }
}

fn is_container(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable)
}

fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

fn too_deep() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a value is nested too deeply")
}

fn walk(value: &Value, depth: usize, budget: &mut u64) -> Result<(), Error> {
    let cost = ITEM + value.as_str().map_or(0, |text| text.len() as u64);
    *budget = budget.checked_sub(cost).ok_or_else(|| Error::from(ErrorKind::OutOfFuel))?;
    if !is_container(value) {
        return Ok(());
    }
    if depth > MAX_DEPTH || depth > 0 && is_namespace(value) {
        return Err(too_deep());
    }
    let object = value.as_object();
    if let (ValueKind::Map, Some(object)) = (value.kind(), object) {
        for (key, value) in object.try_iter_pairs().into_iter().flatten() {
            walk(&key, depth + 1, budget)?;
            walk(&value, depth + 1, budget)?;
        }
        return Ok(());
    }
    for item in value.try_iter()?.checked() {
        walk(&item?, depth + 1, budget)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::prepare;

    #[test]
    fn puts_the_checks_in_and_keeps_whitespace_control() {
        for (source, prepared) in [
            ("{%- set x = 1 -%}\n", "{%- set x =( 1 )|__named -%}\n"),
            ("{% set ns.x, y = [1], 2 %}", "{% set ns.x, y =( [1], 2 )|__attribute %}"),
            ("{% set x %}a{% endset %}", "{% set x %}a{% endset %}"),
            ("{% with a = 1, b = [2, 3] %}", "{% with a =( 1)|__named , b =( [2, 3] )|__named %}"),
            (
                "{%- macro f(a, b=(1, 2)) -%}",
                "{%- macro f(a, b=(1, 2)) %}{% set a = a|__named %}{% set b = b|__named -%}",
            ),
            ("{% call(a) f(b) %}", "{% call(a) f(b) %}{% set a = a|__named %}"),
            ("{% call f(b) %}", "{% call f(b) %}"),
            ("{{- +a -}}{{+b}}{% if +c %}", "{{- a -}}{{+b}}{% if c %}"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("a {%- generation -%} b {%endgeneration%}", "a {%- if true -%} b {%endif%}"),
        ] {
            assert_eq!(prepare(source).unwrap(), prepared);
        }
        for same in [
            "{{ '{% generation %}' }}{# {% set x = 1 %} #}{% raw %}{% set x = 1 %}{% endraw %}",
            "{% if x == 1 %}generation{% endif %}",
            "{% generation",
        ] {
            assert_eq!(prepare(same).unwrap(), same);
        }
    }
}
