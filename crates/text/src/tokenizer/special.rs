//! Finds tokens that are whole by definition: control tokens where they are asked for, user-defined ones always.

use std::borrow::Cow;
use std::collections::HashMap;

use super::vocab::{Kind, Vocab};

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

/// The tokens to look for.
#[derive(Debug)]
pub(super) struct SpecialTokens {
    tokens: HashMap<Box<str>, Special>,
    /// The lengths in bytes of the tokens that begin with these two bytes, longest first (a token of one byte has 0
    /// for the second): few places of a text need more than this.
    lengths: HashMap<[u8; 2], Vec<usize>>,
}

#[derive(Clone, Copy, Debug)]
struct Special {
    id: u32,
    /// Also found without `parse_special`.
    user_defined: bool,
    /// Takes in the whitespace after it.
    strips_right: bool,
}

impl SpecialTokens {
    /// The special tokens of `vocab`; `strips_right` tells by their texts which take in the whitespace after them.
    pub(super) fn of(vocab: &Vocab, strips_right: impl Fn(&str) -> bool) -> Self {
        let mut tokens = HashMap::new();
        let mut lengths: HashMap<_, Vec<usize>> = HashMap::new();
        for (id, text, kind) in vocab.iter() {
            let user_defined = kind == Kind::UserDefined;
            if let Some(start) = start(text.as_bytes())
                && (user_defined || !kind.is_from_text())
            {
                tokens.insert(text.into(), Special { id, user_defined, strips_right: strips_right(text) });
                lengths.entry(start).or_default().push(text.len());
            }
        }
        for lengths in lengths.values_mut() {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        Self { tokens, lengths }
    }

    /// The longest special token that `text` begins with.
    fn at_start(&self, text: &str, parse_special: bool) -> Option<(&str, Special)> {
        let bytes = text.as_bytes();
        let both = start(bytes)?;
        [both, [both[0], 0]]
            .iter()
            .take(if both[1] == 0 { 1 } else { 2 })
            .filter_map(|start| self.lengths.get(start))
            .flatten()
            .filter_map(|&length| self.tokens.get_key_value(text.get(..length)?))
            .map(|(text, &special)| (&**text, special))
            .find(|(_, special)| parse_special || special.user_defined)
    }

    /// The special tokens of `text` and where they begin: the leftmost, of those that begin there the longest.
    fn find<'a>(
        &'a self,
        text: &'a str,
        parse_special: bool,
    ) -> impl Iterator<Item = (usize, &'a str, Special)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(c) = text[at..].chars().next() {
                let here = at;
                if let Some((token, special)) = self.at_start(&text[here..], parse_special) {
                    at += token.len();
                    return Some((here, token, special));
                }
                at += c.len_utf8();
            }
            None
        })
    }

    /// `text` as plain text wherever it is put: its control tokens are broken by guards, which [`without_guards`]
    /// takes out again.
    pub(super) fn guard(&self, text: &str) -> String {
        let mut text = without_guards(text).into_owned();
        // Breaking one token may uncover another that overlaps it; each pass adds guards where there were none.
        loop {
            let control = self.find(&text, true).filter(|(_, _, special)| !special.user_defined);
            // One character cannot be broken.
            let broken = control.filter(|(_, token, _)| token.chars().nth(1).is_some());
            let mut guarded = String::new();
            let mut done = 0;
            for (start, token, _) in broken {
                let end = start + token.chars().next().map_or(0, char::len_utf8);
                guarded.push_str(&text[done..end]);
                guarded.push(GUARD);
                done = end;
            }
            if done == 0 {
                return text;
            }
            guarded.push_str(&text[done..]);
            text = guarded;
        }
    }

    /// Cuts `text` at its special tokens and hands the pieces over in order. Without `parse_special` only
    /// user-defined tokens are seen.
    pub(super) fn split<'a>(&self, text: &'a str, parse_special: bool, mut piece: impl FnMut(Piece<'a>)) {
        let mut at = 0;
        for (start, token, special) in self.find(text, parse_special) {
            if at < start {
                piece(Piece::Text(&text[at..start]));
            }
            piece(Piece::Token(special.id));
            at = start + token.len();
            if special.strips_right {
                let space = |c| matches!(c, ' ' | '\t'..='\r');
                at = text.len() - text[at..].trim_start_matches(space).len();
            }
        }
        if at < text.len() {
            piece(Piece::Text(&text[at..]));
        }
    }
}

/// The first two bytes.
fn start(text: &[u8]) -> Option<[u8; 2]> {
    Some([*text.first()?, text.get(1).copied().unwrap_or(0)])
}

/// `text` without its guards.
pub(super) fn without_guards(text: &str) -> Cow<'_, str> {
    if text.contains(GUARD) { Cow::Owned(text.replace(GUARD, "")) } else { Cow::Borrowed(text) }
}
