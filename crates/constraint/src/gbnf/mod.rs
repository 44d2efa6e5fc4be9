//! llama.cpp's grammars. A grammar without recursion is one regular language. Of other grammars, the regular parts are
//! lexemes where the longest match is the only one; elsewhere each character is a lexeme.

mod lexemes;
mod parser;

use linnet_text::{ConstraintError, ConstraintErrorCode};

use crate::grammar::{Grammar, Symbol};
use crate::limits;
use crate::pattern::{Pattern, ranges};
use lexemes::Lexemes;
use parser::{Part, Rules};

/// Most copies of a part with recursion in a counted repetition.
const COPIES: u32 = 2_000;

/// Reads a grammar.
///
/// # Errors
/// [`ConstraintErrorCode::Invalid`], [`ConstraintErrorCode::Unsupported`], [`ConstraintErrorCode::TooComplex`].
pub fn parse(grammar: &str) -> Result<Grammar, ConstraintError> {
    let Rules { rules, root } = parser::parse(grammar)?;
    let regular = regular(&rules)?;
    if let Some(pattern) = &regular[root] {
        return Ok(Grammar::of(pattern.clone()));
    }
    let mut lexemes = Lexemes::default();
    for (rule, _) in rules.iter().zip(&regular).filter(|(_, regular)| regular.is_none()) {
        collect(rule, &regular, &mut lexemes)?;
    }
    lexemes.resolve()?;
    let mut grammar = Grammar::default();
    let start = grammar.rule();
    let indices: Vec<usize> = rules.iter().map(|_| grammar.rule()).collect();
    grammar.add(start, vec![Symbol::Rule(indices[root])]);
    let mut writer = Writer { grammar, indices, regular: &regular, lexemes };
    for (index, rule) in rules.iter().enumerate() {
        if regular[index].is_none() {
            let right = writer.part(rule)?;
            let index = writer.indices[index];
            writer.grammar.add(index, right);
        }
    }
    Ok(writer.grammar)
}

/// The language of a rule, and its size.
#[derive(Clone, Debug)]
struct Regular {
    pattern: Pattern,
    /// Number of items if repetitions were written out.
    nodes: u64,
    depth: usize,
}

/// The languages of the rules that do not refer to themselves.
fn regular(rules: &[Part]) -> Result<Vec<Option<Pattern>>, ConstraintError> {
    let mut known: Vec<Option<Regular>> = vec![None; rules.len()];
    // For each rule, how many references in it are to rules that are not known, and which rules refer to it.
    let mut missing = vec![0_usize; rules.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); rules.len()];
    for (index, rule) in rules.iter().enumerate() {
        each_reference(rule, &mut |target| {
            missing[index] += 1;
            users[target].push(index);
        });
    }
    let mut ready: Vec<usize> = (0..rules.len()).filter(|&rule| missing[rule] == 0).collect();
    while let Some(index) = ready.pop() {
        let Some(rule) = as_pattern(&rules[index], &known) else { continue };
        if rule.nodes > limits::EXPANDED_NODES {
            let (nodes, limit) = (rule.nodes, limits::EXPANDED_NODES);
            let reason = format!("nested repetitions stand for {nodes} items; the limit is {limit}");
            return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
        }
        known[index] = Some(rule);
        for &user in &users[index] {
            missing[user] -= 1;
            if missing[user] == 0 {
                ready.push(user);
            }
        }
    }
    Ok(known.into_iter().map(|rule| rule.map(|rule| rule.pattern)).collect())
}

fn each_reference(part: &Part, see: &mut impl FnMut(usize)) {
    match part {
        Part::Literal(_) | Part::Set(_) => {}
        Part::Rule(rule) => see(*rule),
        Part::Concat(parts) | Part::Or(parts) => parts.iter().for_each(|part| each_reference(part, see)),
        Part::Repeat(once, _, _) => each_reference(once, see),
    }
}

/// A part as a language, if all its rules are known and it is not too deep.
fn as_pattern(part: &Part, known: &[Option<Regular>]) -> Option<Regular> {
    let all = |parts: &[Part]| -> Option<(Vec<Pattern>, u64, usize)> {
        let parts: Vec<Regular> = parts.iter().map(|part| as_pattern(part, known)).collect::<Option<_>>()?;
        let nodes = parts.iter().fold(1, |sum: u64, part| sum.saturating_add(part.nodes));
        let depth = parts.iter().map(|part| part.depth).max().unwrap_or(0);
        Some((parts.into_iter().map(|part| part.pattern).collect(), nodes, depth + 1))
    };
    let of_one = |pattern: Pattern| Regular { pattern, nodes: 1, depth: 1 };
    let made = match part {
        Part::Literal(text) => of_one(Pattern::literal(text)),
        Part::Set(set) => of_one(Pattern::set(set.clone())),
        Part::Rule(rule) => known[*rule].clone()?,
        Part::Concat(parts) => {
            let (parts, nodes, depth) = all(parts)?;
            Regular { pattern: Pattern::concat(parts), nodes, depth }
        }
        Part::Or(parts) => {
            let (parts, nodes, depth) = all(parts)?;
            Regular { pattern: Pattern::or(parts), nodes, depth }
        }
        Part::Repeat(once, min, max) => {
            let once = as_pattern(once, known)?;
            let times = u64::from(max.unwrap_or(*min).max(1));
            Regular {
                pattern: once.pattern.repeat(*min, *max),
                nodes: once.nodes.saturating_mul(times).saturating_add(1),
                depth: once.depth + 1,
            }
        }
    };
    (made.depth <= 2 * limits::DEPTH).then_some(made)
}

