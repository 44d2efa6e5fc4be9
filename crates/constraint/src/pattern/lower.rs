//! Patterns as llguidance's expressions, and questions about them.

use std::fmt::Write;

use linnet_text::{ConstraintError, ConstraintErrorCode};
use llguidance::derivre::raw::RelevanceCache;
use llguidance::derivre::{RegexAst, RegexBuilder};

use super::{CharSet, Pattern};
use crate::limits;

impl Pattern {
    /// The language as an expression over the bytes of UTF-8.
    pub fn lower(&self) -> RegexAst {
        let all = |parts: &[Pattern]| parts.iter().map(Pattern::lower).collect();
        match self {
            Self::Never => RegexAst::NoMatch,
            Self::Literal(text) if text.is_empty() => RegexAst::EmptyString,
            Self::Literal(text) => RegexAst::Literal(text.to_string()),
            Self::Set(set) => RegexAst::Regex(class(set)),
            Self::Concat(parts) => RegexAst::Concat(all(parts)),
            Self::Or(parts) => RegexAst::Or(all(parts)),
            Self::And(parts) => RegexAst::And(all(parts)),
            // Only `Not` could leave UTF-8.
            Self::Not(inner) => {
                RegexAst::And(vec![Self::all().lower(), RegexAst::Not(Box::new(inner.lower()))])
            }
            Self::Repeat(once, min, max) => {
                RegexAst::Repeat(Box::new(once.lower()), *min, max.unwrap_or(u32::MAX))
            }
            Self::MultipleOf(divisor, scale) => RegexAst::MultipleOf(*divisor, *scale),
        }
    }

    /// Whether no text is in the language.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`] if that takes too much work to find out.
    pub fn is_never(&self) -> Result<bool, ConstraintError> {
        if self.has_some() || *self == Self::Never {
            return Ok(*self == Self::Never);
        }
        self.check_width()?;
        let mut builder = RegexBuilder::new();
        let expression = builder.mk(&self.lower()).map_err(too_complex)?;
        let mut expressions = builder.into_exprset();
        let mut relevance = RelevanceCache::new();
        let fuel = limits::EMPTINESS_FUEL.min(limits::fuel());
        let some = relevance.is_non_empty_limited(&mut expressions, expression, fuel);
        spend(expressions.cost())?;
        Ok(!some.map_err(too_complex)?)
    }

    /// Checks how many languages are intersected: each may multiply the cases to tell apart, which llguidance does
    /// before it looks at its fuel.
    fn check_width(&self) -> Result<(), ConstraintError> {
        let (width, limit) = (self.width(), limits::INTERSECTED);
        if width <= limit {
            return Ok(());
        }
        Err(too_complex(format!("{width} conditions on one text; the limit is {limit}")))
    }

    fn width(&self) -> usize {
        let widest = |parts: &[Pattern]| parts.iter().map(Pattern::width).max().unwrap_or(1);
        match self {
            Self::Never | Self::Literal(_) | Self::Set(_) | Self::MultipleOf(..) => 1,
            Self::Concat(parts) | Self::Or(parts) => widest(parts),
            Self::And(parts) => parts.iter().map(Pattern::width).sum(),
            Self::Not(inner) | Self::Repeat(inner, ..) => inner.width(),
        }
    }

    /// Whether following a byte may take long.
    pub fn is_hard(&self) -> bool {
        !self.has_some() || self.repeats() > 2
    }

    /// How deep repetitions are nested.
    fn repeats(&self) -> usize {
        match self {
            Self::Never | Self::Literal(_) | Self::Set(_) | Self::MultipleOf(..) => 0,
            Self::Concat(parts) | Self::Or(parts) | Self::And(parts) => {
                parts.iter().map(Pattern::repeats).max().unwrap_or(0)
            }
            Self::Not(inner) => inner.repeats(),
            Self::Repeat(once, ..) => once.repeats() + 1,
        }
    }

    /// Whether a look at it is enough to see a text.
    fn has_some(&self) -> bool {
        match self {
            Self::Literal(_) | Self::Set(_) => true,
            Self::Concat(parts) => parts.iter().all(Self::has_some),
            Self::Or(parts) => parts.iter().any(Self::has_some),
            Self::Repeat(once, min, _) => *min == 0 || once.has_some(),
            Self::Never | Self::And(_) | Self::Not(_) | Self::MultipleOf(..) => false,
        }
    }

    /// Whether a text is in the language.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`] if that takes too much work to find out.
    pub fn matches(&self, text: &str) -> Result<bool, ConstraintError> {
        if let Self::Literal(only) = self {
            return Ok(&**only == text);
        }
        if self.is_all() {
            return Ok(true);
        }
        self.check_width()?;
        let mut builder = RegexBuilder::new();
        let expression = builder.mk(&self.lower()).map_err(too_complex)?;
        let fuel = limits::EMPTINESS_FUEL.min(limits::fuel());
        let mut regex = builder.into_regex_limited(expression, fuel).map_err(too_complex)?;
        let is_match = regex.is_match(text);
        spend(regex.cost() + text.len() as u64)?;
        Ok(is_match)
    }
}

fn spend(cost: u64) -> Result<(), ConstraintError> {
    // Even the simplest question takes a while.
    limits::spend(usize::try_from(cost).unwrap_or(usize::MAX).saturating_add(100))
}

fn too_complex(error: impl std::fmt::Display) -> ConstraintError {
    ConstraintError::new(ConstraintErrorCode::TooComplex, format!("the expression is too complex: {error}"))
}

/// A class in the syntax of `regex-syntax`.
fn class(set: &CharSet) -> String {
    let mut out = String::from("[");
    for range in set.iter() {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\x{{{:x}}}-\\x{{{:x}}}", range.start() as u32, range.end() as u32);
    }
    out.push(']');
    out
}
