//! Turns one string into JSON while it is written.

use super::value::Progress;
use crate::chat_format::Dialect;

/// Reads a string after its opening quote.
#[derive(Clone, Debug)]
pub(super) struct StringReader {
    close: String,
    escapes: Escapes,
    /// What follows a backslash, as far as it was read.
    escape: Option<String>,
}

/// What a backslash means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    /// Nothing.
    None,
    Json,
    Python,
    /// Only that the next character does not end the string.
    Raw,
}

/// The start of a string.
pub(super) enum Opening {
    /// The length of the opening quote.
    Found(usize, StringReader),
    /// It needs more text to know.
    Wait,
    None,
}

impl StringReader {
    /// The string that `text` begins with. `prefix` is the word before it, as in Python's `r"..."`.
    pub(super) fn begin(text: &str, dialect: &Dialect, prefix: &str, end: bool) -> Opening {
        let found = |close: &str, escapes| {
            Opening::Found(close.len(), Self { close: close.to_owned(), escapes, escape: None })
        };
        if let Dialect::Quoted(quote) = dialect {
            if text.starts_with(quote.as_str()) {
                return found(quote, Escapes::None);
            }
            if quote.starts_with(text) {
                return Opening::Wait;
            }
        }
        let quote = match text.chars().next() {
            Some('"') => "\"\"\"",
            Some('\'') if !matches!(dialect, Dialect::Quoted(_)) => "'''",
            _ => return Opening::None,
        };
        let escapes = match (dialect, quote) {
            (Dialect::Python, _) if prefix.contains(['r', 'R']) => Escapes::Raw,
            (Dialect::Python, _) | (_, "'''") => Escapes::Python,
            _ => Escapes::Json,
        };
        if *dialect == Dialect::Python {
            if text.starts_with(quote) {
                return found(quote, escapes);
            }
            if !end && quote.starts_with(text) {
                return Opening::Wait;
            }
        }
        found(&quote[..1], escapes)
    }

    /// Reads from the start of `text` and appends to `out`. Returns the length of what it read, which may leave
    /// out the start of a quote at the end.
    pub(super) fn read(&mut self, text: &str, end: bool, out: &mut String) -> (usize, Progress) {
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            if let Some(escape) = self.escape.take() {
                match self.push_escape(escape, c, out) {
                    None => return (at, Progress::Bad),
                    Some(true) => at += c.len_utf8(),
                    Some(false) => {}
                }
                continue;
            }
            if rest.starts_with(self.close.as_str()) {
                out.push('"');
                return (at + self.close.len(), Progress::Done);
            }
            if (!end || rest.len() > 1) && self.close.starts_with(rest) {
                break;
            }
            match c {
                '\\' if self.escapes != Escapes::None => self.escape = Some(String::new()),
                c => escape(c, out),
            }
            at += c.len_utf8();
        }
        (at, Progress::More)
    }

    /// A character after a backslash and `before`. Returns whether it belongs to the escape; `None` if that is
    /// none.
    fn push_escape(&mut self, mut before: String, c: char, out: &mut String) -> Option<bool> {
        match before.chars().next() {
            None => match (self.escapes, c) {
                (Escapes::Python, 'x' | 'u' | 'U' | '0'..='7') => self.escape = Some(c.into()),
                // A character by its name.
                (Escapes::Python, 'N') => return None,
                (Escapes::Python, '\n') => {}
                (Escapes::Json | Escapes::Python, '\'') => out.push('\''),
                (Escapes::Python, 'a') => escape('\u{7}', out),
                (Escapes::Python, 'v') => escape('\u{b}', out),
                // Python keeps the backslash of others.
                (Escapes::Python, c) if !"\"\\bfnrt".contains(c) => {
                    out.push_str("\\\\");
                    escape(c, out);
                }
                (Escapes::Raw, c) => {
                    out.push_str("\\\\");
                    escape(c, out);
                }
                (_, c) => escape_control(c, true, out),
            },
            Some('0'..='7') if before.len() == 3 || !matches!(c, '0'..='7') => {
                push_code(u32::from_str_radix(&before, 8).ok()?, out)?;
                return Some(false);
            }
            Some(kind) => {
                before.push(c);
                let digits = match kind {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => usize::MAX,
                };
                if digits < usize::MAX && !c.is_ascii_hexdigit() {
                    return None;
                }
                if before.len() > digits {
                    push_code(u32::from_str_radix(&before[1..], 16).ok()?, out)?;
                } else {
                    self.escape = Some(before);
                }
            }
        }
        Some(true)
    }
}

/// Appends the character with this code, or one half of it in UTF-16.
fn push_code(code: u32, out: &mut String) -> Option<()> {
    match char::from_u32(code) {
        Some(c) => escape(c, out),
        None if code <= 0xffff => out.push_str(&format!("\\u{code:04x}")),
        None => return None,
    }
    Some(())
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
