//! Turns one value into JSON while it is written.

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
    /// The brackets that are open.
    open: Vec<u8>,
    expected: Expected,
    string: Option<Quote>,
    /// After a backslash.
    escaped: bool,
    /// A number, a literal, or a bare key.
    word: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Value,
    Key,
    Colon,
    Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    Char(char),
    /// The dialect's own text.
    Text,
}

impl ValueReader {
    pub(in crate::chat_format) fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: dialect.clone(),
            open: Vec::new(),
            expected: Expected::Value,
            string: None,
            escaped: false,
            word: String::new(),
        }
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
            let rest = &text[at..];
            match self.match_quote(rest) {
                Some(0) if !end => return (at, Progress::More),
                Some(0) | None => {}
                Some(length) if self.string.is_some() => {
                    at += length;
                    if self.end_string(out) {
                        return (at, Progress::Done);
                    }
                    continue;
                }
                Some(length) if self.begin_string(Quote::Text, out) => {
                    at += length;
                    continue;
                }
                Some(_) => return (at, Progress::Bad),
            }
            if let Some(quote) = self.string {
                at += c.len_utf8();
                if self.push_string(quote, c, out) {
                    return (at, Progress::Done);
                }
                continue;
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
        if end && !self.word.is_empty() && self.end_word(out) {
            return (at, Progress::Done);
        }
        (at, Progress::More)
    }

    /// The length of the dialect's own quote at the start of `rest`, if it counts there; 0 if it may begin.
    fn match_quote(&self, rest: &str) -> Option<usize> {
        match &self.dialect {
            Dialect::Quoted(quote) if self.string != Some(Quote::Char('"')) && self.word.is_empty() => {
                if rest.starts_with(quote.as_str()) {
                    return Some(quote.len());
                }
                quote.starts_with(rest).then_some(0)
            }
            _ => None,
        }
    }

    /// A character outside of strings and words.
    fn push(&mut self, c: char, out: &mut String) -> Progress {
        let inside = self.open.last().copied();
        match (c, self.expected) {
            (c, _) if c.is_whitespace() => {
                if inside.is_some() {
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
                out.push(',');
                self.expected = if inside == Some(b'}') { Expected::Key } else { Expected::Value };
            }
            ('"', Expected::Value | Expected::Key) => _ = self.begin_string(Quote::Char('"'), out),
            ('\'', Expected::Value | Expected::Key) if self.dialect == Dialect::Python => {
                self.begin_string(Quote::Char('\''), out);
            }
            (',' | ':' | '{' | '}' | '[' | ']' | '(' | ')' | '<', _) => return Progress::Bad,
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

    fn begin_string(&mut self, quote: Quote, out: &mut String) -> bool {
        let fits = matches!(self.expected, Expected::Value | Expected::Key);
        if fits {
            self.string = Some(quote);
            out.push('"');
        }
        fits
    }

    /// A character of a string; whether it ended the value.
    fn push_string(&mut self, quote: Quote, c: char, out: &mut String) -> bool {
        if self.escaped {
            self.escaped = false;
            match c {
                // JSON has no more escapes; Python keeps the backslash of others.
                _ if self.dialect != Dialect::Python => escape_control(c, true, out),
                'x' => out.push_str("\\u00"),
                '\'' => out.push('\''),
                '\n' => {}
                '"' | '\\' | 'b' | 'f' | 'n' | 'r' | 't' | 'u' => out.extend(['\\', c]),
                c => {
                    out.push_str("\\\\");
                    escape(c, out);
                }
            }
            return false;
        }
        match c {
            '\\' if quote != Quote::Text => self.escaped = true,
            c if quote == Quote::Char(c) => return self.end_string(out),
            c => escape(c, out),
        }
        false
    }

    fn end_string(&mut self, out: &mut String) -> bool {
        self.string = None;
        out.push('"');
        self.end_value()
    }

    fn end_word(&mut self, out: &mut String) -> bool {
        let word = std::mem::take(&mut self.word);
        match word.as_str() {
            word if self.expected == Expected::Key => push_string(word, out),
            "True" if self.dialect == Dialect::Python => out.push_str("true"),
            "False" if self.dialect == Dialect::Python => out.push_str("false"),
            "None" if self.dialect == Dialect::Python => out.push_str("null"),
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

/// Appends `text` as a JSON string.
pub(super) fn push_string(text: &str, out: &mut String) {
    out.push('"');
    text.chars().for_each(|c| escape(c, out));
    out.push('"');
}

/// Appends a character of a JSON string.
pub(super) fn escape(c: char, out: &mut String) {
    match c {
        '"' | '\\' => out.extend(['\\', c]),
        c => escape_control(c, false, out),
    }
}

fn escape_control(c: char, after_backslash: bool, out: &mut String) {
    let short = match c {
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        c if c < ' ' => {
            out.push_str(&format!("\\u{:04x}", c as u32));
            return;
        }
        c if after_backslash => c,
        c => return out.push(c),
    };
    out.extend(['\\', short]);
}
