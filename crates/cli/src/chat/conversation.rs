//! A conversation: questions, answers, tool calls and their results.

use linnet_engine::{Message, Role};

use super::answer::{Answer, Call};
use crate::failure::Failure;

/// What a conversation talks to.
pub trait Partner {
    /// Answers the messages.
    ///
    /// # Errors
    /// Any error of the request.
    fn answer(&mut self, messages: &[Message]) -> Result<Answer, Failure>;

    /// The result of a tool call; `None` if there is none, which ends the turn.
    ///
    /// # Errors
    /// If it cannot be read.
    fn call(&mut self, call: &Call) -> Result<Option<String>, Failure>;
}

/// Sends a message and the results of all calls until the model answers, and adds everything to the
/// conversation. An error, or a result that is missing, leaves the conversation unchanged.
///
/// # Errors
/// Those of the partner.
pub fn turn(conversation: &mut Vec<Message>, partner: &mut impl Partner, text: &str) -> Result<(), Failure> {
    let mut messages = conversation.clone();
    messages.push(Message::new(Role::User, text));
    loop {
        let answer = partner.answer(&messages)?;
        messages.push(answer.message());
        if !answer.wants_results() {
            break;
        }
        for call in &answer.calls {
            let Some(result) = partner.call(call)? else { return Ok(()) };
            messages.push(call.result(&result));
        }
    }
    *conversation = messages;
    Ok(())
}

#[cfg(test)]
mod tests {
    use linnet_engine::FinishReason;

    use super::*;

    /// Calls two tools, and answers with the number of messages.
    struct Scripted {
        results: Vec<&'static str>,
        fails: bool,
    }

    impl Partner for Scripted {
        fn answer(&mut self, messages: &[Message]) -> Result<Answer, Failure> {
            let asked = messages.last().is_some_and(|message| message.role == Role::User);
            if asked {
                let call =
                    |id: &str| Call { id: id.to_owned(), name: "f".to_owned(), arguments: "{}".into() };
                let finish_reason = Some(FinishReason::ToolCalls);
                return Ok(Answer { calls: vec![call("1"), call("2")], finish_reason, ..Answer::default() });
            }
            if self.fails {
                return Err(Failure::Output(std::io::Error::other("full")));
            }
            let text = messages.len().to_string();
            Ok(Answer { text, finish_reason: Some(FinishReason::Stop), ..Answer::default() })
        }

        fn call(&mut self, _: &Call) -> Result<Option<String>, Failure> {
            Ok(self.results.pop().map(str::to_owned))
        }
    }

    fn roles(conversation: &[Message]) -> Vec<&str> {
        conversation.iter().map(|message| message.role.name()).collect()
    }

    #[test]
    fn results_are_sent_until_the_model_answers() {
        let mut conversation = Vec::new();
        turn(&mut conversation, &mut Scripted { results: vec!["wet", "dry"], fails: false }, "hi").unwrap();
        assert_eq!(roles(&conversation), ["user", "assistant", "tool", "tool", "assistant"]);
        let ids: Vec<_> = conversation.iter().filter_map(|it| it.tool_call_id.as_deref()).collect();
        assert_eq!(ids, ["1", "2"]);
        turn(&mut conversation, &mut Scripted { results: vec!["wet", "dry"], fails: false }, "again")
            .unwrap();
        assert_eq!(conversation.len(), 10);
    }

    #[test]
    fn an_error_or_the_end_of_input_leaves_the_conversation_unchanged() {
        let mut conversation = vec![Message::new(Role::System, "be brief")];
        turn(&mut conversation, &mut Scripted { results: vec!["dry"], fails: false }, "hi").unwrap();
        assert_eq!(roles(&conversation), ["system"]);
        let failing = &mut Scripted { results: vec!["wet", "dry"], fails: true };
        assert!(turn(&mut conversation, failing, "hi").is_err());
        assert_eq!(roles(&conversation), ["system"]);
    }
}
