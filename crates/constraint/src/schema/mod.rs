//! JSON schemas as grammars: draft 2020-12, and draft 7 where `$schema` names it.
//!
//! A schema becomes sets of values, type by type ([`forms`]), which are closed under union, intersection and
//! complement. So `oneOf`, `not` and `if` are exact. What cannot be expressed is rejected with its path.
//!
//! Values are written as follows. Properties that the schema names come in its order, then the others. Numbers that the
//! schema limits have no exponent, integers no point. Strings have short escapes only; where only their length is
//! limited, all escapes of JSON. Texts with other spellings of the same values are not allowed.

mod algebra;
mod array;
mod decimal;
mod format;
mod forms;
mod holds;
mod keywords;
mod number;
mod object;
mod sources;
mod write;

use linnet_text::{ConstraintError, ConstraintErrorCode, Whitespace};
use serde_json::Value;

use crate::grammar::{Grammar, Symbol};
pub use write::{Layout, Notation, Property, Quote};

/// The grammar of the values that are valid by a schema.
///
/// # Errors
/// [`ConstraintErrorCode::Invalid`] for a malformed schema, [`ConstraintErrorCode::Unsupported`] for what cannot be
/// enforced, [`ConstraintErrorCode::Unsatisfiable`] if no value is valid, [`ConstraintErrorCode::TooComplex`]; each
/// with the path in the schema.
pub fn grammar(schema: &Value, whitespace: Whitespace) -> Result<Grammar, ConstraintError> {
    let (grammar, _) = add(Grammar::default(), schema, whitespace, Notation::Json)?;
    grammar.without_dead_ends().map_err(|wrong| match wrong.code {
        ConstraintErrorCode::Unsatisfiable => error(wrong.code, "", "no finite value is valid by the schema"),
        _ => wrong,
    })
}

/// Adds the values that are valid by a schema to a grammar; returns it, and the rule of these values.
///
/// # Errors
/// Those of [`grammar`], but not if no value is valid.
pub fn add(
    grammar: Grammar,
    schema: &Value,
    whitespace: Whitespace,
    notation: Notation,
) -> Result<(Grammar, Symbol), ConstraintError> {
    let mut compiler = algebra::Compiler::new(sources::Sources::new(schema)?);
    let root = compiler.sources.root()?;
    write::Writer::new(compiler, whitespace, notation, grammar).write(root)
}

/// Adds the properties of the objects that are valid by a schema to a grammar, without brackets around them.
///
/// # Errors
/// Those of [`add`].
pub fn add_properties(
    grammar: Grammar,
    schema: &Value,
    layout: &Layout,
) -> Result<(Grammar, Symbol), ConstraintError> {
    let mut compiler = algebra::Compiler::new(sources::Sources::new(schema)?);
    let root = compiler.sources.root()?;
    let notation = layout.notation();
    write::Writer::new(compiler, Whitespace::Bounded, notation, grammar).write_properties(root, layout)
}

fn error(code: ConstraintErrorCode, path: &str, reason: impl Into<String>) -> ConstraintError {
    ConstraintError::new(code, reason).at(path)
}

fn invalid(path: &str, reason: impl Into<String>) -> ConstraintError {
    error(ConstraintErrorCode::Invalid, path, reason)
}

fn unsupported(path: &str, reason: impl Into<String>) -> ConstraintError {
    error(ConstraintErrorCode::Unsupported, path, reason)
}

fn too_complex(path: &str, reason: impl Into<String>) -> ConstraintError {
    error(ConstraintErrorCode::TooComplex, path, reason)
}
