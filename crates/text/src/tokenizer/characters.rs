//! Merges characters, with `▁` for the space.

use super::bytes;
use super::merge::{Joins, Symbol, Symbols, Windows};
use super::output::Output;
use super::token_ids::TokenIds;
use super::vocab::Vocab;

/// How characters become tokens.
pub(super) struct Characters<'a, J> {
    pub(super) vocab: &'a Vocab,
    pub(super) ids: &'a TokenIds,
    pub(super) windows: &'a Windows,
    /// The priority of a merge in a text, and its token.
    pub(super) join: J,
}

/// A window of a text.
struct Window<'a, J> {
    of: &'a Characters<'a, J>,
    text: &'a str,
}

impl<J: Fn(&str, &Symbol, &Symbol) -> Option<(i64, u32)>> Characters<'_, J> {
    /// Encodes `text`, with a leading space if `prefixed`. Characters without a token become byte tokens, as
    /// far as those exist. Returns whether more tokens are wanted.
    pub(super) fn encode(
        &self,
        text: &str,
        prefixed: bool,
        symbols: &mut Symbols,
        byte: impl Fn(u8) -> Option<u32>,
        out: &mut Output,
    ) -> bool {
        let (mut rest, mut prefixed, mut size) = (text, prefixed, self.windows.least());
        let mut escaped = String::new();
        while prefixed || !rest.is_empty() {
            escaped.clear();
            escaped.push_str(if prefixed { bytes::SPACE } else { "" });
            let mut seen = 0;
            for c in rest.chars() {
                if escaped.len() >= size {
                    break;
                }
                seen += c.len_utf8();
                escaped.push(escape(c));
            }
            let window = Window { of: self, text: &escaped };
            let mut end = match self.windows.merge(symbols, &window, seen < rest.len()) {
                std::ops::ControlFlow::Break(longer) => {
                    size = longer;
                    continue;
                }
                std::ops::ControlFlow::Continue(end) => end,
            };
            for symbol in symbols.remaining() {
                match symbol.id {
                    Some(id) => out.push(id),
                    // Merged symbols are tokens, so this is one character without a token.
                    None => {
                        let spelled = escaped[symbol.start..symbol.start + symbol.len].bytes();
                        out.extend(spelled.filter_map(&byte));
                    }
                }
            }
            if std::mem::take(&mut prefixed) {
                end -= bytes::SPACE.len();
            }
            let mut done = 0;
            for c in rest.chars() {
                if end == 0 {
                    break;
                }
                done += c.len_utf8();
                end -= escape(c).len_utf8();
            }
            rest = &rest[done..];
            if !out.took(done) {
                return false;
            }
        }
        true
    }
}

fn escape(c: char) -> char {
    if c == ' ' { bytes::SPACE_CHARACTER } else { c }
}

impl<J: Fn(&str, &Symbol, &Symbol) -> Option<(i64, u32)>> Joins for Window<'_, J> {
    fn len(&self) -> usize {
        self.text.len()
    }

    fn unit(&self, start: usize) -> (usize, Option<u32>) {
        let len = self.text[start..].chars().next().map_or(0, char::len_utf8);
        (len, self.token(start, len))
    }

    fn token(&self, start: usize, len: usize) -> Option<u32> {
        self.of.ids.get(self.of.vocab, self.text.get(start..start + len)?)
    }

    fn join(&self, left: &Symbol, right: &Symbol) -> Option<(i64, u32)> {
        (self.of.join)(self.text, left, right)
    }
}
