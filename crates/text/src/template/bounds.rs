//! Limits that fuel does not set: the nesting of code and values, and the printed size of a value.
//!
//! The template engine compiles, compares, prints and frees by recursion, and values share their parts, so a
//! short template can make a value that overflows the stack or prints as terabytes (`x = [x, x]` forty
//! times). Code is checked before it is compiled; values are checked where a template names them ([`rewrite`]
//! inserts a filter there) and where it prints them.

use std::borrow::Cow;
use std::ops::Range;

use minijinja::machinery::{self, Token};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::rewrite::{refused, rewrite};
use super::values::work::{Work, is_container, is_namespace, too_deep};
use crate::TextError;

/// Bytes of a template. The longest in use have about 40,000.
const MAX_SOURCE: usize = 256 << 10;
/// Tokens of an expression that may nest; the items of a list side by side do not count.
const MAX_TOKENS: usize = 500;
/// `elif` branches of a template: each is compiled inside the previous one.
const MAX_ELIFS: usize = 200;
/// Size of a named container, counting shared parts each time, in addition to four times the size of the
/// context.
const MAX_EXPANDED: u64 = 256 << 10;

/// The source with its checks inserted by [`rewrite`].
///
/// # Errors
/// [`TextError::Template`] if it is not a template, or the code is too large or too deeply nested to compile.
pub(super) fn prepare(source: &str) -> Result<String, TextError> {
    if source.len() > MAX_SOURCE {
        return Err(refused("the template is longer than 256 KiB", None));
    }
    // Normalizes line ends like jinja2.
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    let syntax = syntax.map_err(super::template_error)?;
    let source = translate(source, &syntax)?;
    let template = machinery::parse(&source, super::NAME, syntax).map_err(super::template_error)?;
    rewrite(&template)
}

/// Rewrites what minijinja's grammar lacks: removes unary pluses, which have no effect; turns `generation`
/// blocks, which mark the assistant's tokens for training, and `block`s, which no other template overrides,
/// into `if true`; and converts Python's string escapes.
///
/// # Errors
/// [`TextError::Template`] if an expression or a chain of `elif` is too long.
fn translate(source: String, syntax: &SyntaxConfig) -> Result<String, TextError> {
    let mut changes: Vec<(Range<usize>, Cow<'static, str>)> = Vec::new();
    let (mut elifs, mut length) = (0, 0);
    // The count at each open bracket.
    let mut open: Vec<usize> = Vec::new();
    // The start of a block's tag, whose name is removed.
    let mut block: Option<usize> = None;
    let mut before = Token::VariableStart;
    // The parser reports invalid tokens.
    for (token, span) in machinery::tokenize(&source, false, syntax.clone()).map_while(Result::ok) {
        length += 1;
        match token {
            Token::BlockStart | Token::VariableStart => {
                length = 0;
                open.clear();
            }
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => open.push(length),
            // The next item is compiled independently of the previous one.
            Token::Comma => length = open.last().copied().unwrap_or(length),
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                length = open.pop().unwrap_or(length) + 2
            }
            _ => {}
        }
        let range = span.start_offset as usize..span.end_offset as usize;
        match (&before, &token) {
            (Token::BlockStart, Token::Ident("elif")) => elifs += 1,
            (Token::BlockStart, Token::Ident("generation")) => changes.push((range, "if true".into())),
            (Token::BlockStart, Token::Ident("endgeneration")) => changes.push((range, "endif".into())),
            (Token::BlockStart, Token::Ident("block" | "endblock")) => block = Some(range.start),
            (_, Token::BlockEnd) => {
                if let Some(start) = block.take() {
                    let ends = source[start..].starts_with("end");
                    let text = if ends { "endif " } else { "if true " };
                    // The tag goes as a whole.
                    changes.truncate(changes.partition_point(|(earlier, _)| earlier.start < start));
                    changes.push((start..range.start, text.into()));
                }
            }
            (before, Token::Plus) if takes_operand(before) => changes.push((range, "".into())),
            (_, Token::Str(_) | Token::String(_)) => {
                if let Some(text) = plain_escapes(&source[range.clone()]) {
                    changes.push((range, text.into()));
                }
            }
            _ => {}
        }
        let line = Some(span.start_line.into());
        if length > MAX_TOKENS {
            return Err(refused("an expression is too long", line));
        }
        if elifs > MAX_ELIFS {
            return Err(refused("there are too many elif branches", line));
        }
        before = token;
    }
    let mut out = String::with_capacity(source.len());
    let mut written = 0;
    for (range, text) in changes {
        out.push_str(&source[written..range.start]);
        out.push_str(&text);
        written = range.end;
    }
    Ok(out + &source[written..])
}

