//! Reads texts in all ways to divide them into pieces.

#[path = "../../../../tests/support/turn.rs"]
mod judge;

use linnet_text::{ChatEnd, ChatFormat, ChatParser};
use serde_json::Value;

pub use judge::Turn;

/// What a parser reads from `pieces`.
pub fn read<'a>(
    format: &ChatFormat,
    tools: Option<&Value>,
    inside_reasoning: bool,
    pieces: impl IntoIterator<Item = &'a str>,
    end: ChatEnd,
) -> Turn {
    let turn = Turn::read(ChatParser::new(format, tools, inside_reasoning), pieces, end);
    assert!(turn.is_well_formed(), "calls overlap, or one has no end: {turn:?}");
    turn
}

/// The text as one-character pieces.
pub fn characters(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()])
}

/// What a parser reads, which must not depend on the pieces.
pub fn read_all_ways(
    format: &ChatFormat,
    tools: Option<&Value>,
    inside_reasoning: bool,
    text: &str,
    end: ChatEnd,
) -> Turn {
    let read = |pieces: &[&str]| read(format, tools, inside_reasoning, pieces.iter().copied(), end);
    let whole = read(&[text]);
    let pieces: Vec<&str> = characters(text).collect();
    assert_eq!(read(&pieces), whole, "in characters: {text:?}");
    for (at, _) in text.char_indices() {
        assert_eq!(read(&[&text[..at], &text[at..]]), whole, "split at {at}: {text:?}");
    }
    whole
}
