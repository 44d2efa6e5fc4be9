//! Finds tokens that are whole by definition: control tokens where they are asked for, user-defined ones always.

use aho_corasick::{AhoCorasick, MatchKind};

use super::vocab::{Kind, Vocab, bad};
use crate::TextError;

/// Text between such tokens, or one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece<'a> {
    /// Plain text, never empty.
    Text(&'a str),
    /// A token.
    Token(u32),
}

/// A searcher for special tokens; the leftmost match wins, among those the longest.
#[derive(Debug)]
pub(super) struct SpecialTokens {
    user_defined: Finder,
    all: Finder,
}

#[derive(Debug)]
struct Finder {
    patterns: AhoCorasick,
    ids: Vec<u32>,
}

impl SpecialTokens {
    pub(super) fn of(vocab: &Vocab) -> Result<Self, TextError> {
        let finder = |wanted: fn(Kind) -> bool| {
            let tokens = vocab.iter().filter(|(_, text, kind)| wanted(*kind) && !text.is_empty());
            let (ids, texts): (Vec<u32>, Vec<&str>) = tokens.map(|(id, text, _)| (id, text)).unzip();
            let patterns = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
            patterns.map(|patterns| Finder { patterns, ids }).map_err(|error| bad(error.to_string()))
        };
        Ok(Self {
            user_defined: finder(|kind| kind == Kind::UserDefined)?,
            all: finder(|kind| matches!(kind, Kind::UserDefined | Kind::Control | Kind::Unknown))?,
        })
    }

    /// Cuts `text` at its special tokens and hands the pieces over in order. Without `parse_special` only
    /// user-defined tokens are seen.
    pub(super) fn split<'a>(
        &self,
        text: &'a str,
        parse_special: bool,
        mut piece: impl FnMut(Piece<'a>) -> Result<(), TextError>,
    ) -> Result<(), TextError> {
        let finder = if parse_special { &self.all } else { &self.user_defined };
        let mut at = 0;
        if !finder.ids.is_empty() {
            for found in finder.patterns.find_iter(text) {
                if at < found.start() {
                    piece(Piece::Text(&text[at..found.start()]))?;
                }
                piece(Piece::Token(finder.ids[found.pattern().as_usize()]))?;
                at = found.end();
            }
        }
        if at < text.len() {
            piece(Piece::Text(&text[at..]))?;
        }
        Ok(())
    }
}
