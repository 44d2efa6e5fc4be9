//! Regular expressions with JavaScript's meaning, as languages.
//!
//! Back references, look-around (apart from `(?=$)` and the like) and word boundaries are rejected.

mod anchors;
mod class;
mod parser;

use std::rc::Rc;

use linnet_text::{ConstraintError, ConstraintErrorCode};

use crate::limits;
use crate::pattern::{CharSet, Pattern};

/// What the flags of an expression change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `i`
    pub ignore_case: bool,
    /// `s`
    pub dot_all: bool,
    /// `u`: characters rather than code units of UTF-16.
    pub unicode: bool,
    /// Escapes that `u` forbids are errors.
    pub strict: bool,
}

impl Flags {
    /// Reads `RegExp.prototype.flags`.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::Unsupported`] for `m` and `v`; [`ConstraintErrorCode::Invalid`] for unknown flags.
    pub fn parse(flags: &str) -> Result<Self, ConstraintError> {
        let mut out = Self::default();
        for flag in flags.chars() {
            match flag {
                'i' => out.ignore_case = true,
                's' => out.dot_all = true,
                'u' => (out.unicode, out.strict) = (true, true),
                'd' | 'g' | 'y' => {}
                'm' | 'v' => {
                    let reason = format!("the flag `{flag}` is not supported; use i, s, u");
                    return Err(ConstraintError::new(ConstraintErrorCode::Unsupported, reason));
                }
                other => return Err(invalid(format!("`{other}` is not a flag"))),
            }
        }
        Ok(out)
    }

    /// What JSON Schema means: characters, but as lenient about escapes as its validators.
    pub const SCHEMA: Self = Self { ignore_case: false, dot_all: false, unicode: true, strict: false };
}

/// The parts of an expression.
#[derive(Clone, Debug)]
enum Node {
    Empty,
    Set(Set),
    Concat(Vec<Node>),
    Or(Vec<Node>),
    Repeat(Box<Node>, u32, Option<u32>),
    /// A condition on the place in the text.
    At(Place),
}

/// A set of characters as one item of an expression.
#[derive(Clone, Debug)]
struct Set {
    chars: Rc<CharSet>,
    /// Without `u`, an item is a code unit. A set of all surrogates matches the characters beyond U+FFFF where it is
    /// repeated without a limit: this is the set with them.
    repeated: Option<Rc<CharSet>>,
}

/// A condition on a place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    NotStart,
    End,
    NotEnd,
}

/// The texts that an expression matches as a whole.
///
/// Without the flag `u`, a character beyond U+FFFF is two items. Then `.` and negated classes match one only where
/// they are repeated without an upper limit. (In other places fewer texts are allowed than JavaScript would match.)
///
/// # Errors
/// [`ConstraintErrorCode::Invalid`], [`ConstraintErrorCode::Unsupported`], [`ConstraintErrorCode::TooComplex`].
pub fn whole(pattern: &str, flags: Flags) -> Result<Pattern, ConstraintError> {
    bounded(anchors::Matches::of(&parse(pattern, flags)?)?.whole())
}

/// The texts in which an expression is found.
///
/// # Errors
/// [`ConstraintErrorCode::Invalid`], [`ConstraintErrorCode::Unsupported`], [`ConstraintErrorCode::TooComplex`].
pub fn search(pattern: &str, flags: Flags) -> Result<Pattern, ConstraintError> {
    bounded(anchors::Matches::of(&parse(pattern, flags)?)?.search())
}

/// Rejects a pattern with too many parts: those that may be empty are in it several times.
fn bounded(pattern: Pattern) -> Result<Pattern, ConstraintError> {
    if pattern.is_at_most(limits::EXPANDED_NODES) {
        return Ok(pattern);
    }
    let reason = format!("its parts stand for more than {} items", limits::EXPANDED_NODES);
    Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason))
}

fn parse(pattern: &str, flags: Flags) -> Result<Node, ConstraintError> {
    if pattern.len() > limits::EXPRESSION_BYTES {
        let reason =
            format!("the expression has {} bytes; the limit is {}", pattern.len(), limits::EXPRESSION_BYTES);
        return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
    }
    let node = parser::Parser::new(pattern, flags).parse()?;
    let nodes = node.expanded();
    if nodes > limits::EXPANDED_NODES {
        let reason =
            format!("nested repetitions stand for {nodes} items; the limit is {}", limits::EXPANDED_NODES);
        return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
    }
    Ok(node)
}

impl Node {
    /// Number of items if repetitions were written out.
    fn expanded(&self) -> u64 {
        match self {
            Self::Empty | Self::At(_) | Self::Set(_) => 1,
            Self::Concat(parts) | Self::Or(parts) => {
                parts.iter().fold(1, |sum, part| part.expanded().saturating_add(sum))
            }
            Self::Repeat(once, min, max) => {
                let times = max.unwrap_or(*min).max(1);
                once.expanded().saturating_mul(u64::from(times)).saturating_add(1)
            }
        }
    }
}

fn invalid(reason: impl Into<String>) -> ConstraintError {
    ConstraintError::new(ConstraintErrorCode::Invalid, reason)
}

fn unsupported(reason: impl Into<String>) -> ConstraintError {
    ConstraintError::new(ConstraintErrorCode::Unsupported, reason)
}
