//! Takes an answer apart into text, reasoning and tool calls while it is written.

use std::collections::VecDeque;

use linnet_text::{ChatEnd, ChatEvent, ChatParser, IdStyle};

use super::calls::{Calls, Delta};
use super::stop::StopMatcher;

/// Reads the text of an answer. Without a parser all of it is text.
pub(crate) struct AnswerReader {
    stop: StopMatcher,
    parser: Option<ChatParser>,
    /// Whether all further text is the answer's, because it has a form in which no mark counts.
    is_formed: bool,
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
        let (stop, deltas) = (StopMatcher::new(stops), VecDeque::new());
        AnswerReader { stop, parser, is_formed: false, calls, deltas }
    }

    /// Reads all further text as text of the answer.
    pub(crate) fn begin_form(&mut self) {
        self.is_formed = true;
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
        let Self { stop, parser, calls, deltas, .. } = self;
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

    /// Whether what comes next is text of the answer, or a mark before it.
    pub(crate) fn is_at_content(&self) -> bool {
        self.parser.as_ref().is_none_or(ChatParser::is_at_content)
    }

    /// The call that would be read after `text`: the name of its function as far as it is known, and whether a mark
    /// began it that no ordinary text has.
    pub(crate) fn call_after(&self, text: &str) -> Option<(String, bool)> {
        let mut parser = self.parser.clone().filter(|_| !self.is_formed)?;
        parser.push(text, &mut |_| {});
        let call = parser.call_in_progress()?;
        Some((call.name.to_owned(), call.is_marked))
    }

    /// Whether no mark or call has begun.
    pub(crate) fn is_settled(&self) -> bool {
        self.parser.as_ref().is_none_or(ChatParser::is_settled)
    }

    /// Whether no mark or call would have begun after `text`.
    pub(crate) fn is_settled_after(&self, text: &str) -> bool {
        self.parser.clone().is_none_or(|mut parser| {
            parser.push(text, &mut |_| {});
            parser.is_settled()
        })
    }

    /// A control token as the parser reads it; empty if it does not.
    pub(crate) fn guarded(&self, token: &str) -> String {
        self.parser.as_ref().map_or_else(String::new, |parser| parser.guarded(token))
    }

    /// Whether the mark that opens the answer's text was read, in formats that have one.
    pub(crate) fn is_in_answer(&self) -> bool {
        self.parser.as_ref().is_none_or(ChatParser::is_in_answer)
    }

    /// Whether the answer calls a tool.
    pub(crate) fn calls_tools(&self) -> bool {
        !self.calls.is_empty()
    }

    fn read(&mut self, text: &str) {
        let Self { stop, parser, is_formed, calls, deltas } = self;
        match parser {
            Some(parser) if !*is_formed => parser.push(text, &mut |event| add(stop, calls, deltas, event)),
            _ => add(stop, calls, deltas, ChatEvent::Content(text)),
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
        let start = format.call_start(Some("f"), &|_| String::new());
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
}
