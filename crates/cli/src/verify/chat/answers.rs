//! Compares what is read from answers: text, reasoning and calls.

use linnet_engine::{AnswerStart, Request};
use linnet_text::ChatEnd;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::report::{Outcome, Subject};
use super::model::Model;
use super::turn::{Call, Turn};

/// Maximum number of failing cases to show.
const SHOWN: usize = 3;

/// An answer of a model, and what must be read from it.
#[derive(Debug, Deserialize)]
pub struct Answer {
    name: String,
    request: Conditions,
    /// The text after the prompt.
    output: String,
    end: End,
    /// The right reading. Without one, no text may be lost and no call repaired.
    right: Option<Expected>,
    /// Other readings that are right.
    #[serde(default)]
    also_right: Vec<Expected>,
    /// Whether a call that the limit cuts may be reported.
    #[serde(default)]
    incomplete_last_call_allowed: bool,
}

#[derive(Debug, Deserialize)]
struct Conditions {
    /// Whether the request has the family's tools.
    tools: bool,
    /// `enable_thinking`.
    thinking: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Eos,
    Length,
}

#[derive(Debug, Deserialize)]
struct Expected {
    content: String,
    #[serde(default)]
    reasoning_content: String,
    #[serde(default)]
    tool_calls: Vec<ExpectedCall>,
    finish: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ExpectedCall {
    name: String,
    arguments: Value,
    /// The model's own id.
    id: Option<String>,
}

/// The checked answers.
#[derive(Debug, Default)]
pub struct Answers {
    count: usize,
    wrong: Vec<String>,
}

impl Answers {
    /// Reads an answer whole and in pieces, and compares what is read. Where the prompt opens the reasoning,
    /// the answer begins inside it.
    pub fn check(&mut self, answer: &Answer, model: &Model, tools: &Value) {
        self.count += 1;
        let why = fault(answer, model, tools);
        self.wrong.extend(why.map(|why| format!("{}: {why}", answer.name)));
    }

    /// The result of all.
    pub fn outcome(self, subject: &Subject) -> Outcome {
        let shown: String = self.wrong.iter().take(SHOWN).map(|wrong| format!("; {wrong}")).collect();
        let detail = format!("of {}{shown}", self.count);
        subject.counted("parse", "answers read wrongly", self.wrong.len()).with(detail)
    }
}

/// What is wrong with the reading of an answer.
fn fault(answer: &Answer, model: &Model, tools: &Value) -> Option<String> {
    let mut request = json!({
        "messages": [{ "role": "user", "content": "Will it rain?" }],
        "enable_thinking": answer.request.thinking,
    });
    if answer.request.tools {
        request["tools"] = tools.clone();
    }
    let read = Request::from_json(&request.to_string()).and_then(|request| {
        let start = model.answer(&request)?;
        let mut pieces = vec![start.begun().to_owned()];
        pieces.extend(model.pieces(&start, &answer.output)?);
        Ok(read_all_ways(answer, &start, &request, &pieces))
    });
    match read {
        Ok(Ok(turn)) if answer.accepts(&turn) => None,
        Ok(Ok(turn)) => Some(format!("{turn:?}")),
        Ok(Err(why)) => Some(why),
        Err(error) => Some(error.to_string()),
    }
}

/// Reads an answer whole, in two pieces, in characters and in tokens, which must make no difference.
fn read_all_ways(
    answer: &Answer,
    start: &AnswerStart<'_>,
    request: &Request,
    tokens: &[String],
) -> Result<Turn, String> {
    let text = &*format!("{}{}", start.begun(), answer.output);
    let end = match answer.end {
        End::Eos => ChatEnd::Stopped,
        End::Length => ChatEnd::Length,
    };
    let whole = Turn::read(start.parser(request), [text], end);
    let check = |pieces: &[&str], how: &str| {
        let turn = Turn::read(start.parser(request), pieces.iter().copied(), end);
        if turn == whole { Ok(()) } else { Err(format!("differs {how}: {turn:?}, not {whole:?}")) }
    };
    for (at, _) in text.char_indices() {
        check(&[&text[..at], &text[at..]], &format!("in two pieces, split at byte {at}"))?;
    }
    let characters: Vec<&str> = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect();
    check(&characters, "in characters")?;
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    check(&tokens, "in tokens")?;
    Ok(whole)
}

impl Answer {
    fn accepts(&self, turn: &Turn) -> bool {
        turn.is_well_formed()
            && match &self.right {
                Some(right) => [right].into_iter().chain(&self.also_right).any(|it| self.is(it, turn)),
                None => keeps_text(turn),
            }
    }

