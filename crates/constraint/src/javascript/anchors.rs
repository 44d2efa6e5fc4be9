//! Removes `^` and `$`: the language of an expression by what its matches need of their place in the text.

use linnet_text::{ConstraintError, ConstraintErrorCode};

use super::{Node, Place, Set};
use crate::pattern::{Pattern, any_char};

/// What a match needs of one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// It is at the end (or start) of the text.
    Edge,
    /// It is not.
    Inside,
}

const NEEDS: [Need; 3] = [Need::Nothing, Need::Edge, Need::Inside];

/// Both needs, if they can be fulfilled together.
fn both(a: Need, b: Need) -> Option<Need> {
    match (a, b) {
        (Need::Nothing, other) | (other, Need::Nothing) => Some(other),
        (a, b) => (a == b).then_some(a),
    }
}

/// What remains of a need at a place where the text goes on.
fn inside(need: Need) -> Option<()> {
    (need != Need::Edge).then_some(())
}

/// Most copies of a part with anchors in a counted repetition.
const COPIES: u32 = 16;

/// All matches of an expression, by the needs of their starts and ends.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// The needs of empty matches.
    empty: Vec<(Need, Need)>,
    /// The other matches.
    some: Vec<(Need, Need, Pattern)>,
}

impl Matches {
    /// The matches of an expression.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`] for a repetition of a part with anchors.
    pub(super) fn of(node: &Node) -> Result<Self, ConstraintError> {
        let free = (Need::Nothing, Need::Nothing);
        Ok(match node {
            Node::Empty => Self { empty: vec![free], some: Vec::new() },
            Node::Set(set) => Self::free(Pattern::set((*set.chars).clone())),
            Node::At(place) => {
                let need = match place {
                    Place::Start => (Need::Edge, Need::Nothing),
                    Place::NotStart => (Need::Inside, Need::Nothing),
                    Place::End => (Need::Nothing, Need::Edge),
                    Place::NotEnd => (Need::Nothing, Need::Inside),
                };
                Self { empty: vec![need], some: Vec::new() }
            }
            Node::Concat(parts) => Self::sequence(parts)?,
            Node::Or(parts) => {
                let mut all = Self::default();
                for part in parts {
                    all.add(Self::of(part)?);
                }
                all.merged()
            }
            Node::Repeat(once, min, max) => Self::repeated(once, *min, *max)?,
        })
    }

    /// Matches of parts one after the other. Halves are joined, so that the pattern is not as deep as it is long.
    fn sequence(parts: &[Node]) -> Result<Self, ConstraintError> {
        match parts {
            [] => Self::of(&Node::Empty),
            [only] => Self::of(only),
            parts => {
                let (first, second) = parts.split_at(parts.len() / 2);
                Ok(Self::sequence(first)?.then(&Self::sequence(second)?))
            }
        }
    }

    /// Matches without needs.
    fn free(pattern: Pattern) -> Self {
        Self { empty: Vec::new(), some: vec![(Need::Nothing, Need::Nothing, pattern)] }
    }

    fn add(&mut self, other: Self) {
        self.empty.extend(other.empty);
        self.some.extend(other.some);
    }

    /// One pattern for each pair of needs.
    fn merged(mut self) -> Self {
        let mut some = Vec::new();
        for start in NEEDS {
            for end in NEEDS {
                let of = self.some.iter().filter(|(s, e, _)| (*s, *e) == (start, end));
                match Pattern::or(of.map(|(_, _, pattern)| pattern.clone())) {
                    Pattern::Never => {}
                    pattern => some.push((start, end, pattern)),
                }
            }
        }
        let pairs = NEEDS.iter().flat_map(|&start| NEEDS.map(|end| (start, end)));
        self.empty = pairs.filter(|pair| self.empty.contains(pair)).collect();
        Self { some, ..self }
    }

    /// Matches of this, followed by those of another.
    fn then(&self, next: &Self) -> Self {
        let mut out = Self::default();
        for &(start, end) in &self.empty {
            for &(next_start, next_end) in &next.empty {
                if let (Some(start), Some(end)) = (both(start, next_start), both(end, next_end)) {
                    out.empty.push((start, end));
                }
            }
            for (next_start, next_end, pattern) in &next.some {
                if let (Some(()), Some(start)) = (inside(end), both(start, *next_start)) {
                    out.some.push((start, *next_end, pattern.clone()));
                }
            }
        }
        for (start, end, pattern) in &self.some {
            for &(next_start, next_end) in &next.empty {
                if let (Some(()), Some(end)) = (inside(next_start), both(*end, next_end)) {
                    out.some.push((*start, end, pattern.clone()));
                }
            }
            for (next_start, next_end, next) in &next.some {
                if inside(*end).and(inside(*next_start)).is_some() {
                    out.some.push((*start, *next_end, Pattern::concat([pattern.clone(), next.clone()])));
                }
            }
        }
        out.merged()
    }

