//! Reads the syntax of expressions.

use std::iter::Peekable;
use std::rc::Rc;
use std::str::Chars;

use linnet_text::{ConstraintError, ConstraintErrorCode};

use super::class;
use super::{Flags, Node, Place, Set, invalid, unsupported};
use crate::limits;
use crate::pattern::{CharSet, any_char, difference, ranges};

/// Reads an expression.
pub struct Parser<'p> {
    rest: Peekable<Chars<'p>>,
    flags: Flags,
    depth: usize,
}

/// The meaning of an escape.
enum Escaped {
    Char(char),
    Set(CharSet),
}

/// The first character beyond U+FFFF.
const ASTRAL: char = '\u{10000}';

impl<'p> Parser<'p> {
    pub fn new(pattern: &'p str, flags: Flags) -> Self {
        Self { rest: pattern.chars().peekable(), flags, depth: 0 }
    }

    /// The whole expression.
    pub fn parse(mut self) -> Result<Node, ConstraintError> {
        let node = self.alternatives()?;
        match self.rest.next() {
            None => Ok(node),
            Some(_) => Err(invalid("there is a `)` without `(`")),
        }
    }

    fn eat(&mut self, c: char) -> bool {
        self.rest.next_if_eq(&c).is_some()
    }

    /// Whether the rest begins with the text, which is then read.
    fn eat_all(&mut self, text: &str) -> bool {
        let mut ahead = self.rest.clone();
        if text.chars().all(|c| ahead.next() == Some(c)) {
            self.rest = ahead;
            return true;
        }
        false
    }

