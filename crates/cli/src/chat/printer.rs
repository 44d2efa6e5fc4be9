//! Prints an answer while it is written.

use std::io::{self, Write};

use crate::terminal::harmless;

/// How reasoning is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningStyle {
    /// Dimmed, on a terminal.
    Dimmed,
    /// Like the answer.
    Plain,
    /// Not at all.
    Hidden,
}

/// What was printed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    Reasoning,
    Answer,
}

/// Prints to `out`, with a blank line between reasoning and answer.
#[derive(Debug)]
pub struct Printer<W> {
    out: W,
    on_terminal: bool,
    style: ReasoningStyle,
    last: Last,
}

const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

impl<W: Write> Printer<W> {
    /// Prints reasoning dimmed on a terminal. Elsewhere only the answer, or with `shows_reasoning` both.
    pub fn new(out: W, on_terminal: bool, shows_reasoning: bool) -> Self {
        let style = match (on_terminal, shows_reasoning) {
            (true, _) => ReasoningStyle::Dimmed,
            (false, true) => ReasoningStyle::Plain,
            (false, false) => ReasoningStyle::Hidden,
        };
        Printer { out, on_terminal, style, last: Last::Nothing }
    }

    /// Prints more of the reasoning and of the answer.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn print(&mut self, reasoning: &str, text: &str) -> io::Result<()> {
        if self.style != ReasoningStyle::Hidden {
            self.print_as(Last::Reasoning, reasoning)?;
        }
        self.print_as(Last::Answer, text)?;
        self.out.flush()
    }

    /// Ends the line, unless nothing was printed and `may_be_empty`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self, may_be_empty: bool) -> io::Result<()> {
        self.end_reasoning()?;
        if self.last != Last::Nothing || !may_be_empty {
            writeln!(self.out)?;
        }
        self.out.flush()
    }

    fn print_as(&mut self, kind: Last, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if kind != self.last {
            self.end_reasoning()?;
            if self.last != Last::Nothing {
                self.out.write_all(b"\n\n")?;
            }
            if kind == Last::Reasoning && self.style == ReasoningStyle::Dimmed {
                self.out.write_all(DIM.as_bytes())?;
            }
            self.last = kind;
        }
        if self.on_terminal {
            self.out.write_all(harmless(text).as_bytes())
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    fn end_reasoning(&mut self) -> io::Result<()> {
        let is_dimmed = self.last == Last::Reasoning && self.style == ReasoningStyle::Dimmed;
        if is_dimmed { self.out.write_all(RESET.as_bytes()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(on_terminal: bool, shows_reasoning: bool, pieces: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, on_terminal, shows_reasoning);
        for (reasoning, text) in pieces {
            printer.print(reasoning, text).unwrap();
        }
        printer.finish(true).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reasoning_is_dimmed_on_a_terminal() {
        let pieces = [("a", ""), ("b\u{1b}", ""), ("", "c"), ("", "d")];
        assert_eq!(printed(true, false, &pieces), "\u{1b}[2mab\u{FFFD}\u{1b}[0m\n\ncd\n");
        assert_eq!(printed(true, false, &[("a", "")]), "\u{1b}[2ma\u{1b}[0m\n", "a cut answer");
    }

    #[test]
    fn a_pipe_gets_the_answer_alone() {
        let pieces = [("a", ""), ("b", "c"), ("", "d\u{1b}")];
        assert_eq!(printed(false, false, &pieces), "cd\u{1b}\n");
        assert_eq!(printed(false, true, &pieces), "ab\n\ncd\u{1b}\n");
        assert_eq!(printed(false, false, &[("a", "")]), "", "only a call follows");
    }
}
