//! Requests for decisions.

use crate::request::path::Path;
use crate::request::{Message, Prompt, fields};
use crate::{Error, Request};

/// A request for the probabilities of some options.
#[derive(Clone, Debug)]
pub struct DecideRequest {
    /// What is decided.
    pub subject: DecideSubject,
    /// The possible answers.
    pub options: Vec<String>,
    /// The texts to decide about one by one, each after the question; `None` if the question says it all.
    pub texts: Option<Vec<String>>,
    /// Whether the prompt of a chat says the options; true by default.
    pub show_options: Option<bool>,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq)]
pub enum DecideSubject {
    /// The answer to a question.
    Question {
        /// The user's message.
        question: String,
        /// The instructions before it.
        system: Option<String>,
    },
    /// The answer to a conversation, or the rest of the assistant's message at its end.
    Messages(Vec<Message>),
    /// The continuation of a text.
    Prompt(Prompt),
}

impl DecideRequest {
    /// Minimum number of options.
    pub const MIN_OPTIONS: usize = 2;
    /// Maximum number of options.
    pub const MAX_OPTIONS: usize = 64;
    /// Maximum length of an option in characters.
    pub const MAX_OPTION_LENGTH: usize = 1_000;
    /// Maximum number of texts.
    pub const MAX_TEXTS: usize = 1_000;

    /// Parses a request from JSON. `null` means unset.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with the path of the first unknown or invalid field.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let (mut question, mut system, mut options) = (None, None, None);
        let (mut texts, mut show_options) = (None, None);
        let mut rest = fields::Object::new();
        for (field, value) in fields::set(fields::read(json)?) {
            let path = &Path::of(&field);
            let strings = |value| fields::list(path, value, "an array of strings", fields::text);
            match field.as_str() {
                "question" => question = Some(fields::text(path, value)?),
                "system" => system = Some(fields::text(path, value)?),
                "options" => options = Some(strings(value)?),
                "texts" => texts = Some(strings(value)?),
                "show_options" => show_options = Some(fields::boolean(path, &value)?),
                "messages" | "prompt" => _ = rest.insert(field, value),
                _ => return Err(path.invalid("is not supported")),
            }
        }
        let Request { messages, prompt, .. } = Request::from_fields(rest)?;
        let options = options.ok_or_else(|| Path::of("options").missing("an array of strings"))?;
        if system.is_some() && question.is_none() {
            return Err(Error::invalid("system", "needs a `question`"));
        }
        let given = [("question", question.is_some()), ("messages", messages.is_some())];
        let other = given.iter().find(|(_, given)| *given).map(|(name, _)| name);
        let conflict = match (&question, &messages, &prompt) {
            (Some(_), Some(_), _) => Some("messages"),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => Some("prompt"),
            _ => None,
        };
        if let (Some(field), Some(other)) = (conflict, other) {
            return Err(Error::invalid(field, format!("must be given without `{other}`")));
        }
        let subject = match (question, messages, prompt) {
            (Some(question), ..) => DecideSubject::Question { question, system },
            (None, Some(messages), _) => DecideSubject::Messages(messages),
            (None, None, Some(prompt)) => DecideSubject::Prompt(prompt),
            (None, None, None) => {
                let reason = "is missing; give a `question`, `messages`, or a `prompt`";
                return Err(Error::invalid("question", reason));
            }
        };
        Ok(DecideRequest { subject, options, texts, show_options })
    }

    /// Checks the ranges of all fields.
    pub(super) fn check(&self) -> Result<(), Error> {
        if matches!(&self.subject, DecideSubject::Question { question, .. } if question.trim().is_empty()) {
            return Err(Error::invalid("question", "is empty; ask something"));
        }
        if self.show_options == Some(true) && matches!(self.subject, DecideSubject::Prompt(_)) {
            let reason = "needs a `question` or `messages`; a `prompt` is used unchanged";
            return Err(Error::invalid("show_options", reason));
        }
        if let Some(texts) = &self.texts {
            if !matches!(self.subject, DecideSubject::Question { .. }) {
                return Err(Error::invalid("texts", "needs a `question`"));
            }
            counted("texts", "texts", texts.len(), 1, Self::MAX_TEXTS)?;
        }
        counted("options", "options", self.options.len(), Self::MIN_OPTIONS, Self::MAX_OPTIONS)?;
        let path = Path::of("options");
        for (index, option) in self.options.iter().enumerate() {
            if option.trim().is_empty() {
                return Err(path.index(index).invalid("is empty, but must be a text"));
            }
            let field = path.index(index).to_string();
            counted(&field, "characters", option.chars().count(), 1, Self::MAX_OPTION_LENGTH)?;
            if let Some(other) = self.options[..index].iter().position(|other| other == option) {
                let reason = format!("is the same as options[{other}]");
                return Err(Error::invalid_value(&field, option.as_str(), reason));
            }
        }
        Ok(())
    }
}

fn counted(field: &str, what: &str, count: usize, least: usize, most: usize) -> Result<(), Error> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must have {least} to {most} {what}, but has {count}")))
}
