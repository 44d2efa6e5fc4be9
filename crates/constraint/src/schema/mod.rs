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

use crate::grammar::Grammar;

/// The grammar of the values that are valid by a schema.
///
/// # Errors
/// [`ConstraintErrorCode::Invalid`] for a malformed schema, [`ConstraintErrorCode::Unsupported`] for what cannot be
/// enforced, [`ConstraintErrorCode::Unsatisfiable`] if no value is valid, [`ConstraintErrorCode::TooComplex`]; each
/// with the path in the schema.
pub fn grammar(schema: &Value, whitespace: Whitespace) -> Result<Grammar, ConstraintError> {
    let mut compiler = algebra::Compiler::new(sources::Sources::new(schema)?);
    let root = compiler.sources.root()?;
    write::Writer::new(compiler, whitespace).write(root)
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
