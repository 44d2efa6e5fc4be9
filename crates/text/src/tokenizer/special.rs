//! Finds tokens that are whole by definition: control tokens where they are asked for, user-defined ones always.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};

use super::vocab::{Kind, Vocab, bad};
use crate::TextError;

/// Keeps its neighbours from being read as one token where [`SpecialTokens::guard`] put it. A noncharacter, which
/// Unicode leaves to programs for their own use.
const GUARD: char = '\u{FDD0}';

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
    /// Whether the token is control and could be broken by a guard: those of one character could not.
    guarded: Vec<bool>,
}

impl SpecialTokens {
    pub(super) fn of(vocab: &Vocab) -> Result<Self, TextError> {
        let finder = |wanted: fn(Kind) -> bool| {
            let tokens = || vocab.iter().filter(|(_, text, kind)| wanted(*kind) && !text.is_empty());
            let texts = tokens().map(|(_, text, _)| text);
            let ids = tokens().map(|(id, _, _)| id).collect();
            let guarded = tokens()
                .map(|(_, text, kind)| kind != Kind::UserDefined && text.chars().nth(1).is_some())
                .collect();
            let patterns = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
            patterns.map(|patterns| Finder { patterns, ids, guarded }).map_err(|error| bad(error.to_string()))
        };
        Ok(Self {
            user_defined: finder(|kind| kind == Kind::UserDefined)?,
            all: finder(|kind| matches!(kind, Kind::UserDefined | Kind::Control | Kind::Unknown))?,
        })
    }

    /// `text` as plain text wherever it is put: its control tokens are broken by guards, which [`without_guards`]
    /// takes out again.
    pub(super) fn guard(&self, text: &str) -> String {
        let mut text = without_guards(text).into_owned();
        // Breaking one token may uncover another that overlaps it; each pass adds guards where there were none.
        loop {
            let matches = self.all.patterns.find_iter(&text);
            let starts: Vec<usize> = matches
                .filter(|found| self.all.guarded[found.pattern()])
                .map(|found| found.start())
                .collect();
            if starts.is_empty() {
                return text;
            }
            for start in starts.into_iter().rev() {
                let first = text[start..].chars().next().map_or(0, char::len_utf8);
                text.insert(start + first, GUARD);
            }
        }
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

/// `text` without its guards.
pub(super) fn without_guards(text: &str) -> Cow<'_, str> {
    if text.contains(GUARD) { Cow::Owned(text.replace(GUARD, "")) } else { Cow::Borrowed(text) }
}
