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

/// The rules for copies of one rule.
struct Copies {
    /// For 1, 2, 4, ... copies.
    powers: Vec<usize>,
    /// For fewer than 1, 2, 4, ... copies.
    fewer: Vec<usize>,
}

/// A part of an alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// A rule, by its index.
    Rule(usize),
    /// A regular language, by its index.
    Lexeme(usize),
    /// A control token.
    Token(u32),
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
        let mut copies = Copies { powers: vec![one], fewer: Vec::new() };
        let mut symbols = self.exactly(&mut copies, min);
        match max {
            None => {
                // Left recursion: the parser holds as much for the hundredth copy as for the second.
                let rule = self.rule();
                self.add(rule, Vec::new());
                self.add(rule, vec![Symbol::Rule(rule), Symbol::Rule(one)]);
                symbols.push(Symbol::Rule(rule));
            }
            Some(max) => symbols.extend(self.at_most(&mut copies, max.saturating_sub(min))),
        }
        symbols
    }

    /// `count` copies.
    fn exactly(&mut self, copies: &mut Copies, count: u32) -> Vec<Symbol> {
        let bits = (0..u32::BITS).filter(|bit| count & (1 << bit) != 0);
        bits.map(|bit| Symbol::Rule(self.power(copies, bit))).collect()
    }

    /// 2^`bit` copies.
    fn power(&mut self, copies: &mut Copies, bit: u32) -> usize {
        while copies.powers.len() <= bit as usize {
            let half = Symbol::Rule(copies.powers[copies.powers.len() - 1]);
            let rule = self.rule();
            self.add(rule, vec![half, half]);
            copies.powers.push(rule);
        }
        copies.powers[bit as usize]
    }

    /// Fewer than 2^`bit` copies: fewer than half as many, or half as many and more.
    fn fewer(&mut self, copies: &mut Copies, bit: u32) -> Symbol {
        while copies.fewer.len() <= bit as usize {
            let rule = self.rule();
            match copies.fewer.last().copied() {
                None => self.add(rule, Vec::new()),
                Some(half) => {
                    let high = self.power(copies, u32::try_from(copies.fewer.len()).unwrap_or(u32::MAX) - 1);
                    self.add(rule, vec![Symbol::Rule(half)]);
                    self.add(rule, vec![Symbol::Rule(high), Symbol::Rule(half)]);
                }
            }
            copies.fewer.push(rule);
        }
        Symbol::Rule(copies.fewer[bit as usize])
    }

    /// At most `count` copies: fewer than the largest power of two in `count`, or that many and at most the rest.
    fn at_most(&mut self, copies: &mut Copies, count: u32) -> Vec<Symbol> {
        if count == 0 {
            return Vec::new();
        }
        let bit = count.ilog2();
        let high = Symbol::Rule(self.power(copies, bit));
        let rule = self.rule();
        let fewer = self.fewer(copies, bit);
        self.add(rule, vec![fewer]);
        let rest = self.at_most(copies, count - (1 << bit));
        self.add(rule, [vec![high], rest].concat());
        vec![Symbol::Rule(rule)]
    }

    /// Whether following a byte in a lexeme may take long.
    pub fn is_hard(&self) -> bool {
        self.lexemes.iter().any(Pattern::is_hard)
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
        let live = self.live(&live_lexemes);
        let fits = |alternative: &[Symbol], live: &[bool]| {
            alternative.iter().all(|symbol| match *symbol {
                Symbol::Rule(rule) => live[rule],
                Symbol::Lexeme(lexeme) => live_lexemes[lexeme],
                Symbol::Token(_) => true,
            })
        };
        for rule in &mut self.rules {
            rule.retain(|alternative| fits(alternative, &live));
        }
        if !live.first().is_some_and(|live| *live) {
            return Err(ConstraintError::new(ConstraintErrorCode::Unsatisfiable, "no finite text fits it"));
        }
        Ok(self)
    }

    /// Whether a finite text fits each rule.
    fn live(&self, live_lexemes: &[bool]) -> Vec<bool> {
        // For each alternative, how many of its rules are not known to be live; for each rule, the alternatives that
        // have it.
        let mut missing = Vec::new();
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        let mut complete = Vec::new();
        for (rule, alternatives) in self.rules.iter().enumerate() {
            for alternative in alternatives {
                let index = missing.len();
                let mut count = 0_usize;
                for symbol in alternative {
                    match *symbol {
                        Symbol::Rule(part) => {
                            users[part].push(index);
                            count += 1;
                        }
                        Symbol::Token(_) => {}
                        Symbol::Lexeme(lexeme) if live_lexemes[lexeme] => {}
                        // Never complete.
                        Symbol::Lexeme(_) => count += alternative.len() + 1,
                    }
                }
                if count == 0 {
                    complete.push(rule);
                }
                missing.push((rule, count));
            }
        }
        let mut live = vec![false; self.rules.len()];
        while let Some(rule) = complete.pop() {
            if std::mem::replace(&mut live[rule], true) {
                continue;
            }
            for &index in &users[rule] {
                let (user, count) = &mut missing[index];
                *count -= 1;
                if *count == 0 {
                    complete.push(*user);
                }
            }
        }
        live
    }
}
