//! Collects an answer, and keeps it in the conversation.

use std::fmt;

use linnet_engine::{Content, FinishReason, Message, Role, ToolCall, ToolCallDelta};
use serde_json::Value;

use crate::terminal::one_line;

/// An answer of the model.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub text: String,
    pub reasoning: String,
    pub calls: Vec<Call>,
    pub finish_reason: Option<FinishReason>,
}

/// A tool call, with the arguments as the model wrote them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    pub id: String,
    pub name: String,
    pub arguments: String,
}

impl Answer {
    /// Adds pieces of tool calls.
    pub fn add_calls(&mut self, pieces: Vec<ToolCallDelta>) {
        for piece in pieces {
            if self.calls.len() <= piece.index {
                self.calls.resize_with(piece.index + 1, Call::default);
            }
            let call = &mut self.calls[piece.index];
            call.id.extend(piece.id);
            call.name.extend(piece.name);
            call.arguments.push_str(&piece.arguments);
        }
    }

    /// Whether it waits for the results of its calls. An answer that was cut may lack a part of a call.
    pub fn wants_results(&self) -> bool {
        self.finish_reason == Some(FinishReason::ToolCalls)
    }

    /// The message in the conversation. The calls of an answer that was cut are left out.
    pub fn message(&self) -> Message {
        let calls: &[Call] = if self.wants_results() { &self.calls } else { &[] };
        let tool_calls: Vec<ToolCall> = calls.iter().map(Call::for_message).collect();
        Message {
            content: (!self.text.is_empty() || tool_calls.is_empty())
                .then(|| Content::Text(self.text.clone())),
            reasoning_content: (!self.reasoning.is_empty()).then(|| self.reasoning.clone()),
            tool_calls,
            ..Message::new(Role::Assistant, "")
        }
    }
}

impl Call {
    /// The message with the call's result.
    pub fn result(&self, text: &str) -> Message {
        Message {
            name: Some(self.name.clone()),
            tool_call_id: Some(self.id.clone()),
            ..Message::new(Role::Tool, text)
        }
    }

    fn for_message(&self) -> ToolCall {
        let arguments = Value::String(self.arguments.clone());
        ToolCall { id: Some(self.id.clone()), name: self.name.clone(), arguments }
    }
}

impl fmt::Display for Call {
    /// `NAME ARGUMENTS`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compact = serde_json::from_str::<Value>(&self.arguments).map(|value| value.to_string());
        let arguments = compact.as_ref().unwrap_or(&self.arguments);
        write!(f, "{} {}", one_line(&self.name), one_line(arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(index: usize, id: Option<&str>, arguments: &str) -> ToolCallDelta {
        let id = id.map(str::to_owned);
        let name = id.as_ref().map(|id| format!("f{id}"));
        ToolCallDelta { index, id, name, arguments: arguments.to_owned() }
    }

    fn called(finish_reason: FinishReason) -> Answer {
        let mut answer =
            Answer { reasoning: "why".to_owned(), finish_reason: Some(finish_reason), ..Answer::default() };
        answer.add_calls(vec![piece(0, Some("1"), "{ \"a\":")]);
        answer.add_calls(vec![piece(0, None, "\n1 }"), piece(1, Some("2"), "{\"b")]);
        answer
    }

    #[test]
    fn calls_are_put_together() {
        let answer = called(FinishReason::ToolCalls);
        let shown: Vec<String> = answer.calls.iter().map(Call::to_string).collect();
        assert_eq!(shown, ["f1 {\"a\":1}", "f2 {\"b"]);
    }

    #[test]
    fn the_conversation_keeps_reasoning_and_calls() {
        let message = called(FinishReason::ToolCalls).message();
        assert_eq!(message.content, None);
        assert_eq!(message.reasoning_content.as_deref(), Some("why"));
        let ids: Vec<Option<&str>> = message.tool_calls.iter().map(|call| call.id.as_deref()).collect();
        assert_eq!(ids, [Some("1"), Some("2")]);
        let result = called(FinishReason::ToolCalls).calls[1].result("dry");
        assert_eq!((result.role, result.tool_call_id.as_deref()), (Role::Tool, Some("2")));
    }

    #[test]
    fn the_calls_of_a_cut_answer_are_left_out() {
        let message = called(FinishReason::Length).message();
        assert!(message.tool_calls.is_empty());
        assert_eq!(message.content, Some(Content::Text(String::new())));
    }
}