/// A string literal without the escapes that only Python has: eight-digit characters and line continuations.
/// `None` if it has none.
fn plain_escapes(literal: &str) -> Option<String> {
    if !literal.contains("\\U") && !literal.contains("\\\n") {
        return None;
    }
    let mut out = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after.strip_prefix('U').and_then(|digits| u32::from_str_radix(digits.get(..8)?, 16).ok());
        rest = match (code.and_then(char::from_u32), after.strip_prefix('\n')) {
            (Some(c), _) => {
                if matches!(c, '"' | '\'' | '\\') {
                    out.push('\\');
                }
                out.push(c);
                &after[9..]
            }
            (None, Some(next)) => next,
            (None, None) => {
                // Skips the escaped character: it may be a backslash, too.
                let end = after.chars().next().map_or(0, char::len_utf8);
                out.push('\\');
                out.push_str(&after[..end]);
                &after[end..]
            }
        };
    }
    Some(out + rest)
}

/// Whether an operand follows this token, rather than an operator.
fn takes_operand(before: &Token<'_>) -> bool {
    match before {
        Token::Ident(word) => ["and", "elif", "else", "if", "in", "is", "not", "or"].contains(word),
        Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => false,
        Token::ParenClose | Token::BracketClose | Token::BraceClose | Token::Dot | Token::Pipe => false,
        _ => true,
    }
}

/// Checks values; `context` is the size of the template's context in bytes.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    limit: u64,
}

impl Bounds {
    pub(super) fn new(context: u64) -> Self {
        Self { limit: context.saturating_mul(4).saturating_add(MAX_EXPANDED) }
    }

    /// Checks a value before it gets a name. Evaluates lazy values, because they can nest, too.
    pub(super) fn name(self, state: &State, value: &Value) -> Result<Value, Error> {
        self.check(state, value)?;
        if value.kind() != ValueKind::Iterable {
            return Ok(value.clone());
        }
        let items: Vec<Value> = value.try_iter()?.checked().collect::<Result<_, _>>()?;
        Ok(Value::from(items))
    }

    /// Like [`Self::name`], for an attribute of a namespace. It must not contain a namespace, which could
    /// contain itself.
    pub(super) fn attribute(self, state: &State, value: &Value) -> Result<Value, Error> {
        if is_namespace(value) {
            return Err(too_deep());
        }
        self.name(state, value)
    }

    /// Checks the nesting and expanded size of `value`, and charges for the check.
    pub(super) fn check(self, state: &State, value: &Value) -> Result<(), Error> {
        if !is_container(value) {
            return Ok(());
        }
        let mut work = Work::at_most(state, self.limit);
        work.all_of(value)?;
        work.done(state)
    }
}

#[cfg(test)]
mod tests {
    use super::prepare;