    fn repeated(once: &Node, min: u32, max: Option<u32>) -> Result<Self, ConstraintError> {
        let free = (Need::Nothing, Need::Nothing);
        let widened;
        let once = match max {
            None => {
                widened = widen(once);
                &widened
            }
            Some(_) => once,
        };
        let matches = Self::of(once)?;
        let is_free = matches.empty.iter().all(|needs| *needs == free)
            && matches.some.iter().all(|(start, end, _)| (*start, *end) == free);
        if is_free {
            let Some((_, _, pattern)) = matches.some.first() else {
                return Ok(matches.optional_if(min == 0));
            };
            let min = if matches.empty.is_empty() { min } else { 0 };
            let some = match (min, max) {
                (_, Some(0)) => return Ok(Self { empty: vec![free], some: Vec::new() }),
                (0, max) => pattern.clone().repeat(1, max),
                (min, max) => pattern.clone().repeat(min, max),
            };
            return Ok(Self::free(some).optional_if(min == 0));
        }
        let copies = max.unwrap_or(min);
        if copies > COPIES {
            let reason = format!("a part with ^ or $ is repeated {copies} times; the limit is {COPIES}");
            return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
        }
        let mut out = Self { empty: vec![free], some: Vec::new() };
        for _ in 0..min {
            out = out.then(&matches);
        }
        let rest = match max {
            None => matches.star(),
            Some(max) => {
                let maybe = matches.optional_if(true);
                (min..max).fold(Self { empty: vec![free], some: Vec::new() }, |all, _| all.then(&maybe))
            }
        };
        Ok(out.then(&rest))
    }

    fn optional_if(mut self, optional: bool) -> Self {
        if optional {
            self.empty.push((Need::Nothing, Need::Nothing));
        }
        self.merged()
    }

    /// Any number of matches one after the other. An empty match that needs something adds nothing.
    fn star(&self) -> Self {
        let middle = self.some.iter().filter(|(start, end, _)| inside(*start).and(inside(*end)).is_some());
        let middle = Pattern::or(middle.map(|(_, _, pattern)| pattern.clone())).repeat(0, None);
        let mut out = self.clone();
        for (start, first_end, first) in &self.some {
            for (last_start, end, last) in &self.some {
                if inside(*first_end).and(inside(*last_start)).is_some() {
                    let all = Pattern::concat([first.clone(), middle.clone(), last.clone()]);
                    out.some.push((*start, *end, all));
                }
            }
        }
        out.empty.clear();
        out.optional_if(true)
    }

    /// The texts that match as a whole.
    pub fn whole(&self) -> Pattern {
        let possible = |start: Need, end: Need| start != Need::Inside && end != Need::Inside;
        let empty = self.empty.iter().any(|&(start, end)| possible(start, end)).then(Pattern::empty);
        let some = self.some.iter().filter(|(start, end, _)| possible(*start, *end));
        Pattern::or(empty.into_iter().chain(some.map(|(_, _, pattern)| pattern.clone())))
    }

    /// The texts in which there is a match.
    pub fn search(&self) -> Pattern {
        let around = |need: Need| match need {
            Need::Nothing => Pattern::all(),
            Need::Edge => Pattern::empty(),
            Need::Inside => Pattern::set(any_char()).repeat(1, None),
        };
        let texts =
            |start: Need, middle: Pattern, end: Need| Pattern::concat([around(start), middle, around(end)]);
        let mut all = Vec::new();
        for &(start, end) in &self.empty {
            match texts(start, Pattern::empty(), end) {
                every if every == Pattern::concat([Pattern::all(), Pattern::all()]) => return Pattern::all(),
                text => all.push(text),
            }
        }
        all.extend(self.some.iter().map(|(start, end, pattern)| texts(*start, pattern.clone(), *end)));
        Pattern::or(all)
    }
}

/// The part with all characters where it has all code units, for a repetition without a limit.
fn widen(node: &Node) -> Node {
    match node {
        Node::Set(Set { repeated: Some(all), .. }) => {
            Node::Set(Set { chars: all.clone(), repeated: Some(all.clone()) })
        }
        Node::Or(parts) => Node::Or(parts.iter().map(widen).collect()),
        other => other.clone(),
    }
}
