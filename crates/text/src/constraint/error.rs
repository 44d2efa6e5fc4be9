//! Why a constraint is rejected, or fails.

use serde::{Deserialize, Serialize};

/// Why a constraint is rejected before a token is written, or fails later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{}{reason}", At(path))]
pub struct ConstraintError {
    /// The kind of error.
    pub code: ConstraintErrorCode,
    /// Where in the schema, as a JSON pointer such as `/properties/a`. Empty for the whole schema, and for other
    /// constraints.
    pub path: String,
    /// What is wrong, and what to do about it.
    pub reason: String,
}

/// Kinds of errors. Their names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstraintErrorCode {
    /// The schema, expression or grammar is malformed.
    Invalid,
    /// It is well-formed, but cannot be enforced exactly.
    Unsupported,
    /// No text fits it.
    Unsatisfiable,
    /// It exceeds a limit of size, depth or work.
    TooComplex,
    /// A token was appended that the constraint does not allow.
    NotAllowed,
}

impl ConstraintErrorCode {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Invalid, Self::Unsupported, Self::Unsatisfiable, Self::TooComplex, Self::NotAllowed];

    /// The stable name, such as `unsupported`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Unsatisfiable => "unsatisfiable",
            Self::TooComplex => "too-complex",
            Self::NotAllowed => "not-allowed",
        }
    }
}

impl ConstraintError {
    /// An error about the whole constraint.
    pub fn new(code: ConstraintErrorCode, reason: impl Into<String>) -> Self {
        Self { code, path: String::new(), reason: reason.into() }
    }

    /// The same error, at a place in a schema.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }
}

/// Prints `PATH: ` if a path is known.
struct At<'a>(&'a str);

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}
