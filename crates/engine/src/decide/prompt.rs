//! The prompt of a decision.

use std::fmt::Write;

use linnet_graph::Backend;
use linnet_text::EncodeOptions;

use super::options::{PromptText, Scores};
use super::request::{DecideRequest, DecideSubject};
use crate::engine::Engine;
use crate::request::{Content, Message, Prompt, ReasoningEffort, Role};
use crate::{Error, Request, prompt};

impl DecideRequest {
    /// What to compute for one of the texts, or for the only prompt.
    pub(super) fn scores<B: Backend>(&self, engine: &Engine<B>, index: usize) -> Result<Scores, Error> {
        let text = self.texts.as_ref().and_then(|texts| texts.get(index));
        let scores = match &self.subject {
            DecideSubject::Prompt(Prompt::Text(text)) => {
                let encoding = EncodeOptions { add_special: true, parse_special: true };
                Scores::new(engine, &PromptText::Text(text, encoding), &self.options)
            }
            DecideSubject::Prompt(Prompt::Tokens(tokens)) => {
                Scores::new(engine, &PromptText::Tokens(tokens), &self.options)
            }
            DecideSubject::Question { .. } | DecideSubject::Messages(_) => {
                self.rendered(engine, text).and_then(|text| {
                    let encoding = EncodeOptions { add_special: false, parse_special: true };
                    Scores::new(engine, &PromptText::Text(&text, encoding), &self.options)
                })
            }
        };
        scores.map_err(|error| match error {
            Error::ContextFull { prompt_tokens, context_length }
            | Error::PromptTooLong { about: prompt_tokens, context_length }
                if text.is_some() =>
            {
                Error::TextTooLong { field: format!("texts[{index}]"), prompt_tokens, context_length }
            }
            error => error,
        })
    }

    /// The prompt of a chat, to the place where the text of the answer begins.
    fn rendered<B: Backend>(&self, engine: &Engine<B>, text: Option<&String>) -> Result<String, Error> {
        if engine.chat.is_none() && matches!(self.subject, DecideSubject::Question { .. }) {
            let reason = "needs a chat template, which this model's file lacks; use a `prompt` instead";
            return Err(Error::invalid("question", reason));
        }
        let request = Request {
            messages: Some(self.messages(text)),
            reasoning_effort: Some(ReasoningEffort::None),
            ..Request::default()
        };
        request.check()?;
        prompt::refuse_long_texts(engine, request.messages.as_deref().unwrap_or_default())?;
        let now = (engine.platform.local_time)();
        prompt::templates(engine)?.prompt_to_text(&request, engine.tokenizer(), now)
    }

    /// The conversation with the options, and the text at its end: its start is the same for all texts.
    fn messages(&self, text: Option<&String>) -> Vec<Message> {
        let mut messages = match &self.subject {
            DecideSubject::Question { question, system } => {
                let system = system.iter().map(|system| Message::new(Role::System, system));
                system.chain([Message::new(Role::User, question)]).collect()
            }
            DecideSubject::Messages(messages) => messages.clone(),
            DecideSubject::Prompt(_) => Vec::new(),
        };
        let question = messages.iter_mut().rfind(|message| message.role == Role::User);
        let said = match question.and_then(|message| message.content.as_mut()) {
            Some(Content::Text(said)) => Some(said),
            Some(Content::Parts(parts)) => parts.last_mut(),
            None => None,
        };
        if let Some(said) = said {
            if self.show_options != Some(false) {
                said.push('\n');
                said.push_str(&described(&self.options));
            }
            said.extend(text.iter().flat_map(|text| ["\n\n", text.as_str()]));
        }
        messages
    }
}

/// The options in words: in one line if it is clear where each of them ends.
fn described(options: &[String]) -> String {
    let mut text = "Answer with one of:".to_owned();
    if options.iter().any(|option| option.contains([',', '\n'])) {
        options.iter().for_each(|option| _ = write!(text, "\n- {option}"));
    } else {
        _ = write!(text, " {}", options.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::described;

    #[test]
    fn options_are_listed_so_that_their_ends_are_clear() {
        let list = |options: [&str; 2]| described(&options.map(str::to_owned));
        assert_eq!(list(["yes", "no"]), "Answer with one of: yes, no");
        assert_eq!(list(["yes", "yes, but"]), "Answer with one of:\n- yes\n- yes, but");
    }
}
