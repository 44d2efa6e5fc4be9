//! Takes an answer apart into text, reasoning and tool calls while it is written.

use std::collections::VecDeque;

use linnet_text::{ChatEnd, ChatEvent, ChatParser, IdStyle};
use serde::Serialize;

use super::stop::StopMatcher;
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

/// Reads the text of an answer. Without a parser all of it is text.
pub(crate) struct AnswerReader {
    stop: StopMatcher,
    parser: Option<ChatParser>,
    calls: Calls,
    /// What was read, but not returned. The text of a delta comes before its calls, so a text after a call is in
    /// the next one.
    deltas: VecDeque<Delta>,
}

impl AnswerReader {
    /// A reader for a text.
    pub(crate) fn of_text(stops: &[String]) -> Self {
        Self::new(stops, None, Calls::new(IdStyle::Any, 0, usize::MAX))
    }

    /// A reader for the answer of a chat. `start` is its text in the prompt.
    pub(crate) fn of_chat(stops: &[String], parser: ChatParser, calls: Calls, start: &str) -> Self {
        let start = parser.guarded(start);
        let mut reader = Self::new(stops, Some(parser), calls);
        reader.read(&start);
        reader
    }

    fn new(stops: &[String], parser: Option<ChatParser>, calls: Calls) -> Self {
        AnswerReader { stop: StopMatcher::new(stops), parser, calls, deltas: VecDeque::new() }
    }

    /// Reads the next text; returns what it adds, and whether a stop string or the last allowed call has ended
    /// the answer.
    pub(crate) fn push(&mut self, text: &str) -> (Delta, bool) {
        self.read(text);
        (self.deltas.pop_front().unwrap_or_default(), self.stop.is_hit() || self.calls.are_done())
    }

    /// Reads the last text; returns what it adds. Afterwards there is nothing more.
    pub(crate) fn finish(&mut self, text: &str, end: ChatEnd) -> Delta {
        self.read(text);
        let Self { stop, parser, calls, deltas } = self;
        if let Some(mut parser) = parser.take() {
            parser.finish(end, &mut |event| add(stop, calls, deltas, event));
        }
        add_text(calls, deltas, &stop.finish());
        deltas.drain(..).fold(Delta::default(), |mut all, delta| {
            all.text += &delta.text;
            all.reasoning += &delta.reasoning;
            all.tool_calls.extend(delta.tool_calls);
            all
        })
    }

    /// Whether the text so far ends within reasoning.
    pub(crate) fn is_reasoning(&self) -> bool {
        self.parser.as_ref().is_some_and(ChatParser::is_reasoning)
    }

    /// Whether the answer calls a tool.
    pub(crate) fn calls_tools(&self) -> bool {
        !self.calls.ids.is_empty()
    }

    fn read(&mut self, text: &str) {
        let Self { stop, parser, calls, deltas } = self;
        match parser {
            Some(parser) => parser.push(text, &mut |event| add(stop, calls, deltas, event)),
            None => add(stop, calls, deltas, ChatEvent::Content(text)),
        }
    }
}

/// Adds what the parser found. Only the text counts for stop strings, because reasoning repeats the question
/// and arguments may contain anything.
fn add(stop: &mut StopMatcher, calls: &mut Calls, deltas: &mut VecDeque<Delta>, event: ChatEvent<'_>) {
    match event {
        ChatEvent::Content(text) => add_text(calls, deltas, &stop.push(text).0),
        _ if stop.is_hit() => {}
        event => {
            // No stop string begins before and ends after it.
            add_text(calls, deltas, &stop.finish());
            calls.add(deltas, event);
        }
    }
}

fn add_text(calls: &mut Calls, deltas: &mut VecDeque<Delta>, text: &str) {
    if !text.is_empty() {
        calls.add(deltas, ChatEvent::Content(text));
    }
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

    fn are_done(&self) -> bool {
        self.ended >= self.most
    }

    /// Adds what the parser found. What follows the last allowed call is left out.
    fn add(&mut self, deltas: &mut VecDeque<Delta>, event: ChatEvent<'_>) {
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
    use linnet_text::{ChatFormat, ChatParser, IdStyle, Marks, ReasoningFormat};
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
        let start = format.call_start(Some("f"), &|_| String::new()).unwrap();
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
    fn stop_strings_match_only_the_text() {
        let reasoning = ReasoningFormat {
            marks: Marks::new("<think>", "</think>"),
            prompt_opens: false,
            anywhere: false,
        };
        let format = ChatFormat { reasoning: Some(reasoning), ..ChatFormat::generic() };
        let read = |text: &str| {
            let tools = json!([{ "type": "function", "function": { "name": "f", "parameters": {} } }]);
            let parser = ChatParser::new(&format, Some(&tools), false);
            let stops = ["Stop".to_owned(), "\n".to_owned()];
            let mut reader = AnswerReader::of_chat(&stops, parser, Calls::new(IdStyle::Any, 7, 9), "");
            whole(&mut reader, text)
        };
        let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"Stop\\n\"}}\n</tool_call>";
        let delta = read(&format!("<think>\nStop?\nNo.\n</think>\n\nI look, St{call}"));
        assert_eq!((delta.reasoning.trim_end(), delta.text.as_str()), ("Stop?\nNo.", "I look, St"));
        assert_eq!(delta.tool_calls[0].arguments, r#"{"a": "Stop\n"}"#);
        let delta = read(&format!("<think>a</think>One Stop two{call}"));
        assert_eq!((delta.text.as_str(), delta.tool_calls.len()), ("One ", 0));
        assert_eq!(read("One\ntwo").text, "One");
    }

    #[test]
    fn an_answer_ends_after_the_calls_that_are_allowed() {
        let call = r#"<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>"#;
        let mut reader = reader(&[], "", 1);
        let delta = whole(&mut reader, &format!("{call}\n{call} and more"));
        assert_eq!((delta.tool_calls.len(), delta.text.as_str()), (1, ""));
        assert_eq!(delta.tool_calls[0].arguments, r#"{"a": 1}"#);
    }

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
    fn a_text_after_a_call_is_in_the_next_delta() {
        let mut reader = reader(&[], "", 9);
        let call = r#"<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>"#;
        let (delta, _) = reader.push(&format!("One {call} two {call} three"));
        assert_eq!((delta.text.as_str(), delta.tool_calls.len()), ("One", 1));
        let (delta, _) = reader.push(".");
        assert_eq!((delta.text.as_str(), delta.tool_calls.len()), ("\n\ntwo", 1));
        assert_eq!(reader.finish("", ChatEnd::Stopped).text, "\n\nthree.");
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
