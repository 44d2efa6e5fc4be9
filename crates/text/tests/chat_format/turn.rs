//! Collects a parser's events.

use linnet_text::{ChatEnd, ChatEvent, ChatFormat, ChatParser};
use serde_json::Value;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    pub name: String,
    pub id: Option<String>,
    pub arguments: String,
    /// Whether it ended, and as valid.
    pub valid: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    pub content: String,
    pub reasoning: String,
    pub calls: Vec<Call>,
}

impl Turn {
    pub fn add(&mut self, event: ChatEvent<'_>) {
        match event {
            ChatEvent::Content(text) => self.content.push_str(text),
            ChatEvent::Reasoning(text) => self.reasoning.push_str(text),
            ChatEvent::CallBegun { index, name, id } => {
                assert_eq!(index, self.calls.len());
                assert!(self.calls.iter().all(|call| call.valid.is_some()), "calls overlap");
                let id = id.map(str::to_owned);
                self.calls.push(Call { name: name.to_owned(), id, ..Call::default() });
            }
            ChatEvent::Arguments { index, text } => {
                assert_eq!(self.calls[index].valid, None);
                self.calls[index].arguments.push_str(text);
            }
            ChatEvent::CallEnded { index, id, valid } => {
                assert_eq!(self.calls[index].valid, None);
                self.calls[index].id = id.map(str::to_owned);
                self.calls[index].valid = Some(valid);
            }
        }
    }
}

/// What a parser reads from `pieces`.
pub fn read<'a>(
    format: &ChatFormat,
    tools: Option<&Value>,
    inside_reasoning: bool,
    pieces: impl IntoIterator<Item = &'a str>,
    end: ChatEnd,
) -> Turn {
    let mut parser = ChatParser::new(format, tools, inside_reasoning);
    let mut turn = Turn::default();
    for piece in pieces {
        parser.push(piece, &mut |event| turn.add(event));
    }
    parser.finish(end, &mut |event| turn.add(event));
    assert!(turn.calls.iter().all(|call| call.valid.is_some()), "a call has no end");
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
