//! What a parser reads from an answer.

use linnet_text::{ChatEnd, ChatEvent, ChatParser};

/// A tool call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    pub name: String,
    pub id: Option<String>,
    pub arguments: String,
    /// Whether it ended, and as valid.
    pub valid: Option<bool>,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    pub content: String,
    pub reasoning: String,
    pub calls: Vec<Call>,
    /// Events that do not belong to the latest call.
    pub stray: usize,
}

impl Turn {
    /// Reads the pieces of an answer. Each event only adds to the turn, so nothing is taken back.
    pub fn read<'a>(mut parser: ChatParser, pieces: impl IntoIterator<Item = &'a str>, end: ChatEnd) -> Self {
        let mut turn = Turn::default();
        for piece in pieces {
            parser.push(piece, &mut |event| turn.add(event));
        }
        parser.finish(end, &mut |event| turn.add(event));
        turn
    }

    /// Whether each call begins after the one before it has ended, and ends.
    pub fn is_well_formed(&self) -> bool {
        self.stray == 0 && self.calls.iter().all(|call| call.valid.is_some())
    }

    /// Adds an event.
    pub fn add(&mut self, event: ChatEvent<'_>) {
        match event {
            ChatEvent::Content(text) => self.content.push_str(text),
            ChatEvent::Reasoning(text) => self.reasoning.push_str(text),
            ChatEvent::CallBegun { index, name, id } => {
                let follows = index == self.calls.len() && self.is_well_formed();
                self.stray += usize::from(!follows);
                let id = id.map(str::to_owned);
                self.calls.push(Call { name: name.to_owned(), id, ..Call::default() });
            }
            ChatEvent::Arguments { index, text } => match self.open_call(index) {
                Some(call) => call.arguments.push_str(text),
                None => self.stray += 1,
            },
            ChatEvent::CallEnded { index, id, valid } => match self.open_call(index) {
                Some(call) => {
                    call.id = id.map(str::to_owned);
                    call.valid = Some(valid);
                }
                None => self.stray += 1,
            },
        }
    }

    fn open_call(&mut self, index: usize) -> Option<&mut Call> {
        let is_last = index + 1 == self.calls.len();
        self.calls.last_mut().filter(|call| is_last && call.valid.is_none())
    }
}
