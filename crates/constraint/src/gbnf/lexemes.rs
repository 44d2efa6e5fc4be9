//! Which regular parts of a grammar are lexemes.
//!
//! A set of lexemes cuts a text in one way only if no text of a lexeme begins a longer text of a lexeme. Then the
//! longest match is the only match, and the grammar means what it says. Parts that break this are split into parts of
//! their own, in the end into single characters.

use linnet_text::ConstraintError;

use crate::grammar::{Grammar, Symbol};
use crate::pattern::{Pattern, any_char, ranges};

/// Most lexemes of several characters. Comparing them takes time that grows with their square.
const MOST: usize = 48;

/// The lexemes of a grammar.
#[derive(Debug, Default)]
pub struct Lexemes {
    /// Of one character each.
    single: Vec<(Pattern, Option<Symbol>)>,
    /// Of several characters.
    long: Vec<(Pattern, Option<Symbol>)>,
}

impl Lexemes {
    /// Adds a part, or its parts.
    ///
    /// # Errors
    /// If comparing it with itself takes too much work.
    pub fn offer(&mut self, pattern: &Pattern) -> Result<(), ConstraintError> {
        if matches!(pattern, Pattern::Set(_)) {
            insert(&mut self.single, pattern);
        } else if self.long.len() < MOST && !pattern.matches("")? && !begins(pattern, pattern)? {
            insert(&mut self.long, pattern);
        } else {
            self.split(pattern)?;
        }
        Ok(())
    }

    fn split(&mut self, pattern: &Pattern) -> Result<(), ConstraintError> {
        match pattern {
            Pattern::Literal(text) => {
                for c in text.chars() {
                    insert(&mut self.single, &Pattern::set(ranges(&[(c, c)])));
                }
                Ok(())
            }
            Pattern::Concat(parts) | Pattern::Or(parts) => parts.iter().try_for_each(|part| self.offer(part)),
            Pattern::Repeat(once, _, _) => self.offer(once),
            _ => Ok(()),
        }
    }

    /// Splits lexemes until none begins another.
    ///
    /// # Errors
    /// If comparing them takes too much work.
    pub fn resolve(&mut self) -> Result<(), ConstraintError> {
        while let Some(longer) = self.conflict()? {
            let (pattern, _) = self.long.remove(longer);
            self.split(&pattern)?;
        }
        Ok(())
    }

    /// A lexeme that another begins.
    fn conflict(&self) -> Result<Option<usize>, ConstraintError> {
        for (at, (longer, _)) in self.long.iter().enumerate() {
            let shorter = self.single.iter().chain(&self.long).map(|(shorter, _)| shorter);
            for shorter in shorter.filter(|shorter| *shorter != longer) {
                if begins(shorter, longer)? {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    /// The symbol of a part that is a lexeme.
    pub fn symbol(&mut self, pattern: &Pattern, grammar: &mut Grammar) -> Option<Symbol> {
        let all = self.single.iter_mut().chain(&mut self.long);
        let (_, symbol) = all.into_iter().find(|(lexeme, _)| lexeme == pattern)?;
        Some(*symbol.get_or_insert_with(|| grammar.lexeme(pattern.clone())))
    }
}

fn insert(lexemes: &mut Vec<(Pattern, Option<Symbol>)>, pattern: &Pattern) {
    if !lexemes.iter().any(|(lexeme, _)| lexeme == pattern) {
        lexemes.push((pattern.clone(), None));
    }
}

/// Whether a text of one language is the beginning of a longer text of the other.
fn begins(shorter: &Pattern, longer: &Pattern) -> Result<bool, ConstraintError> {
    let more = Pattern::set(any_char()).repeat(1, None);
    Ok(!Pattern::and([Pattern::concat([shorter.clone(), more]), longer.clone()]).is_never()?)
}
