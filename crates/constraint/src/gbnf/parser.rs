//! Reads llama.cpp's notation of grammars (GBNF).

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use linnet_text::{ConstraintError, ConstraintErrorCode};

use crate::limits;
use crate::pattern::{CharSet, any_char, difference, ranges};

/// A part of a rule.
#[derive(Clone, Debug)]
pub enum Part {
    Literal(String),
    Set(CharSet),
    Rule(usize),
    Concat(Vec<Part>),
    Or(Vec<Part>),
    Repeat(Box<Part>, u32, Option<u32>),
}

/// The rules of a grammar, by index, and the index of `root`.
pub struct Rules {
    pub rules: Vec<Part>,
    pub root: usize,
}

struct Parser<'g> {
    rest: Peekable<Chars<'g>>,
    names: BTreeMap<String, usize>,
    rules: Vec<Option<Part>>,
    line: usize,
    depth: usize,
}

/// Reads a grammar.
///
/// # Errors
/// [`ConstraintErrorCode::Invalid`], [`ConstraintErrorCode::Unsupported`], [`ConstraintErrorCode::TooComplex`].
pub fn parse(grammar: &str) -> Result<Rules, ConstraintError> {
    if grammar.len() > limits::GRAMMAR_BYTES {
        let reason =
            format!("the grammar has {} bytes; the limit is {}", grammar.len(), limits::GRAMMAR_BYTES);
        return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
    }
    let mut parser = Parser {
        rest: grammar.chars().peekable(),
        names: BTreeMap::new(),
        rules: Vec::new(),
        line: 1,
        depth: 0,
    };
    parser.space(true);
    while parser.rest.peek().is_some() {
        parser.rule()?;
    }
    let root = parser.names.get("root").copied().filter(|&root| parser.rules[root].is_some());
    let root = root.ok_or_else(|| invalid("the grammar has no rule `root`"))?;
    let mut rules = Vec::with_capacity(parser.rules.len());
    for (rule, name) in parser.rules.into_iter().zip(by_index(&parser.names)) {
        rules.push(rule.ok_or_else(|| invalid(format!("the rule `{name}` is not defined")))?);
    }
    Ok(Rules { rules, root })
}

