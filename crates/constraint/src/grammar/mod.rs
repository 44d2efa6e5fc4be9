//! Context-free grammars over regular languages.

mod lower;

use linnet_text::{ConstraintError, ConstraintErrorCode};

use crate::limits;
use crate::pattern::Pattern;

/// A grammar. Its first rule is where texts start.
///
/// Texts are split into lexemes by the longest match among those that may come next, so whoever builds a grammar
/// makes sure that this excludes no text: no lexeme, followed by what may follow it, begins like a longer one.
#[derive(Debug, Default)]
pub struct Grammar {
    /// The alternatives of each rule.
    rules: Vec<Vec<Vec<Symbol>>>,
    lexemes: Vec<Pattern>,
}

/// A part of an alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// A rule, by its index.
    Rule(usize),
    /// A regular language, by its index.
    Lexeme(usize),
}

impl Grammar {
    /// A grammar with one rule, whose texts are those of a pattern.
    pub fn of(pattern: Pattern) -> Self {
        let mut grammar = Self::default();
        grammar.rule();
        let lexeme = grammar.lexeme(pattern);
        grammar.add(0, vec![lexeme]);
        grammar
    }

    /// Adds a rule without alternatives.
    pub fn rule(&mut self) -> usize {
        self.rules.push(Vec::new());
        self.rules.len() - 1
    }

    /// Adds an alternative to a rule.
    pub fn add(&mut self, rule: usize, alternative: Vec<Symbol>) {
        self.rules[rule].push(alternative);
    }

    /// Adds a lexeme.
    pub fn lexeme(&mut self, pattern: Pattern) -> Symbol {
        self.lexemes.push(pattern);
        Symbol::Lexeme(self.lexemes.len() - 1)
    }

    /// Symbols for a part, repeated between `min` and `max` times. The number of rules grows with the logarithm of the
    /// bounds.
    pub fn repeat(&mut self, once: &[Symbol], min: u32, max: Option<u32>) -> Vec<Symbol> {
        if min == 1 && max == Some(1) {
            return once.to_vec();
        }
        let one = self.rule();
        self.add(one, once.to_vec());
        let mut powers = vec![one];
        let mut symbols = self.exactly(&mut powers, min);
        match max {
            None => {
                // Left recursion: the parser holds as much for the hundredth copy as for the second.
                let rule = self.rule();
                self.add(rule, Vec::new());
                self.add(rule, vec![Symbol::Rule(rule), Symbol::Rule(one)]);
                symbols.push(Symbol::Rule(rule));
            }
            Some(max) => symbols.extend(self.at_most(&mut powers, max.saturating_sub(min))),
        }
        symbols
    }

    /// `count` copies. `powers` has the rules for 1, 2, 4, ... copies.
    fn exactly(&mut self, powers: &mut Vec<usize>, count: u32) -> Vec<Symbol> {
        let bits = (0..u32::BITS).filter(|bit| count & (1 << bit) != 0);
        bits.map(|bit| Symbol::Rule(self.power(powers, bit))).collect()
    }

    fn power(&mut self, powers: &mut Vec<usize>, bit: u32) -> usize {
        while powers.len() <= bit as usize {
            let half = Symbol::Rule(powers[powers.len() - 1]);
            let rule = self.rule();
            self.add(rule, vec![half, half]);
            powers.push(rule);
        }
        powers[bit as usize]
    }

    /// At most `count` copies: fewer than the largest power of two in `count`, or that many and at most the rest.
    fn at_most(&mut self, powers: &mut Vec<usize>, count: u32) -> Vec<Symbol> {
        if count == 0 {
            return Vec::new();
        }
        let bit = count.ilog2();
        let high = Symbol::Rule(self.power(powers, bit));
        let rule = self.rule();
        let fewer = self.at_most(powers, (1 << bit) - 1);
        self.add(rule, fewer);
        let rest = self.at_most(powers, count - (1 << bit));
        self.add(rule, [vec![high], rest].concat());
        vec![Symbol::Rule(rule)]
    }

    /// Checks the size.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`]
    pub fn check_size(&self) -> Result<(), ConstraintError> {
        if self.rules.len() <= limits::RULES && self.lexemes.len() <= limits::RULES {
            return Ok(());
        }
        let reason = format!("it needs more than {} rules", limits::RULES);
        Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason))
    }

    /// Removes the alternatives that no finite text fits, so that a prefix of a text always has a continuation.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::Unsatisfiable`] if no alternative of the first rule is left.
    pub fn without_dead_ends(mut self) -> Result<Self, ConstraintError> {
        self.check_size()?;
        let mut live_lexemes = Vec::with_capacity(self.lexemes.len());
        for lexeme in &self.lexemes {
            live_lexemes.push(!lexeme.is_never()?);
        }
        let mut live = vec![false; self.rules.len()];
        let fits = |alternative: &[Symbol], live: &[bool]| {
            alternative.iter().all(|symbol| match *symbol {
                Symbol::Rule(rule) => live[rule],
                Symbol::Lexeme(lexeme) => live_lexemes[lexeme],
            })
        };
        // Each pass finds a rule or is the last.
        loop {
            let found: Vec<usize> = (0..self.rules.len())
                .filter(|&rule| !live[rule] && self.rules[rule].iter().any(|it| fits(it, &live)))
                .collect();
            if found.is_empty() {
                break;
            }
            found.into_iter().for_each(|rule| live[rule] = true);
        }
        for rule in &mut self.rules {
            rule.retain(|alternative| fits(alternative, &live));
        }
        if !live.first().is_some_and(|live| *live) {
            return Err(ConstraintError::new(ConstraintErrorCode::Unsatisfiable, "no finite text fits it"));
        }
        Ok(self)
    }
}