    #[test]
    fn charges_where_work_depends_on_values() {
        for (source, prepared) in [
            ("{%- set x = 1 -%}\n", "{% set x = 1 %}"),
            ("{% set x = y %}", "{% set x = y|__named %}"),
            ("{% set ns.x, y = [1], 2 %}", "{% set ns.x, y = ([1], 2)|__attribute %}"),
            ("{% set x %}a{% endset %}", "{% set x %}{{\"a\"}}{% endset %}"),
            ("{% with a = b, c = 2 %}{% endwith %}", "{% with (a, c) = (b, 2)|__named %}{% endwith %}"),
            (
                "{%- macro f(a, b=(1, 2)) -%}{% endmacro %}",
                "{% macro f(a, b=(1, 2)) %}{% set a = a|__named %}{% set b = b|__named %}{% endmacro %}",
            ),
            ("{% call(a) f(b) %}{% endcall %}", "{% call (a) f(b) %}{% set a = a|__named %}{% endcall %}"),
            ("{{- +a + +b -}}", "{{ a|__add(b) }}"),
            ("{{ '{% generation %}' }}", "{{ \"{% generation %}\" }}"),
            ("a\r\nb\r{{ 'c\\n\"' }}", "{{\"a\nb\n\"}}{{ \"c\\n\\\"\" }}"),
            ("{%- generation -%} b {%endgeneration%}", "{% if True %}{{\"b \"}}{% endif %}"),
            ("{{ a + b * -c ~ 'd' }}", "{{ a|__add(b|__multiply(-c)|__concatenate(\"d\")) }}"),
            ("{% set x = a ~ b ~ c + 1 + d %}", "{% set x = a|__concatenate(b, c)|__add(1, d)|__named %}"),
            ("{% set x = a ~ b ~ c %}", "{% set x = a|__concatenate(b, c) %}"),
            ("{{ (a - (b - c)) / d % 2 }}", "{{ ((a - (b - c)) / d)|__remainder(2) }}"),
            (
                "{{ a == b and c != 'd' or not e in f }}",
                "{{ a|__compare('==', b) and c != \"d\" or not e|__compare('in', f) }}",
            ),
            ("{{ 1 < a not in b }}", "{{ 1|__compare_chain('<', a, 'not in', b) }}"),
            (
                "{{ a['b'][0][-1][c][1:] }}",
                "{{ (((a[\"b\"][0]|__indexed)[(-1)|__key]|__indexed)[c|__key]|__sliced)[1::] }}",
            ),
            (
                "{{ {'a': b, c: 1.5} if d is not e(1) else f|g }}",
                "{{ ({\"a\": b, c|__key: 1.5} if not d is e(1) else f|g) }}",
            ),
            (
                "{% if a %}b{% elif c %}{% else %}{% for x, (y, z) in a if x %}{% endfor %}{% endif %}",
                "{% if a %}{{\"b\"}}{% elif c %}{% else %}{% for x, (y, z) in a|__iterated if x %}{% endfor %}{% \
                 endif %}",
            ),
            ("{{ loop.changed(a, *b) }}", "{{ loop.changed(a|__key, *b|__key) }}"),
            ("{{ x.cycle(*y) }}", "{{ x.cycle(*y|__some) }}"),
            (
                "{% for x in y if x recursive %}{{ loop(x.c) }}{% endfor %}",
                "{% for x in y|__iterated if x recursive %}{{ loop(x.c|__named|__iterated) }}{% endfor %}",
            ),
            (
                "{% with (a, b) = 1, c = a %}{% endwith %}",
                "{% with ((a, b), c) = (1, a)|__named %}{% endwith %}",
            ),
            (
                "{% macro f() %}{% set ns.x = 1 + y %}{% endmacro %}",
                "{% macro f() %}{% set ns.x = 1|__add(y)|__attribute(ns) %}{% endmacro %}",
            ),
            (
                "{% macro f(a) %}{{ kwargs }}{% endmacro %}{{ f(1, 2, b=3, a=4) ~ f() }}",
                "{% macro f(a, varargs=(), kwargs={}) %}{% set a = a|__named %}{% set varargs = varargs|__named %}\
                 {% set kwargs = kwargs|__named %}{{ kwargs }}{% endmacro %}\
                 {{ f(1, a=4, varargs=(2, ), kwargs={'b': 3, })|__concatenate(f(varargs=(), kwargs={})) }}",
            ),
            (
                "{{ x.split is defined }}{{ x.items() }}{{ loop.index }}{% set ns.count = y.z %}",
                "{{ x|__method('split') is defined() }}{{ x.items() }}{{ loop.index }}{% set ns.count = \
                 y.z|__attribute %}",
            ),
            ("{% block 'a\\\n' %}{% endblock %}", "{% if True %}{% endif %}"),
            ("\n{{ a\n  ~ b }}", "{{\"\n\"}}{{ a|__concatenate(\nb) }}"),
        ] {
            assert_eq!(prepare(source).unwrap(), prepared, "{source}");
            prepare(prepared).unwrap();
        }
        for refused in ["{{ loop.cycle() }}", "{{ x.cycle(**y) }}", "{{ a b }}"] {
            assert!(prepare(refused).is_err(), "{refused}");
        }
    }
}
