//! Turns one value into JSON while it is written.

use super::string::{Opening, StringReader, push_string};
use crate::chat_format::Dialect;

/// How far a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat_format) enum Progress {
    /// It may go on.
    More,
    /// It is complete.
    Done,
    /// It is not a value in this dialect.
    Bad,
}

/// Reads one value.
#[derive(Clone, Debug)]
pub(in crate::chat_format) struct ValueReader {
    dialect: Dialect,
    /// Whether JSON may have Python's strings and literals.
    lenient: bool,
    /// The brackets that are open.
    open: Vec<u8>,
    expected: Expected,
    string: Option<StringReader>,
    /// A number, a literal, or a bare key.
    word: String,
    /// A comma and the white space after it: Python allows one at the end of a list, and models write it in JSON.
    comma: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Value,
    Key,
    Colon,
    Next,
}

impl ValueReader {
    pub(in crate::chat_format) fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: dialect.clone(),
            lenient: *dialect == Dialect::Python,
            open: Vec::new(),
            expected: Expected::Value,
            string: None,
            word: String::new(),
            comma: String::new(),
        }
    }

    /// Also reads what models write in place of JSON: Python's strings in single quotes, its literals, and a comma at
    /// the end.
    pub(super) fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Reads from the start of `text` and appends JSON to `out`. Returns the length of what it read, which may
    /// leave out the start of a quote at the end.
    pub(in crate::chat_format) fn read(
        &mut self,
        text: &str,
        end: bool,
        out: &mut String,
    ) -> (usize, Progress) {
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            if let Some(string) = &mut self.string {
                let (length, progress) = string.read(&text[at..], end, out);
                at += length;
                if progress != Progress::Done {
                    return (at, progress);
                }
                self.string = None;
                if self.end_value() {
                    return (at, Progress::Done);
                }
                continue;
            }
            if matches!(self.expected, Expected::Value | Expected::Key) && self.is_string_prefix() {
                let rest = &text[at..];
                // In JSON, a single quote is not expected.
                let opening = match self.dialect {
                    Dialect::Json if rest.starts_with('\'') && !self.lenient => Opening::None,
                    _ => StringReader::begin(rest, &self.dialect, &self.word, end),
                };
                match opening {
                    Opening::Found(length, string) => {
                        self.word.clear();
                        self.end_comma(false, out);
                        out.push('"');
                        self.string = Some(string);
                        at += length;
                        continue;
                    }
                    Opening::Wait => return (at, Progress::More),
                    Opening::None => {}
                }
            }
            if !self.word.is_empty() {
                if !c.is_whitespace() && !",:{}[]()\"<".contains(c) {
                    self.word.push(c);
                    at += c.len_utf8();
                } else if self.end_word(out) {
                    return (at, Progress::Done);
                }
                continue;
            }
            match self.push(c, out) {
                Progress::More => at += c.len_utf8(),
                Progress::Done => return (at + c.len_utf8(), Progress::Done),
                Progress::Bad => return (at, Progress::Bad),
            }
        }
        if end && !self.word.is_empty() && !self.may_be_cut() && self.end_word(out) {
            return (at, Progress::Done);
        }
        (at, Progress::More)
    }

    /// Whether the rest of the current word may be missing at the end of the text.
    fn may_be_cut(&self) -> bool {
        let literals = ["true", "false", "null", "True", "False", "None"];
        let is_start = |literal: &&str| literal.starts_with(&self.word) && **literal != self.word;
        self.expected == Expected::Key || self.word.ends_with('.') || literals.iter().any(is_start)
    }

    /// Whether a string may begin after the current word.
    fn is_string_prefix(&self) -> bool {
        let word = self.word.as_str();
        let is_prefix = || word.len() <= 2 && word.chars().all(|c| "rRbBfFuU".contains(c));
        word.is_empty() || self.dialect == Dialect::Python && is_prefix()
    }

    /// A character outside of strings and words.
    fn push(&mut self, c: char, out: &mut String) -> Progress {
        let inside = self.open.last().copied();
        if !c.is_whitespace() {
            self.end_comma(inside.map(char::from) == Some(c), out);
        }
        match (c, self.expected) {
            (c, _) if c.is_whitespace() => {
                if inside.is_some() {
                    let out = if self.comma.is_empty() { out } else { &mut self.comma };
                    out.push(if c.is_ascii() { c } else { ' ' });
                }
            }
            ('{', Expected::Value) => self.begin(b'}', Expected::Key, out),
            ('[', Expected::Value) => self.begin(b']', Expected::Value, out),
            ('(', Expected::Value) if self.dialect == Dialect::Python => {
                self.begin(b')', Expected::Value, out);
            }
            ('}' | ']' | ')', _) if inside == Some(c as u8) && self.expected != Expected::Colon => {
                if c == '}' && self.expected == Expected::Value {
                    return Progress::Bad;
                }
                self.open.pop();
                self.expected = Expected::Next;
                out.push(if c == ')' { ']' } else { c });
                if self.end_value() {
                    return Progress::Done;
                }
            }
            (':', Expected::Colon) => {
                out.push(':');
                self.expected = Expected::Value;
            }
            (',', Expected::Next) => {
                let out = if self.lenient { &mut self.comma } else { out };
                out.push(',');
                self.expected = if inside == Some(b'}') { Expected::Key } else { Expected::Value };
            }
            (',' | ':' | '{' | '}' | '[' | ']' | '(' | ')' | '<' | '"' | '\'', _) => return Progress::Bad,
            (c, Expected::Value) => self.word.push(c),
            (c, Expected::Key) if self.dialect != Dialect::Json => self.word.push(c),
            _ => return Progress::Bad,
        }
        Progress::More
    }

    fn begin(&mut self, close: u8, expected: Expected, out: &mut String) {
        self.open.push(close);
        self.expected = expected;
        out.push(if close == b'}' { '{' } else { '[' });
    }

    fn end_comma(&mut self, at_end: bool, out: &mut String) {
        let comma = std::mem::take(&mut self.comma);
        out.push_str(if at_end { comma.trim_start_matches(',') } else { &comma });
    }

    fn end_word(&mut self, out: &mut String) -> bool {
        let word = std::mem::take(&mut self.word);
        match word.as_str() {
            word if self.expected == Expected::Key => push_string(word, out),
            "True" if self.lenient => out.push_str("true"),
            "False" if self.lenient => out.push_str("false"),
            "None" if self.lenient => out.push_str("null"),
            word if self.dialect == Dialect::Python => out.push_str(&json_number(word)),
            word => out.push_str(word),
        }
        self.end_value()
    }

    /// Whether that was the whole value.
    fn end_value(&mut self) -> bool {
        self.expected = if self.expected == Expected::Key && !self.open.is_empty() {
            Expected::Colon
        } else {
            Expected::Next
        };
        self.open.is_empty()
    }
}

/// Python's spelling of a number in JSON; other words as they are.
fn json_number(word: &str) -> String {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    if !digits.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
        return word.to_owned();
    }
    let digits = digits.replace('_', "");
    let (before, after) = (if digits.starts_with('.') { "0" } else { "" }, digits.ends_with('.'));
    format!("{sign}{before}{digits}{}", if after { "0" } else { "" })
}