    fn is(&self, expected: &Expected, turn: &Turn) -> bool {
        let mut calls: &[Call] = &turn.calls;
        // A cut call is never right as a complete one.
        let may_be_cut = self.incomplete_last_call_allowed || self.end == End::Length;
        if may_be_cut
            && let [before @ .., last] = calls
            && last.valid == Some(false)
        {
            calls = before;
        }
        let finish = match self.end {
            End::Length => "length",
            End::Eos if !turn.calls.is_empty() => "tool_calls",
            End::Eos => "stop",
        };
        turn.content.trim() == expected.content.trim()
            && turn.reasoning.trim() == expected.reasoning_content.trim()
            && expected.finish.as_ref().is_none_or(|expected| expected == finish)
            && calls.len() == expected.tool_calls.len()
            && calls.iter().zip(&expected.tool_calls).all(|(call, expected)| expected.is(call))
    }
}

impl ExpectedCall {
    fn is(&self, call: &Call) -> bool {
        call.valid == Some(true)
            && call.name == self.name
            && serde_json::from_str::<Value>(&call.arguments).is_ok_and(|it| it == self.arguments)
            && self.id.as_ref().is_none_or(|id| call.id.as_ref() == Some(id))
    }
}

/// Whether nothing is lost of a malformed answer, and nothing repaired.
fn keeps_text(turn: &Turn) -> bool {
    let is_object = |text: &str| serde_json::from_str::<Value>(text).is_ok_and(|it| it.is_object());
    let calls = &turn.calls;
    calls.iter().all(|call| call.valid == Some(is_object(&call.arguments)))
        && (!turn.content.is_empty() || !calls.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(end: &str, more: Value) -> Answer {
        let mut answer = json!({
            "name": "a", "request": { "tools": true, "thinking": true }, "output": "", "end": end,
        });
        for (key, value) in more.as_object().unwrap() {
            answer[key] = value.clone();
        }
        serde_json::from_value(answer).unwrap()
    }

    fn turn(content: &str, arguments: &str, valid: bool) -> Turn {
        let (name, arguments) = ("f".to_owned(), arguments.to_owned());
        let calls = vec![Call { name, id: Some("1".to_owned()), arguments, valid: Some(valid) }];
        Turn { content: content.to_owned(), calls, ..Turn::default() }
    }

    #[test]
    fn a_reading_must_be_one_of_those_that_are_right() {
        let call = json!({ "name": "f", "arguments": { "a": 1 }, "id": "1" });
        let right = json!({ "content": "hi", "tool_calls": [call], "finish": "tool_calls" });
        let also = json!([{ "content": "ho", "tool_calls": [call] }]);
        let answer = answer("eos", json!({ "right": right, "also_right": also }));
        assert!(answer.accepts(&turn(" hi\n", r#"{ "a": 1 }"#, true)));
        assert!(answer.accepts(&turn("ho", r#"{"a":1}"#, true)));
        assert!(!answer.accepts(&turn("he", r#"{"a":1}"#, true)));
        assert!(!answer.accepts(&turn("hi", r#"{"a":2}"#, true)));
        assert!(!answer.accepts(&turn("hi", r#"{"a":1}"#, false)));
        assert!(!answer.accepts(&Turn { calls: Vec::new(), ..turn("hi", "", true) }));
        assert!(!answer.accepts(&Turn { reasoning: "x".to_owned(), ..turn("hi", r#"{"a":1}"#, true) }));
        let mut other_id = turn("hi", r#"{"a":1}"#, true);
        other_id.calls[0].id = None;
        assert!(!answer.accepts(&other_id));
    }

    #[test]
    fn a_cut_call_is_not_reported_as_complete() {
        let right = json!({ "content": "hi", "finish": "length" });
        let cut = answer("length", json!({ "right": right, "incomplete_last_call_allowed": true }));
        assert!(cut.accepts(&turn("hi", "{\"a", false)));
        assert!(!cut.accepts(&turn("hi", "{}", true)));
        assert!(!answer("eos", json!({ "right": right })).accepts(&turn("hi", "{\"a", false)));
    }

    #[test]
    fn a_malformed_answer_is_neither_lost_nor_repaired() {
        let malformed = answer("eos", json!({}));
        assert!(malformed.accepts(&turn("", "{\"a", false)));
        assert!(!malformed.accepts(&turn("", "{\"a", true)));
        assert!(!malformed.accepts(&turn("", "{}", false)));
        assert!(!malformed.accepts(&Turn::default()));
    }
}