    fn alternatives(&mut self) -> Result<Node, ConstraintError> {
        self.depth += 1;
        if self.depth > limits::DEPTH {
            let reason = format!("groups are nested deeper than {}", limits::DEPTH);
            return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
        }
        let mut all = vec![self.sequence()?];
        while self.eat('|') {
            all.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Or(all) })
    }

    fn sequence(&mut self) -> Result<Node, ConstraintError> {
        let mut all = Vec::new();
        while let Some(&c) = self.rest.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            let item = self.item()?;
            all.push(self.quantified(item)?);
        }
        Ok(match all.len() {
            0 => Node::Empty,
            1 => all.remove(0),
            _ => Node::Concat(all),
        })
    }

    fn item(&mut self) -> Result<Node, ConstraintError> {
        let Some(c) = self.rest.next() else { return Ok(Node::Empty) };
        match c {
            '^' => Ok(Node::At(Place::Start)),
            '$' => Ok(Node::At(Place::End)),
            '(' => self.group(),
            '[' => self.class(),
            '.' => Ok(self.set(class::dot(self.flags), true)),
            '*' | '+' | '?' => Err(invalid(format!("there is nothing for `{c}` to repeat"))),
            '{' if self.flags.strict || self.counts().is_some() => {
                Err(invalid("there is nothing for `{` to repeat"))
            }
            '}' | ']' if self.flags.strict => Err(invalid(format!("`{c}` must be escaped"))),
            '\\' => match self.escape(false)? {
                Escaped::Char(c) => self.single(c),
                Escaped::Set(set) => Ok(self.set(class::with_case(set, self.flags), true)),
            },
            c => self.single(c),
        }
    }

    fn single(&mut self, c: char) -> Result<Node, ConstraintError> {
        let repeats = matches!(self.rest.peek(), Some('*' | '+' | '?' | '{'));
        if c >= ASTRAL && !self.flags.unicode && repeats {
            return Err(unsupported(format!("to repeat `{c}`, use the flag `u`")));
        }
        let set = class::with_case(ranges(&[(c, c)]), self.flags);
        Ok(Node::Set(Set { chars: Rc::new(set), repeated: None }))
    }

    /// A set as an item. `units`: it may have surrogates, without `u`.
    fn set(&self, set: CharSet, units: bool) -> Node {
        let astral = ranges(&[(ASTRAL, char::MAX)]);
        if self.flags.unicode || !units {
            return Node::Set(Set { chars: Rc::new(set), repeated: None });
        }
        let mut beyond = set.clone();
        beyond.intersect(&astral);
        let repeated = (beyond == astral).then(|| Rc::new(set.clone()));
        Node::Set(Set { chars: Rc::new(difference(&set, &astral)), repeated })
    }

    fn group(&mut self) -> Result<Node, ConstraintError> {
        for (text, place) in [
            ("?=$)", Place::End),
            ("?!$)", Place::NotEnd),
            ("?<=^)", Place::Start),
            ("?<!^)", Place::NotStart),
        ] {
            if self.eat_all(text) {
                return Ok(Node::At(place));
            }
        }
        if self.eat('?') && !self.eat(':') {
            let look = ["=", "!", "<=", "<!"].iter().any(|text| self.eat_all(text));
            if look {
                return Err(unsupported("look-ahead and look-behind are not supported"));
            }
            if !self.eat('<') {
                return Err(unsupported("flags inside an expression are not supported"));
            }
            let name: String = std::iter::from_fn(|| self.rest.next_if(|c| *c != '>')).collect();
            let is_name = name
                .chars()
                .enumerate()
                .all(|(at, c)| c.is_alphabetic() || matches!(c, '_' | '$') || at > 0 && c.is_alphanumeric());
            if !self.eat('>') || name.is_empty() || !is_name {
                return Err(invalid("the name of a group is malformed"));
            }
        }
        let node = self.alternatives()?;
        if self.eat(')') { Ok(node) } else { Err(invalid("a group is not closed")) }
    }

    /// Reads what repeats an item.
    fn quantified(&mut self, item: Node) -> Result<Node, ConstraintError> {
        let (min, max) = match self.rest.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.rest.next();
                let Some((min, max)) = self.counts() else {
                    if self.flags.strict {
                        return Err(invalid("`{` must be escaped"));
                    }
                    // Without `u`, such a brace is text.
                    return Ok(Node::Concat(vec![item, self.single('{')?]));
                };
                let largest = max.unwrap_or(min);
                if largest > limits::REPETITIONS {
                    let reason = format!("more than {} repetitions", limits::REPETITIONS);
                    return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
                }
                if max.is_some_and(|max| max < min) {
                    return Err(invalid("the numbers in a repetition are out of order"));
                }
                return self.repeated(item, min, max);
            }
            _ => return Ok(item),
        };
        self.rest.next();
        self.repeated(item, min, max)
    }

    fn repeated(&mut self, item: Node, min: u32, max: Option<u32>) -> Result<Node, ConstraintError> {
        if matches!(item, Node::At(_)) {
            return Err(invalid("an anchor cannot be repeated"));
        }
        self.eat('?');
        match self.rest.peek() {
            Some('*' | '+' | '?') => Err(invalid("a repetition cannot be repeated")),
            _ => Ok(Node::Repeat(Box::new(item), min, max)),
        }
    }

    /// Reads the bounds after `{`, if they are well-formed.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let mut rest = self.rest.clone();
        let number = |rest: &mut Peekable<Chars<'_>>| {
            let digits: String = std::iter::from_fn(|| rest.next_if(char::is_ascii_digit)).collect();
            (!digits.is_empty()).then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let min = number(&mut rest)?;
        let max = match rest.next_if_eq(&',') {
            Some(_) => number(&mut rest),
            None => Some(min),
        };
        rest.next_if_eq(&'}')?;
        self.rest = rest;
        Some((min, max))
    }

    fn class(&mut self) -> Result<Node, ConstraintError> {
        let negated = self.eat('^');
        let mut set = ranges(&[]);
        let mut units = false;
        loop {
            let from = match self.rest.next() {
                None => return Err(invalid("a class is not closed")),
                Some(']') => break,
                Some(c) => self.class_atom(c)?,
            };
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && !matches!(ahead.peek(), None | Some(']'));
            if !is_range {
                units |= matches!(from, Escaped::Set(_));
                add(&mut set, &from);
                continue;
            }
            self.rest = ahead;
            let to = match self.rest.next() {
                Some(c) => self.class_atom(c)?,
                None => return Err(invalid("a class is not closed")),
            };
            match (&from, &to) {
                (Escaped::Char(from), Escaped::Char(to)) if from > to => {
                    return Err(invalid("a range in a class is out of order"));
                }
                (Escaped::Char(from), Escaped::Char(to)) => set.union(&ranges(&[(*from, *to)])),
                _ if self.flags.strict => return Err(invalid("a range in a class has no single characters")),
                _ => {
                    units = true;
                    add(&mut set, &from);
                    add(&mut set, &Escaped::Char('-'));
                    add(&mut set, &to);
                }
            }
        }
        let set = class::with_case(set, self.flags);
        let set = if negated { difference(&any_char(), &set) } else { set };
        Ok(self.set(set, negated || units))
    }

    fn class_atom(&mut self, c: char) -> Result<Escaped, ConstraintError> {
        let atom = if c == '\\' { self.escape(true)? } else { Escaped::Char(c) };
        if let Escaped::Char(c) = &atom
            && *c >= ASTRAL
            && !self.flags.unicode
        {
            return Err(unsupported(format!("for `{c}` in a class, use the flag `u`")));
        }
        Ok(atom)
    }

    fn escape(&mut self, in_class: bool) -> Result<Escaped, ConstraintError> {
        let Some(c) = self.rest.next() else { return Err(invalid("the expression ends in `\\`")) };
        Ok(match c {
            'd' => Escaped::Set(class::digit()),
            'D' => Escaped::Set(class::negated(&class::digit())),
            's' => Escaped::Set(class::space()),
            'S' => Escaped::Set(class::negated(&class::space())),
            'w' => Escaped::Set(class::word(self.flags)),
            'W' => Escaped::Set(class::negated(&class::word(self.flags))),
            'p' | 'P' if self.flags.unicode => {
                if !self.eat('{') {
                    return Err(invalid("a property needs braces: \\p{L}"));
                }
                let name: String = std::iter::from_fn(|| self.rest.next_if(|c| *c != '}')).collect();
                if !self.eat('}') {
                    return Err(invalid("a property is not closed"));
                }
                let set = class::property(&name)?;
                Escaped::Set(if c == 'P' { class::negated(&set) } else { set })
            }
            't' => Escaped::Char('\t'),
            'n' => Escaped::Char('\n'),
            'r' => Escaped::Char('\r'),
            'f' => Escaped::Char('\u{c}'),
            'v' => Escaped::Char('\u{b}'),
            'b' if in_class => Escaped::Char('\u{8}'),
            'b' | 'B' if !in_class => return Err(unsupported("word boundaries are not supported")),
            '0' if !self.rest.peek().is_some_and(char::is_ascii_digit) => Escaped::Char('\0'),
            '0'..='9' => return Err(unsupported("back references and octal escapes are not supported")),
            'k' if !in_class => return Err(unsupported("back references are not supported")),
            'c' => match self.rest.next_if(char::is_ascii_alphabetic) {
                Some(letter) => Escaped::Char(char::from(letter as u8 % 32)),
                None => return Err(unsupported("`\\c` needs a letter")),
            },
            'x' => self.coded(c, 2)?,
            'u' if self.flags.unicode && self.eat('{') => {
                let digits: String =
                    std::iter::from_fn(|| self.rest.next_if(char::is_ascii_hexdigit)).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                match code.filter(|_| self.eat('}')) {
                    Some(c) => Escaped::Char(c),
                    None => return Err(invalid("`\\u{` needs the code of a character and `}`")),
                }
            }
            'u' => self.coded(c, 4)?,
            c if self.flags.strict && !("^$\\.*+?()[]{}|/".contains(c) || in_class && c == '-') => {
                return Err(invalid(format!("`\\{c}` is not an escape")));
            }
            c => Escaped::Char(c),
        })
    }

    /// `\xXX` and `\uXXXX`; two of the latter for a pair of surrogates. Without their digits they are text.
    fn coded(&mut self, letter: char, digits: usize) -> Result<Escaped, ConstraintError> {
        let code = |rest: &mut Peekable<Chars<'_>>| {
            let text: String = (0..digits).map_while(|_| rest.next_if(char::is_ascii_hexdigit)).collect();
            (text.len() == digits).then(|| u32::from_str_radix(&text, 16).ok()).flatten()
        };
        let mut ahead = self.rest.clone();
        let Some(first) = code(&mut ahead) else {
            let what = format!("`\\{letter}` needs {digits} hexadecimal digits");
            return if self.flags.strict { Err(invalid(what)) } else { Ok(Escaped::Char(letter)) };
        };
        self.rest = ahead;
        if let Some(c) = char::from_u32(first) {
            return Ok(Escaped::Char(c));
        }
        let lone = || unsupported("half of a pair of surrogates is not supported");
        if !self.eat_all("\\u") {
            return Err(lone());
        }
        let second = code(&mut self.rest).ok_or_else(lone)?;
        let [Ok(first), Ok(second)] = [first, second].map(u16::try_from) else { return Err(lone()) };
        match char::decode_utf16([first, second]).next() {
            Some(Ok(c)) => Ok(Escaped::Char(c)),
            _ => Err(lone()),
        }
    }
}

fn add(set: &mut CharSet, atom: &Escaped) {
    match atom {
        Escaped::Char(c) => set.union(&ranges(&[(*c, *c)])),
        Escaped::Set(other) => set.union(other),
    }
}
