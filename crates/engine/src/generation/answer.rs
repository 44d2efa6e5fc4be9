//! Takes an answer apart into text, reasoning and tool calls while it is written.

use linnet_text::{ChatEnd, ChatEvent, ChatParser, IdStyle};
use serde::Serialize;

use super::stop::StopMatcher;

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

/// Reads the text of an answer. Without a parser all of it is text.
pub(crate) struct AnswerReader {
    stop: StopMatcher,
    parser: Option<ChatParser>,
    calls: Calls,
    /// What the start of the answer, which the prompt contains, has added.
    begun: Delta,
}

impl AnswerReader {
    /// A reader for a text.
    pub(crate) fn of_text(stops: &[String]) -> Self {
        Self::new(stops, None, Calls::new(IdStyle::Any, 0, usize::MAX))
    }

    /// A reader for the answer of a chat. `start` is its text in the prompt.
    pub(crate) fn of_chat(stops: &[String], parser: ChatParser, calls: Calls, start: &str) -> Self {
        let mut reader = Self::new(stops, Some(parser), calls);
        reader.begun = reader.parse(start);
        reader
    }

    fn new(stops: &[String], parser: Option<ChatParser>, calls: Calls) -> Self {
        AnswerReader { stop: StopMatcher::new(stops), parser, calls, begun: Delta::default() }
    }

    /// Reads the next text; returns what it adds, and whether a stop string or the last allowed call has ended
    /// the answer.
    pub(crate) fn push(&mut self, text: &str) -> (Delta, bool) {
        let (text, stopped) = self.stop.push(text);
        (self.parse(&text), stopped || self.calls.are_done())
    }

    /// Reads the last text; returns what it adds. Afterwards there is nothing more.
    pub(crate) fn finish(&mut self, text: &str, end: ChatEnd) -> Delta {
        let (mut text, _) = self.stop.push(text);
        text.push_str(&self.stop.finish());
        let mut delta = self.parse(&text);
        if let Some(mut parser) = self.parser.take() {
            parser.finish(end, &mut |event| self.calls.add(&mut delta, event));
        }
        delta
    }

    /// Whether the text so far ends within reasoning.
    pub(crate) fn is_reasoning(&self) -> bool {
        self.parser.as_ref().is_some_and(ChatParser::is_reasoning)
    }

    /// Whether the answer calls a tool.
    pub(crate) fn calls_tools(&self) -> bool {
        !self.calls.ids.is_empty()
    }

    fn parse(&mut self, text: &str) -> Delta {
        let mut delta = std::mem::take(&mut self.begun);
        match &mut self.parser {
            Some(parser) => parser.push(text, &mut |event| self.calls.add(&mut delta, event)),
            None => delta.text.push_str(text),
        }
        delta
    }
}

/// The calls of an answer.
pub(crate) struct Calls {
    style: IdStyle,
    /// Differs between answers.
    seed: u64,
    /// The most calls that the request allows.
    most: usize,
    /// The id of each call so far.
    ids: Vec<String>,
    /// Number of calls that have ended.
    ended: usize,
}

impl Calls {
    pub(crate) fn new(style: IdStyle, seed: u64, most: usize) -> Self {
        Calls { style, seed, most, ids: Vec::new(), ended: 0 }
    }

    fn are_done(&self) -> bool {
        self.ended >= self.most
    }

    /// Adds what the parser found. What follows the last allowed call is left out.
    fn add(&mut self, delta: &mut Delta, event: ChatEvent<'_>) {
        if self.are_done() {
            return;
        }
        match event {
            ChatEvent::Content(text) => delta.text.push_str(text),
            ChatEvent::Reasoning(text) => delta.reasoning.push_str(text),
            ChatEvent::CallBegun { index, name, id } => {
                let own = id.filter(|id| self.ids.iter().all(|other| other != id));
                let id = own.map_or_else(|| self.id_of(index, name), str::to_owned);
                self.ids.push(id.clone());
                let (id, name) = (Some(id), Some(name.to_owned()));
                delta.tool_calls.push(ToolCallDelta { index, id, name, arguments: String::new() });
            }
            ChatEvent::Arguments { index, text } => match delta.tool_calls.last_mut() {
                Some(piece) if piece.index == index => piece.arguments.push_str(text),
                _ => {
                    let arguments = text.to_owned();
                    delta.tool_calls.push(ToolCallDelta { index, id: None, name: None, arguments });
                }
            },
            ChatEvent::CallEnded { .. } => self.ended += 1,
        }
    }

