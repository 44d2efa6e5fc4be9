//! Finds the unfinished word in a text, and the tokens that match it.

use linnet_text::{EncodeOptions, Tokenizer, is_in_word};

/// What a word must start with.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The start of the following text: the part that was cut off.
    pub(super) typed: String,
    /// The part of `typed` that belongs to the word.
    pub(super) begun: String,
    /// Whether a space may precede the word.
    pub(super) space: bool,
}

/// How a token continues a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fit<'t> {
    /// Bytes of the typed text that it and the previous tokens cover.
    pub(super) covered: usize,
    /// What it adds to the typed text.
    pub(super) added: &'t str,
}

impl Target {
    /// How a token with this text continues after `covered` bytes of the typed text, with `text` after all of
    /// it; `None` if it does not match.
    pub(super) fn fit<'t>(&self, covered: usize, text: &str, token: &'t str) -> Option<Fit<'t>> {
        let left = self.typed.get(covered..)?;
        let mut rest = token.chars();
        for (at, typed) in left.char_indices() {
            match rest.next() {
                Some(c) if c == typed || c.to_lowercase().eq(typed.to_lowercase()) => {}
                Some(_) => return None,
                None if at > 0 => return Some(Fit { covered: covered + at, added: "" }),
                None => return None,
            }
        }
        let added = rest.as_str();
        let part =
            if self.space && text.is_empty() { added.strip_prefix(' ').unwrap_or(added) } else { added };
        let begins = match (self.begun.is_empty(), text.is_empty()) {
            (true, true) => part.starts_with(char::is_alphabetic),
            // The token may cover the end of the typed text.
            _ => !part.is_empty() || !left.is_empty(),
        };
        let fits = begins && part.chars().all(is_part);
        fits.then_some(Fit { covered: self.typed.len(), added })
    }
}

/// The text of a token, if it has one.
pub(super) fn text_of(token: u32, tokenizer: &Tokenizer) -> Option<&str> {
    if tokenizer.is_control(token) {
        return None;
    }
    std::str::from_utf8(tokenizer.token_bytes(token)?).ok()
}

/// Whether the previous word has ended before this token: it is a control token, or starts with a non-word
/// character.
pub(super) fn is_border(token: u32, tokenizer: &Tokenizer) -> bool {
    if tokenizer.is_control(token) || tokenizer.is_end_of_generation(token) {
        return true;
    }
    let first = text_of(token, tokenizer).and_then(|text| text.chars().next());
    first.is_some_and(|c| !is_part(c))
}

/// Whether tokenizing `typed` followed by the text of `tokens` gives `tokens` after those of `typed`. If
/// `typed` is empty, the text is that of `tokens`.
pub(super) fn is_spelled(typed: &str, tokens: &[u32], tokenizer: &Tokenizer) -> bool {
    // A leading new line keeps some vocabularies from adding a space.
    let encoded = |text: &str| tokenizer.encode(&format!("\n{text}"), EncodeOptions::default()).ok();
    let text: Option<String> = tokens.iter().map(|token| text_of(*token, tokenizer)).collect();
    let (Some(before), Some(text)) = (encoded(typed), text) else { return true };
    encoded(&format!("{typed}{text}")).is_none_or(|all| all.strip_prefix(before.as_slice()) == Some(tokens))
}

pub(super) const APOSTROPHES: [char; 2] = ['\'', '’'];

/// Whether a character occurs in words or between their letters.
fn is_part(c: char) -> bool {
    is_in_word(c) || APOSTROPHES.contains(&c)
}

/// Splits a text into the part before the unfinished word, the rest, and the word in it. A word's token
/// includes the space before it.
pub(super) fn cut(prefix: &str) -> (&str, &str, &str) {
    let begun = &prefix[prefix.trim_end_matches(is_part).len()..];
    let begun = begun.trim_start_matches(APOSTROPHES);
    let before = &prefix[..prefix.len() - begun.len()];
    let head = before.strip_suffix(' ').unwrap_or(before);
    (head, &prefix[head.len()..], begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_before_the_unfinished_word() {
        for (prefix, parts) in [
            ("", ("", "", "")),
            ("I am", ("I", " am", "am")),
            ("I am ", ("I am", " ", "")),
            ("I am  ", ("I am ", " ", "")),
            ("Hello,", ("Hello,", "", "")),
            ("(se", ("(", "se", "se")),
            ("He said: 'wha", ("He said: '", "wha", "wha")),
            ("I don't", ("I", " don't", "don't")),
            ("line\nNe", ("line\n", "Ne", "Ne")),
            ("die Brüc", ("die", " Brüc", "Brüc")),
        ] {
            assert_eq!(cut(prefix), parts, "{prefix:?}");
        }
    }

    fn target(typed: &str, begun: &str, space: bool) -> Target {
        Target { typed: typed.to_owned(), begun: begun.to_owned(), space }
    }

    #[test]
    fn tokens_fit_what_was_typed() {
        let begun = target(" wea", "wea", false);
        let whole = |added| Some(Fit { covered: 4, added });
        assert_eq!(begun.fit(0, "", " weather"), whole("ther"));
        assert_eq!(begun.fit(0, "", " Weather"), whole("ther"), "what was typed stays as it was");
        assert_eq!(begun.fit(0, "", " wea"), whole(""), "it may go on");
        assert_eq!(begun.fit(0, "", " we"), Some(Fit { covered: 3, added: "" }), "it is a part");
        assert_eq!(begun.fit(3, "", "Ather"), whole("ther"));
        assert_eq!(begun.fit(4, "", "ther"), whole("ther"));
        assert_eq!(begun.fit(4, "the", "r"), whole("r"));
        for (covered, text, token) in [
            (0, "", "weather"),
            (0, "", " wear."),
            (0, "", ""),
            (0, "", " wea r"),
            (4, "ther", ""),
            (4, "", " r"),
        ] {
            assert_eq!(begun.fit(covered, text, token), None, "{token:?}");
        }
        let space = target(" ", "", false);
        assert_eq!(space.fit(0, "", " the"), Some(Fit { covered: 1, added: "the" }));
        for token in [" (", "the", " 1"] {
            assert_eq!(space.fit(0, "", token), None, "{token:?}");
        }
        let comma = target("", "", true);
        for (token, added) in [(" and", " and"), ("and", "and")] {
            assert_eq!(comma.fit(0, "", token), Some(Fit { covered: 0, added }));
        }
        assert_eq!((comma.fit(0, "", "\n"), comma.fit(0, " and", " or")), (None, None));
    }
}
