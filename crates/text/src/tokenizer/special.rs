//! Finds special tokens in text: control tokens on request, user-defined tokens always.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::vocab::{Kind, Vocab};

/// In prompts, keeps its neighbours from forming a token where [`SpecialTokens::guard`] inserts it. In answers,
/// precedes control tokens. It is a noncharacter, which Unicode reserves for internal use.
pub(crate) const GUARD: char = '\u{FDD0}';

/// The tokens that structure a prompt: all control tokens, and the user-defined tokens that are marks of a
/// chat format. Made by [`Tokenizer::marks`](crate::Tokenizer::marks).
#[derive(Clone, Debug, Default)]
pub struct PromptMarks {
    /// Ids of those that are user-defined, sorted.
    user_defined: Vec<u32>,
    /// Their indices in [`SpecialTokens`], sorted.
    indices: Vec<usize>,
    /// Length in bytes of the longest.
    longest: usize,
}

impl PromptMarks {
    fn has(&self, token: &Special) -> bool {
        !token.user_defined || self.user_defined.binary_search(&token.id).is_ok()
    }
}

/// Options for guarding a text.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardOptions<'a> {
    /// The tokens that are guarded; `None` for the control tokens.
    pub marks: Option<&'a PromptMarks>,
    /// Those that are part of one of these texts are not guarded.
    pub keep: &'a [String],
    /// Guards every possible position, so that no change of the text (another case, pieces removed or joined
    /// with other texts) can spell a mark. Searching the guarded text may fail, except for these
    /// sorted strings.
    pub everywhere: Option<&'a [String]>,
}

/// A piece of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece<'a> {
    /// Plain text, never empty.
    Text(&'a str),
    /// A token.
    Token(u32),
}

/// The special tokens of a vocabulary.
#[derive(Debug)]
pub(super) struct SpecialTokens {
    /// Sorted by text: tokens with a common prefix are neighbours, shorter ones first.
    tokens: Vec<Special>,
    /// The range of tokens that start with these two bytes (0 as the second byte of a one-byte token): most
    /// positions of a text need only this.
    starts: HashMap<[u8; 2], Range<usize>>,
    /// Those that are not user-defined.
    controls: PromptMarks,
    /// Whether some token starts with this byte.
    first_bytes: [bool; 256],
}

#[derive(Clone, Debug)]
struct Special {
    text: Box<str>,
    id: u32,
    /// Also found without `parse_special`.
    user_defined: bool,
    /// Includes the whitespace after it.
    strips_right: bool,
}

impl Special {
    fn len(&self) -> usize {
        self.text.len()
    }
}

impl SpecialTokens {
    /// The special tokens of `vocab`; `strips_right` says which include the whitespace after them.
    pub(super) fn of(vocab: &Vocab, strips_right: impl Fn(&str) -> bool) -> Self {
        let mut tokens: Vec<Special> = vocab
            .iter()
            .map(|(id, text, kind)| (id, text, kind, kind == Kind::UserDefined))
            .filter(|(_, text, kind, user_defined)| {
                !text.is_empty() && (*user_defined || !kind.is_from_text())
            })
            .map(|(id, text, _, user_defined)| Special {
                text: text.into(),
                id,
                user_defined,
                strips_right: strips_right(text),
            })
            .collect();
        // Of two with the same text, the later one.
        tokens.sort_by(|a, b| a.text.cmp(&b.text).then(b.id.cmp(&a.id)));
        tokens.dedup_by(|later, first| later.text == first.text);
        let mut starts = HashMap::new();
        for (at, token) in tokens.iter().enumerate() {
            if let Some(start) = start(token.text.as_bytes()) {
                starts.entry(start).or_insert(at..at).end = at + 1;
            }
        }
        let mut first_bytes = [false; 256];
        tokens
            .iter()
            .filter_map(|token| token.text.bytes().next())
            .for_each(|b| first_bytes[usize::from(b)] = true);
        let mut special = Self { tokens, starts, controls: PromptMarks::default(), first_bytes };
        special.controls = special.marks("");
        special
    }

