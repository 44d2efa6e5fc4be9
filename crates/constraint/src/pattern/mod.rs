//! Regular languages over Unicode texts, closed under union, intersection and complement.

mod json_string;
mod lower;

use std::collections::BTreeSet;
use std::rc::Rc;

pub use json_string::Spelling;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// A set of characters.
pub type CharSet = ClassUnicode;

/// A regular language. Cloning is cheap.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// No text.
    Never,
    /// This text only.
    Literal(Rc<str>),
    /// One character of a set.
    Set(Rc<CharSet>),
    /// One after the other.
    Concat(Rc<[Pattern]>),
    /// Any of them.
    Or(Rc<[Pattern]>),
    /// All of them.
    And(Rc<[Pattern]>),
    /// All texts but these.
    Not(Rc<Pattern>),
    /// At least the first, at most the second number of times.
    Repeat(Rc<Pattern>, u32, Option<u32>),
    /// Decimal numbers without a sign that are a multiple of `.0 * 10^-.1`, with at most `.1` digits after the point.
    MultipleOf(u32, u32),
}

/// The set of the characters in these ranges.
pub fn ranges(ranges: &[(char, char)]) -> CharSet {
    CharSet::new(ranges.iter().map(|&(from, to)| ClassUnicodeRange::new(from, to)))
}

/// All characters.
pub fn any_char() -> CharSet {
    ranges(&[('\0', char::MAX)])
}

/// What a set has, without what another has.
pub fn difference(set: &CharSet, without: &CharSet) -> CharSet {
    let mut out = set.clone();
    out.difference(without);
    out
}

/// Whether the set has a character.
pub fn has(set: &CharSet, c: char) -> bool {
    // The ranges are in order.
    let after = set.ranges().partition_point(|range| range.end() < c);
    set.ranges().get(after).is_some_and(|range| range.start() <= c)
}

impl Pattern {
    /// The empty text.
    pub fn empty() -> Self {
        Self::literal("")
    }

    /// All texts.
    pub fn all() -> Self {
        Self::set(any_char()).repeat(0, None)
    }

    /// Whether it is [`Pattern::all`].
    pub fn is_all(&self) -> bool {
        let is_any = |once: &Self| matches!(once, Self::Set(set) if **set == any_char());
        matches!(self, Self::Repeat(once, 0, None) if is_any(once))
    }

    /// One text.
    pub fn literal(text: &str) -> Self {
        Self::Literal(text.into())
    }

    /// The characters of a set.
    pub fn set(set: CharSet) -> Self {
        if set.ranges().is_empty() { Self::Never } else { Self::Set(Rc::new(set)) }
    }

    /// The characters in these ranges.
    pub fn one_of(pairs: &[(char, char)]) -> Self {
        Self::set(ranges(pairs))
    }

    /// One digit.
    pub fn digit() -> Self {
        Self::one_of(&[('0', '9')])
    }

    /// One after the other.
    pub fn concat(parts: impl IntoIterator<Item = Pattern>) -> Self {
        let mut all: Vec<Pattern> = Vec::new();
        let mut texts = String::new();
        for part in parts {
            match part {
                Self::Never => return Self::Never,
                Self::Literal(text) => texts.push_str(&text),
                part => {
                    if !texts.is_empty() {
                        all.push(Self::literal(&std::mem::take(&mut texts)));
                    }
                    all.push(part);
                }
            }
        }
        if !texts.is_empty() {
            all.push(Self::literal(&texts));
        }
        match all.len() {
            0 => Self::empty(),
            1 => all.remove(0),
            _ => Self::Concat(all.into()),
        }
    }

    /// Any of them. Each text is there once: llguidance panics if some texts with NUL are there twice.
    pub fn or(parts: impl IntoIterator<Item = Pattern>) -> Self {
        let mut all = Vec::new();
        let mut texts = BTreeSet::new();
        let mut add = |part: Self| match &part {
            Self::Literal(text) if !texts.insert(text.clone()) => {}
            _ => all.push(part),
        };
        for part in parts {
            match part {
                Self::Never => {}
                Self::Or(inner) => inner.iter().cloned().for_each(&mut add),
                part => add(part),
            }
        }
        match all.len() {
            0 => Self::Never,
            1 => all.remove(0),
            _ => Self::Or(all.into()),
        }
    }

    /// All of them.
    pub fn and(parts: impl IntoIterator<Item = Pattern>) -> Self {
        let mut all = Vec::new();
        for part in parts {
            match part {
                Self::Never => return Self::Never,
                Self::And(inner) => all.extend(inner.iter().cloned()),
                part if part.is_all() => {}
                part => all.push(part),
            }
        }
        match all.len() {
            0 => Self::all(),
            1 => all.remove(0),
            _ => Self::And(all.into()),
        }
    }

    /// All other texts.
    pub fn complement(self) -> Self {
        match self {
            Self::Never => Self::all(),
            Self::Not(inner) => (*inner).clone(),
            other if other.is_all() => Self::Never,
            other => Self::Not(Rc::new(other)),
        }
    }

    /// What is in this, but not in another.
    pub fn without(self, other: Pattern) -> Self {
        Self::and([self, other.complement()])
    }

    /// Whether it has at most `limit` parts. Parts are shared, so they may be many more than what is in memory.
    pub fn is_at_most(&self, limit: u64) -> bool {
        fn count(pattern: &Pattern, left: &mut u64) -> bool {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            match pattern {
                Pattern::Concat(parts) | Pattern::Or(parts) | Pattern::And(parts) => {
                    parts.iter().all(|part| count(part, left))
                }
                Pattern::Not(inner) | Pattern::Repeat(inner, ..) => count(inner, left),
                Pattern::Never | Pattern::Literal(_) | Pattern::Set(_) | Pattern::MultipleOf(..) => true,
            }
        }
        count(self, &mut { limit })
    }

    /// Between `min` and `max` times.
    pub fn repeat(self, min: u32, max: Option<u32>) -> Self {
        match (self, min, max) {
            (Self::Never, 0, _) | (_, 0, Some(0)) => Self::empty(),
            (Self::Never, _, _) => Self::Never,
            (once, 1, Some(1)) => once,
            // Nested stars are one.
            (Self::Repeat(once, inner @ (0 | 1), None), 0 | 1, None) => {
                Self::Repeat(once, inner.min(min), None)
            }
            (once, min, max) => Self::Repeat(Rc::new(once), min, max),
        }
    }

    /// At most once.
    pub fn optional(self) -> Self {
        self.repeat(0, Some(1))
    }
}
