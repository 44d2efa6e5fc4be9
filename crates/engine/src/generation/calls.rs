//! The tool calls of an answer, and what each token adds to it.

use std::collections::VecDeque;

use linnet_text::{ChatEvent, IdStyle};
use serde::Serialize;

use crate::chat::numbered_id;

/// What a token adds to an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Delta {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) tool_calls: Vec<ToolCallDelta>,
}

/// A piece of a tool call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ToolCallDelta {
    /// Its place among the answer's calls.
    pub index: usize,
    /// The call's id; present in its first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub id: Option<String>,
    /// The function's name; present in its first piece only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub name: Option<String>,
    /// More of the arguments' JSON text, possibly empty.
    pub arguments: String,
}

/// The calls of an answer.
pub(crate) struct Calls {
    style: IdStyle,
    /// Differs between answers.
    seed: u64,
    /// Number of calls earlier in the conversation.
    before: usize,
    /// The most calls that the request allows.
    most: usize,
    /// The id of each call so far.
    ids: Vec<String>,
    /// Number of calls that have ended.
    ended: usize,
    /// Whether the model writes the id of a call after its name. Then a call is complete before it is added,
    /// because its first piece has the id.
    late_ids: bool,
    waiting: Option<ToolCallDelta>,
}

impl Calls {
    pub(crate) fn new(style: IdStyle, seed: u64, most: usize) -> Self {
        Calls { style, seed, before: 0, most, ids: Vec::new(), ended: 0, late_ids: false, waiting: None }
    }

    /// Sets the number of calls earlier in the conversation.
    pub(crate) fn after(self, before: usize) -> Self {
        Calls { before, ..self }
    }

    /// Sets whether the model writes the id of a call after its name.
    pub(crate) fn with_late_ids(self, late_ids: bool) -> Self {
        Calls { late_ids, ..self }
    }

    /// Whether there has been no call.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether all calls that the request allows have ended.
    pub(super) fn are_done(&self) -> bool {
        self.ended >= self.most
    }

    /// Adds what the parser found. What follows the last allowed call is left out.
    pub(super) fn add(&mut self, deltas: &mut VecDeque<Delta>, event: ChatEvent<'_>) {
        if self.are_done() {
            return;
        }
        let is_text = matches!(event, ChatEvent::Content(_) | ChatEvent::Reasoning(_));
        if deltas.back().is_none_or(|last| is_text && !last.tool_calls.is_empty()) {
            deltas.push_back(Delta::default());
        }
        let Some(delta) = deltas.back_mut() else { return };
        match event {
            ChatEvent::Content(text) => delta.text.push_str(text),
            ChatEvent::Reasoning(text) => delta.reasoning.push_str(text),
            ChatEvent::CallBegun { index, name, id } => {
                let name = Some(name.to_owned());
                let mut call = ToolCallDelta { index, id: None, name, arguments: String::new() };
                if id.is_none() && self.late_ids {
                    self.waiting = Some(call);
                } else {
                    self.give_id(&mut call, id);
                    delta.tool_calls.push(call);
                }
            }
            ChatEvent::Arguments { index, text } => {
                match self.waiting.as_mut().or_else(|| delta.tool_calls.last_mut()) {
                    Some(piece) if piece.index == index => piece.arguments.push_str(text),
                    _ => {
                        let arguments = text.to_owned();
                        delta.tool_calls.push(ToolCallDelta { index, id: None, name: None, arguments });
                    }
                }
            }
            ChatEvent::CallEnded { id, .. } => {
                if let Some(mut call) = self.waiting.take() {
                    self.give_id(&mut call, id);
                    delta.tool_calls.push(call);
                }
                self.ended += 1;
            }
        }
    }

    /// Gives a call the model's id, if the template accepts it and no other call has it, or one of ours.
    fn give_id(&mut self, call: &mut ToolCallDelta, id: Option<&str>) {
        let own = id.filter(|id| self.style.accepts(id) && self.ids.iter().all(|other| other != id));
        let name = call.name.as_deref().unwrap_or_default();
        let id = own.map_or_else(|| self.id_of(call.index, name), str::to_owned);
        self.ids.push(id.clone());
        call.id = Some(id);
    }

    /// The id of a call to which the model gives none.
    fn id_of(&self, index: usize, name: &str) -> String {
        match self.style {
            IdStyle::NameAndIndex => numbered_id(self.style, name, self.before + index),
            IdStyle::NineAlphanumeric => self.letters(index, 9),
            IdStyle::Any => format!("call_{}", self.letters(index, 16)),
        }
    }

    /// Letters and digits that look random (SplitMix64).
    fn letters(&self, index: usize, count: usize) -> String {
        const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut state = self.seed ^ (index as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
        let next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            char::from(LETTERS[((mixed ^ (mixed >> 31)) % 62) as usize])
        };
        std::iter::repeat_with(next).take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(calls: &mut Calls, events: &[ChatEvent<'_>]) -> Vec<ToolCallDelta> {
        let mut deltas = VecDeque::new();
        events.iter().for_each(|event| calls.add(&mut deltas, *event));
        deltas.into_iter().flat_map(|delta| delta.tool_calls).collect()
    }

    #[test]
    fn ids_are_those_of_the_model_if_they_differ() {
        let mut calls = Calls::new(IdStyle::Any, 7, 9);
        for (index, id) in [Some("1"), Some("1"), None].into_iter().enumerate() {
            let events = [
                ChatEvent::CallBegun { index, name: "f", id },
                ChatEvent::CallEnded { index, id, valid: true },
            ];
            added(&mut calls, &events);
        }
        assert!(calls.ids[0] == "1" && calls.ids[1].starts_with("call_"), "{:?}", calls.ids);
        assert_ne!(calls.ids[1], calls.ids[2]);
    }

    #[test]
    fn a_call_waits_for_an_id_that_follows_its_name() {
        for (written, kept) in [("a1B2c3D4e", true), ("a1", false)] {
            let mut calls = Calls::new(IdStyle::NineAlphanumeric, 7, 9).with_late_ids(true);
            let begun = ChatEvent::CallBegun { index: 0, name: "f", id: None };
            assert_eq!(added(&mut calls, &[begun, ChatEvent::Arguments { index: 0, text: "{" }]), []);
            let ended = ChatEvent::CallEnded { index: 0, id: Some(written), valid: true };
            let call = &added(&mut calls, &[ChatEvent::Arguments { index: 0, text: "}" }, ended])[0];
            assert_eq!((call.name.as_deref(), call.arguments.as_str()), (Some("f"), "{}"));
            assert_eq!(call.id.as_deref() == Some(written), kept);
            assert_eq!(call.id.as_ref().map(String::len), Some(9));
        }
    }

    #[test]
    fn ids_have_the_form_that_a_template_wants() {
        let calls = |style, seed| Calls::new(style, seed, 9);
        assert_eq!(calls(IdStyle::NameAndIndex, 1).after(3).id_of(2, "f"), "functions.f:5");
        let nine = calls(IdStyle::NineAlphanumeric, 1).id_of(0, "f");
        assert!(nine.len() == 9 && nine.bytes().all(|b| b.is_ascii_alphanumeric()), "{nine}");
        assert_ne!(nine, calls(IdStyle::NineAlphanumeric, 2).id_of(0, "f"));
    }
}