    /// The control tokens, and the user-defined tokens in `text` that look like marks.
    pub(super) fn marks(&self, text: &str) -> PromptMarks {
        let found = self.find(text, true).map(|(_, token)| token);
        let mut user_defined: Vec<u32> =
            found.filter(|token| token.user_defined && is_mark(&token.text)).map(|token| token.id).collect();
        user_defined.sort_unstable();
        user_defined.dedup();
        let mut marks = PromptMarks { user_defined, ..PromptMarks::default() };
        marks.indices = (0..self.tokens.len()).filter(|&index| marks.has(&self.tokens[index])).collect();
        marks.longest = marks.indices.iter().map(|&index| self.tokens[index].len()).max().unwrap_or(0);
        marks
    }

    /// Advances `at` to the next possible start of a token, and returns the character there.
    fn next_start(&self, text: &str, at: &mut usize) -> Option<char> {
        let rest = text.as_bytes().get(*at..)?;
        // No token starts inside a character.
        *at += rest.iter().position(|byte| self.first_bytes[usize::from(*byte)])?;
        text[*at..].chars().next()
    }

    /// Whether `text` ends with the start of a mark, which the next text could complete.
    fn ends_within(&self, marks: &PromptMarks, text: &str) -> bool {
        let from = text.len().saturating_sub(marks.longest.saturating_sub(1));
        (from..text.len()).filter_map(|at| text.get(at..)).any(|tail| {
            let after = marks.indices.partition_point(|&at| *self.tokens[at].text <= *tail);
            marks.indices.get(after).is_some_and(|&at| self.tokens[at].text.starts_with(tail))
        })
    }

    /// The longest wanted token at the start of `text`.
    fn at_start(&self, text: &str, wanted: impl Fn(&Special) -> bool) -> Option<&Special> {
        let bytes = text.as_bytes();
        let mut found = None;
        let both = start(bytes)?;
        // A one-byte token sorts before those that continue it.
        let starts = [[both[0], 0], both];
        for start in &starts[if both[1] == 0 { 1 } else { 0 }..] {
            let Some(range) = self.starts.get(start) else { continue };
            let mut tokens = &self.tokens[range.clone()];
            // All of `tokens` share the first `depth` bytes with the text. (The second may be 0, which means
            // none.)
            let mut depth = 1;
            while let Some(first) = tokens.first() {
                if first.len() == depth {
                    found = Some(first).filter(|token| wanted(token)).or(found);
                    tokens = &tokens[1..];
                    continue;
                }
                let Some(&byte) = bytes.get(depth) else { break };
                let of = |token: &Special| token.text.as_bytes().get(depth).copied();
                let from = tokens.partition_point(|token| of(token) < Some(byte));
                let to = from + tokens[from..].partition_point(|token| of(token) == Some(byte));
                tokens = &tokens[from..to];
                depth += 1;
            }
        }
        found
    }