fn by_index(names: &BTreeMap<String, usize>) -> Vec<&str> {
    let mut all = vec![""; names.len()];
    for (name, &index) in names {
        all[index] = name;
    }
    all
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next();
        self.line += usize::from(c == Some('\n'));
        c
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest.peek() == Some(&c) && self.next().is_some()
    }

    /// Skips spaces and comments, and line feeds if they are allowed here.
    fn space(&mut self, lines: bool) {
        while let Some(&c) = self.rest.peek() {
            match c {
                '#' => while self.rest.next_if(|c| !matches!(c, '\r' | '\n')).is_some() {},
                ' ' | '\t' => drop(self.next()),
                '\r' | '\n' if lines => drop(self.next()),
                _ => break,
            }
        }
    }

    fn wrong(&self, what: impl std::fmt::Display) -> ConstraintError {
        invalid(format!("line {}: {what}", self.line))
    }

    fn name(&mut self) -> Option<String> {
        let name: String = std::iter::from_fn(|| self.rest.next_if(|&c| is_in_name(c))).collect();
        (!name.is_empty()).then_some(name)
    }

    fn index(&mut self, name: String) -> usize {
        let next = self.names.len();
        let index = *self.names.entry(name).or_insert(next);
        if index == self.rules.len() {
            self.rules.push(None);
        }
        index
    }

    fn rule(&mut self) -> Result<(), ConstraintError> {
        let name = self.name().ok_or_else(|| self.wrong("a rule begins with a name"))?;
        self.space(false);
        if !"::=".chars().all(|c| self.eat(c)) {
            return Err(self.wrong("expected `::=` after the name of the rule"));
        }
        self.space(true);
        let part = self.alternatives(false)?;
        // As in llama.cpp, a later rule of the same name counts.
        let index = self.index(name);
        self.rules[index] = Some(part);
        match self.rest.peek().copied() {
            None => {}
            Some('\r' | '\n') => self.space(true),
            Some(c) => return Err(self.wrong(format!("`{c}` is not expected here"))),
        }
        if self.rules.len() > limits::RULES {
            let reason = format!("more than {} rules", limits::RULES);
            return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
        }
        Ok(())
    }

    fn alternatives(&mut self, nested: bool) -> Result<Part, ConstraintError> {
        self.depth += 1;
        if self.depth > limits::DEPTH {
            let reason = format!("groups are nested deeper than {}", limits::DEPTH);
            return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
        }
        let mut all = vec![self.sequence(nested)?];
        while self.eat('|') {
            self.space(true);
            all.push(self.sequence(nested)?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Part::Or(all) })
    }

    fn sequence(&mut self, nested: bool) -> Result<Part, ConstraintError> {
        let mut all: Vec<Part> = Vec::new();
        while let Some(&c) = self.rest.peek() {
            match c {
                '"' => {
                    self.next();
                    let mut text = String::new();
                    while !self.eat('"') {
                        text.push(self.character()?);
                    }
                    all.push(Part::Literal(text));
                }
                '[' => all.push(self.class()?),
                '.' => {
                    self.next();
                    all.push(Part::Set(any_char()));
                }
                '(' => {
                    self.next();
                    self.space(true);
                    let inner = self.alternatives(true)?;
                    if !self.eat(')') {
                        return Err(self.wrong("a group is not closed"));
                    }
                    all.push(inner);
                }
                '<' | '!' => {
                    let reason = format!("line {}: tokens (`<...>`) are not supported", self.line);
                    return Err(ConstraintError::new(ConstraintErrorCode::Unsupported, reason));
                }
                '*' | '+' | '?' | '{' => {
                    let before =
                        all.pop().ok_or_else(|| self.wrong(format!("nothing for `{c}` to repeat")))?;
                    let (min, max) = self.counts()?;
                    all.push(Part::Repeat(Box::new(before), min, max));
                }
                c if is_in_name(c) => {
                    let name = self.name().unwrap_or_default();
                    let index = self.index(name);
                    all.push(Part::Rule(index));
                }
                _ => break,
            }
            self.space(nested);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Part::Concat(all) })
    }

    /// Reads `*`, `+`, `?` or `{m,n}`.
    fn counts(&mut self) -> Result<(u32, Option<u32>), ConstraintError> {
        match self.next() {
            Some('*') => return Ok((0, None)),
            Some('+') => return Ok((1, None)),
            Some('?') => return Ok((0, Some(1))),
            _ => {}
        }
        self.space(true);
        let min = self.number()?.ok_or_else(|| self.wrong("expected a number after `{`"))?;
        self.space(true);
        let max = if self.eat(',') {
            self.space(true);
            let max = self.number()?;
            self.space(true);
            max
        } else {
            Some(min)
        };
        if !self.eat('}') {
            return Err(self.wrong("expected `}` after the numbers of a repetition"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.wrong("the numbers of a repetition are out of order"));
        }
        Ok((min, max))
    }

    fn number(&mut self) -> Result<Option<u32>, ConstraintError> {
        let digits: String = std::iter::from_fn(|| self.rest.next_if(char::is_ascii_digit)).collect();
        if digits.is_empty() {
            return Ok(None);
        }
        let number = digits.parse().ok().filter(|number| *number <= limits::REPETITIONS);
        let too_many = || {
            let reason = format!("line {}: more than {} repetitions", self.line, limits::REPETITIONS);
            ConstraintError::new(ConstraintErrorCode::TooComplex, reason)
        };
        Ok(Some(number.ok_or_else(too_many)?))
    }

    fn class(&mut self) -> Result<Part, ConstraintError> {
        self.next();
        let negated = self.eat('^');
        let mut set = ranges(&[]);
        while !self.eat(']') {
            let from = self.character()?;
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && ahead.peek() != Some(&']');
            let to = if is_range {
                self.next();
                self.character()?
            } else {
                from
            };
            if to < from {
                return Err(self.wrong("a range is out of order"));
            }
            set.union(&ranges(&[(from, to)]));
        }
        Ok(Part::Set(if negated { difference(&any_char(), &set) } else { set }))
    }

    /// A character of a literal or a class.
    fn character(&mut self) -> Result<char, ConstraintError> {
        let c = self.next().ok_or_else(|| self.wrong("a literal or a class is not closed"))?;
        if c != '\\' {
            return Ok(c);
        }
        let c = self.next().ok_or_else(|| self.wrong("the grammar ends in `\\`"))?;
        let digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'n' => return Ok('\n'),
            '\\' | '"' | '[' | ']' => return Ok(c),
            c => return Err(self.wrong(format!("`\\{c}` is not an escape"))),
        };
        let text: String = (0..digits).map_while(|_| self.rest.next_if(char::is_ascii_hexdigit)).collect();
        let code = u32::from_str_radix(&text, 16).ok().filter(|_| text.len() == digits);
        code.and_then(char::from_u32).ok_or_else(|| {
            self.wrong(format!("`\\{c}` needs the {digits} hexadecimal digits of a character"))
        })
    }
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn invalid(reason: impl Into<String>) -> ConstraintError {
    ConstraintError::new(ConstraintErrorCode::Invalid, reason)
}