    /// The id of a call to which the model gives none.
    fn id_of(&self, index: usize, name: &str) -> String {
        match self.style {
            IdStyle::NameAndIndex => format!("functions.{name}:{index}"),
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
    use linnet_text::{ChatFormat, ChatParser, IdStyle};
    use serde_json::json;

    use super::*;

    fn reader(stops: &[&str], start: &str, most: usize) -> AnswerReader {
        let tools = json!([{ "type": "function", "function": { "name": "f", "parameters": {} } }]);
        let parser = ChatParser::new(&ChatFormat::generic(), Some(&tools), false);
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        AnswerReader::of_chat(&stops, parser, Calls::new(IdStyle::Any, 7, most), start)
    }

    fn whole(reader: &mut AnswerReader, text: &str) -> Delta {
        let mut delta = Delta::default();
        let mut add = |piece: Delta| {
            delta.text += &piece.text;
            delta.reasoning += &piece.reasoning;
            for call in piece.tool_calls {
                match call.id {
                    Some(_) => delta.tool_calls.push(call),
                    None => delta.tool_calls[call.index].arguments += &call.arguments,
                }
            }
        };
        for c in text.chars() {
            let (piece, ended) = reader.push(&c.to_string());
            add(piece);
            if ended {
                break;
            }
        }
        add(reader.finish("", ChatEnd::Stopped));
        delta
    }

    #[test]
    fn a_call_has_an_id_a_name_and_arguments() {
        let mut reader = reader(&[], "", 9);
        let call = r#"<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>"#;
        let delta = whole(&mut reader, &format!("Hi {call}{call}"));
        assert_eq!(delta.text.trim_end(), "Hi");
        let ids: Vec<&str> = delta.tool_calls.iter().filter_map(|call| call.id.as_deref()).collect();
        assert!(ids.len() == 2 && ids[0] != ids[1] && ids.iter().all(|id| id.len() == 21), "{ids:?}");
        for call in &delta.tool_calls {
            assert_eq!((call.name.as_deref(), call.arguments.as_str()), (Some("f"), r#"{"a": 1}"#));
        }
        assert!(reader.calls_tools());
    }

    #[test]
    fn the_start_of_a_call_may_be_in_the_prompt() {
        let format = ChatFormat::generic();
        let start = format.call_start(Some("f")).unwrap();
        let delta = whole(&mut reader(&[], &start, 9), "{\"a\": 1}}\n</tool_call>");
        let call = &delta.tool_calls[0];
        assert_eq!((call.name.as_deref(), call.arguments.as_str()), (Some("f"), "{\"a\": 1}"));
        assert_eq!(delta.text, "");
    }

    #[test]
    fn a_text_is_not_parsed() {
        let mut reader = AnswerReader::of_text(&["END".to_owned()]);
        let text = "<think>a</think><tool_call>";
        assert_eq!(whole(&mut reader, &format!("{text}END and more")).text, text);
    }

    #[test]
    fn an_answer_ends_after_the_calls_that_are_allowed() {
        let call = r#"<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>"#;
        let mut reader = reader(&[], "", 1);
        let delta = whole(&mut reader, &format!("{call}\n{call} and more"));
        assert_eq!((delta.tool_calls.len(), delta.text.as_str()), (1, ""));
        assert_eq!(delta.tool_calls[0].arguments, r#"{"a": 1}"#);
    }

    #[test]
    fn ids_are_those_of_the_model_if_they_differ() {
        let mut calls = Calls::new(IdStyle::Any, 7, 9);
        let mut delta = Delta::default();
        for (index, id) in [Some("1"), Some("1"), None].into_iter().enumerate() {
            calls.add(&mut delta, ChatEvent::CallBegun { index, name: "f", id });
            calls.add(&mut delta, ChatEvent::CallEnded { index, id, valid: true });
        }
        assert!(calls.ids[0] == "1" && calls.ids[1].starts_with("call_"), "{:?}", calls.ids);
        assert_ne!(calls.ids[1], calls.ids[2]);
    }

    #[test]
    fn ids_have_the_form_that_a_template_wants() {
        let calls = |style, seed| Calls::new(style, seed, 9);
        assert_eq!(calls(IdStyle::NameAndIndex, 1).id_of(2, "f"), "functions.f:2");
        let nine = calls(IdStyle::NineAlphanumeric, 1).id_of(0, "f");
        assert!(nine.len() == 9 && nine.bytes().all(|b| b.is_ascii_alphanumeric()), "{nine}");
        assert_ne!(nine, calls(IdStyle::NineAlphanumeric, 2).id_of(0, "f"));
    }
}