    /// The special tokens of `text` and their positions: leftmost first, the longest at each position.
    fn find(&self, text: &str, parse_special: bool) -> impl Iterator<Item = (usize, &Special)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(c) = self.next_start(text, &mut at) {
                let here = at;
                let wanted = |token: &Special| parse_special || token.user_defined;
                if let Some(special) = self.at_start(&text[here..], wanted) {
                    at += special.len();
                    return Some((here, special));
                }
                at += c.len_utf8();
            }
            None
        })
    }

    /// Makes `text` plain text in any context: guards break its marks, also those that later text would
    /// complete, and [`without_guards`] removes the guards. Other user-defined tokens stay whole, because plain
    /// text has them, too.
    pub(super) fn guard<'t>(&self, text: &'t str, options: GuardOptions<'_>) -> Cow<'t, str> {
        let marks = options.marks.unwrap_or(&self.controls);
        let text = without_guards(text);
        // Copies only if there is something to guard.
        let mut guarded: Option<String> = None;
        let mut copied = 0;
        let mut guard_at = |at: usize| {
            if at == copied {
                return;
            }
            let out = guarded.get_or_insert_with(|| String::with_capacity(text.len() + text.len() / 16));
            out.push_str(&text[copied..at]);
            out.push(GUARD);
            copied = at;
        };
        // The end of a string that stays whole.
        let mut unbroken = 0;
        let mut everywhere = |at: usize, end: usize, whole: &[String]| {
            unbroken = unbroken.max(at + longest_prefix(whole, &text[at..]));
            // A guard after whitespace would keep templates from trimming it.
            if end < unbroken || text[at..end].chars().all(char::is_whitespace) {
                return false;
            }
            // Templates trim after strings that they search for, or the text ends there.
            let before_space = text[end..].chars().next().is_none_or(char::is_whitespace);
            end != unbroken || !before_space || self.ends_within(marks, &text[..end])
        };
        let next = |at: &mut usize| match options.everywhere {
            Some(_) => text[*at..].chars().next(),
            None => self.next_start(&text, at),
        };
        let mut at = 0;
        while let Some(c) = next(&mut at) {
            let plain = self.at_start(&text[at..], |token| !marks.has(token));
            let end = at + plain.map_or(c.len_utf8(), Special::len);
            let mark = self.at_start(&text[at..], |token| marks.has(token));
            let beyond = mark.filter(|mark| at + mark.len() > end);
            if let Some(mark) =
                beyond.filter(|mark| options.keep.iter().any(|kept| kept.contains(&*mark.text)))
            {
                at += mark.len();
                continue;
            }
            // A token that starts here and continues after the guard is no longer found. (One character
            // cannot be broken.)
            if beyond.is_some() || options.everywhere.is_some_and(|whole| everywhere(at, end, whole)) {
                guard_at(end);
            }
            at = end;
        }
        if self.ends_within(marks, &text) {
            guard_at(text.len());
        }
        match guarded {
            Some(mut out) => {
                out.push_str(&text[copied..]);
                Cow::Owned(out)
            }
            None => text,
        }
    }

    /// The marks of `text`.
    pub(super) fn find_marks(&self, text: &str, marks: &PromptMarks) -> Vec<u32> {
        let found = self.find(text, true).filter(|(_, special)| marks.has(special));
        found.map(|(_, special)| special.id).collect()
    }

    /// Splits `text` at its special tokens and passes on the pieces in order, as long as `piece` returns
    /// true. Without `parse_special`, only user-defined tokens count.
    pub(super) fn split<'a>(
        &self,
        text: &'a str,
        parse_special: bool,
        mut piece: impl FnMut(Piece<'a>) -> bool,
    ) {
        let mut at = 0;
        for (start, special) in self.find(text, parse_special) {
            if at < start && !piece(Piece::Text(&text[at..start])) || !piece(Piece::Token(special.id)) {
                return;
            }
            at = start + special.len();
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

/// Whether a token looks like a mark, unlike white space, words and other signs.
fn is_mark(text: &str) -> bool {
    text.len() > 2 && text.contains(['<', '>', '[', ']'])
}

/// The first two bytes; 0 as the second one of a one-byte text.
fn start(text: &[u8]) -> Option<[u8; 2]> {
    Some([*text.first()?, text.get(1).copied().unwrap_or(0)])
}

/// Length in bytes of the longest of the sorted `texts` that `text` starts with, or 0.
fn longest_prefix(texts: &[String], text: &str) -> usize {
    let (mut longest, mut depth, mut texts) = (0, 0, texts);
    // All of `texts` share the first `depth` bytes with the text.
    while let Some(first) = texts.first() {
        if first.len() == depth {
            longest = depth;
            texts = &texts[1..];
            continue;
        }
        let Some(&byte) = text.as_bytes().get(depth) else { break };
        let of = |text: &String| text.as_bytes().get(depth).copied();
        let from = texts.partition_point(|text| of(text) < Some(byte));
        let to = from + texts[from..].partition_point(|text| of(text) == Some(byte));
        texts = &texts[from..to];
        depth += 1;
    }
    longest
}

/// `text` without its guards.
pub(super) fn without_guards(text: &str) -> Cow<'_, str> {
    if text.contains(GUARD) { Cow::Owned(text.replace(GUARD, "")) } else { Cow::Borrowed(text) }
}