/// The language of a part all of whose rules are regular.
fn pattern_of(part: &Part, regular: &[Option<Pattern>]) -> Option<Pattern> {
    let all = |parts: &[Part]| parts.iter().map(|part| pattern_of(part, regular)).collect::<Option<Vec<_>>>();
    Some(match part {
        Part::Literal(text) => Pattern::literal(text),
        Part::Set(set) => Pattern::set(set.clone()),
        Part::Rule(rule) => regular[*rule].clone()?,
        Part::Concat(parts) => Pattern::concat(all(parts)?),
        Part::Or(parts) => Pattern::or(all(parts)?),
        Part::Repeat(once, min, max) => pattern_of(once, regular)?.repeat(*min, *max),
    })
}

/// Offers the largest regular parts as lexemes.
fn collect(part: &Part, regular: &[Option<Pattern>], lexemes: &mut Lexemes) -> Result<(), ConstraintError> {
    if let Some(pattern) = pattern_of(part, regular) {
        return lexemes.offer(&pattern);
    }
    match part {
        Part::Literal(_) | Part::Set(_) | Part::Rule(_) => Ok(()),
        Part::Concat(parts) | Part::Or(parts) => {
            parts.iter().try_for_each(|part| collect(part, regular, lexemes))
        }
        Part::Repeat(once, _, _) => collect(once, regular, lexemes),
    }
}

/// Writes the rules.
struct Writer<'a> {
    grammar: Grammar,
    /// The grammar's rule for each rule.
    indices: Vec<usize>,
    regular: &'a [Option<Pattern>],
    lexemes: Lexemes,
}

impl Writer<'_> {
    fn part(&mut self, part: &Part) -> Result<Vec<Symbol>, ConstraintError> {
        if let Some(pattern) = pattern_of(part, self.regular) {
            return self.pattern(&pattern);
        }
        match part {
            Part::Rule(rule) => Ok(vec![Symbol::Rule(self.indices[*rule])]),
            Part::Concat(parts) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.part(part)).collect();
                Ok(parts?.concat())
            }
            Part::Or(parts) => {
                let rule = self.grammar.rule();
                for part in parts {
                    let right = self.part(part)?;
                    self.grammar.add(rule, right);
                }
                Ok(vec![Symbol::Rule(rule)])
            }
            Part::Repeat(once, min, max) => {
                let once = self.part(once)?;
                self.repeat(once, *min, *max)
            }
            Part::Literal(_) | Part::Set(_) => Ok(Vec::new()),
        }
    }

    /// A regular language: one lexeme, or its parts.
    fn pattern(&mut self, pattern: &Pattern) -> Result<Vec<Symbol>, ConstraintError> {
        if let Some(symbol) = self.lexemes.symbol(pattern, &mut self.grammar) {
            return Ok(vec![symbol]);
        }
        match pattern {
            Pattern::Literal(text) => {
                let mut symbols = Vec::new();
                for c in text.chars() {
                    symbols.extend(self.pattern(&Pattern::set(ranges(&[(c, c)])))?);
                }
                Ok(symbols)
            }
            Pattern::Concat(parts) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.pattern(part)).collect();
                Ok(parts?.concat())
            }
            Pattern::Or(parts) => {
                let rule = self.grammar.rule();
                for part in parts.iter() {
                    let right = self.pattern(part)?;
                    self.grammar.add(rule, right);
                }
                Ok(vec![Symbol::Rule(rule)])
            }
            Pattern::Repeat(once, min, max) => {
                let once = self.pattern(once)?;
                self.repeat(once, *min, *max)
            }
            // A grammar has no other operations; without an alternative, a rule has no text.
            _ => Ok(vec![Symbol::Rule(self.grammar.rule())]),
        }
    }

    fn repeat(
        &mut self,
        once: Vec<Symbol>,
        min: u32,
        max: Option<u32>,
    ) -> Result<Vec<Symbol>, ConstraintError> {
        let copies = max.unwrap_or(min);
        if copies > COPIES {
            let reason = format!("a part with recursion is repeated {copies} times; the limit is {COPIES}");
            return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
        }
        self.grammar.check_size()?;
        Ok(self.grammar.repeat(&once, min, max))
    }
}
