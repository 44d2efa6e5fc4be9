//! Output for people. Text from models and files is data and must not control the terminal.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::failure::Failure;

/// Prints a failure as one sentence on stderr.
pub fn complain(failure: &Failure) {
    // If stderr is closed, nobody can read an error about it.
    let _ = writeln!(io::stderr(), "error [{}]: {}", failure.code(), one_line(&failure.to_string()));
}

/// Prints a note on stderr.
pub fn say(remark: &str) {
    let _ = writeln!(io::stderr(), "{}", one_line(remark));
}

/// `text` without control characters that move the cursor or set colours and titles; line breaks and tabs
/// stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(steers) { Cow::Owned(text.replace(steers, "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

/// `text` on one line, with control characters escaped.
pub fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_text_cannot_control_the_terminal() {
        assert_eq!(harmless("a\tb\nä🙂"), "a\tb\nä🙂");
        assert_eq!(harmless("\u{1b}[2Jx\r\u{9b}1m"), "\u{FFFD}[2Jx\u{FFFD}\u{FFFD}1m");
    }

    #[test]
    fn line_breaks_are_escaped() {
        assert_eq!(one_line("a\nb\u{1b}é"), "a\\nb\\u{1b}é");
    }
}
