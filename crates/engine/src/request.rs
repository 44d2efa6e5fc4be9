//! Requests: the supported fields of OpenAI's chat and text completions.

mod answer_form;
pub(crate) mod fields;
mod json;
mod loader_options;
pub(crate) mod path;
mod sampling;
mod template_options;
mod tools;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::{Error, Logprobs};
pub use answer_form::AnswerForm;
pub use loader_options::LoaderOptions;
pub use sampling::{PartialSampling, Sampling, SamplingParameter};
pub use template_options::ReasoningEffort;
pub use tools::{Tool, ToolChoice};

/// Range of a logit bias.
const BIAS: RangeInclusive<f32> = -100.0..=100.0;

/// A chat (`messages`) or text (`prompt`) completion.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The conversation, rendered with the model's chat template. If it ends with an assistant message, that
    /// is continued.
    pub messages: Option<Vec<Message>>,
    /// The functions that the model may call.
    pub tools: Vec<Tool>,
    /// Which of them it may or must call.
    pub tool_choice: ToolChoice,
    /// Whether the model may call several tools in one message; true by default.
    pub parallel_tool_calls: Option<bool>,
    /// Documents to answer from: objects in the form that the model's template reads.
    pub documents: Vec<Value>,
    /// More variables for the template. They override those that the other fields set.
    pub chat_template_kwargs: Map<String, Value>,
    /// How much the model thinks, if its template can say it.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Whether the model thinks, if its template has a switch; by default as `reasoning_effort` says.
    pub enable_thinking: Option<bool>,
    /// Whether the prompt ends with the start of an answer, or with the assistant's message to continue; true
    /// by default. Otherwise it ends with the last message.
    pub add_generation_prompt: Option<bool>,
    /// Text, or token ids that are used unchanged.
    pub prompt: Option<Prompt>,
    /// Maximum number of tokens to generate; by default, as many as fit the context.
    pub max_tokens: Option<usize>,
    /// Temperature, top-k and so on; by default as the model's file recommends.
    pub sampling: PartialSampling,
    /// Logit biases by token id, applied first: -100 to 100. The ends of the range ban a token or force it. A
    /// token that the model's file suppresses can only be sampled if it has a bias.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Number of top log probabilities to return per token, up to [`Logprobs::MOST`].
    pub logprobs: Option<usize>,
    /// The form that the answer must have. Reasoning and tool calls are free.
    pub form: Option<AnswerForm>,
    /// Whether the prompt of a chat says the JSON schema of the answer; true by default.
    pub show_schema: Option<bool>,
    /// Stop strings; they are not part of the answer. In a chat they end its text, not reasoning or tool calls.
    pub stop: Vec<String>,
    /// Ignores end-of-turn tokens and keeps generating.
    pub ignore_eos: bool,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The author.
    pub role: Role,
    /// The text; may be missing only if there are tool calls.
    pub content: Option<Content>,
    /// Name of the speaker or of the tool.
    pub name: Option<String>,
    /// The model's reasoning before its answer.
    pub reasoning_content: Option<String>,
    /// Tool calls by the model.
    pub tool_calls: Vec<ToolCall>,
    /// The tool call that a tool message answers.
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message with only text.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Message {
            role,
            content: Some(Content::Text(text.into())),
            name: None,
            reasoning_content: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }

    /// Whether it is an answer that can be continued.
    fn is_begun_answer(&self) -> bool {
        self.role == Role::Assistant && self.tool_calls.is_empty()
    }
}

/// The author of a message. Other roles are rejected, because the prompt contains the role and it could spell
/// a control token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// Instructions in newer APIs; the same as [`Role::System`] for templates that do not know it.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];

    /// The role's name in requests and templates.
    pub const fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text, as a string or in OpenAI's parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A string.
    Text(String),
    /// The texts of the parts. Templates that take a string get them joined with line feeds, as in llama.cpp
    /// and vLLM.
    Parts(Vec<String>),
}

impl Content {
    /// The string, or the texts of the parts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        match self {
            Content::Text(text) => std::slice::from_ref(text),
            Content::Parts(parts) => parts,
        }
        .iter()
    }

    /// The whole text.
    pub fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.join("\n"),
        }
    }
}

/// A tool call by the model.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The id that the result refers to.
    pub id: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// The arguments: an object, or the JSON that the model wrote. A template gets the form that it takes.
    pub arguments: serde_json::Value,
}

/// Text or token ids.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Tokenized with special tokens and a leading BOS token.
    Text(String),
    /// Used unchanged.
    Tokens(Vec<u32>),
}

impl Request {
    /// Maximum number of messages.
    pub const MAX_MESSAGES: usize = 10_000;
    /// Maximum number of parts in all messages together.
    pub const MAX_PARTS: usize = 10_000;
    /// Maximum number of tools.
    pub const MAX_TOOLS: usize = 128;
    /// Maximum number of documents.
    pub const MAX_DOCUMENTS: usize = 1_000;
    /// Maximum number of variables for the template.
    pub const MAX_VARIABLES: usize = 64;
    /// Maximum number of tool calls in a message.
    pub const MAX_TOOL_CALLS: usize = 128;
    /// Maximum number of stop strings.
    pub const MAX_STOPS: usize = 64;
    /// Maximum length of a stop string in characters.
    pub const MAX_STOP_LENGTH: usize = 1_000;

    /// Parses a request from JSON. `null` means unset.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with the path of the first unknown or invalid field.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        Self::from_fields(fields::read(json)?)
    }

    /// The same from the fields of the object.
    pub(crate) fn from_fields(fields: fields::Object) -> Result<Self, Error> {
        json::request(fields)
    }

    /// The assistant's message to continue, if the conversation ends with one.
    pub(crate) fn begun_answer(&self) -> Option<&Message> {
        let last = self.messages.as_ref().and_then(|messages| messages.last());
        last.filter(|message| self.opens_answer() && message.is_begun_answer())
    }

    /// Whether the prompt ends with the start of an answer.
    pub(crate) fn opens_answer(&self) -> bool {
        self.add_generation_prompt != Some(false)
    }

    /// Whether the answer continues a text instead of starting one.
    pub(crate) fn continues_a_text(&self) -> bool {
        self.prompt.is_some()
            || self.begun_answer().is_some_and(|begun| {
                let mut texts = begun.content.iter().flat_map(Content::texts).chain(&begun.reasoning_content);
                texts.any(|text| !text.is_empty())
            })
    }

    /// Checks the ranges of all fields.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match (&self.messages, &self.prompt) {
            (Some(_), Some(_)) => return Err(Error::invalid("prompt", "must be given without `messages`")),
            (None, None) => {
                return Err(Error::invalid("messages", "is missing; give `messages`, or a `prompt`"));
            }
            (None, Some(_)) => self.check_of_chat()?,
            (Some(_), None) => {}
        }
        if let Some(messages) = &self.messages {
            check_messages(messages)?;
        }
        self.check_tools()?;
        self.check_template_options()?;
        if self.max_tokens == Some(0) {
            return Err(Error::invalid_value("max_tokens", 0, "is 0, but must be at least 1"));
        }
        at_most("stop", "texts", self.stop.len(), Self::MAX_STOPS)?;
        for (index, text) in self.stop.iter().enumerate() {
            if text.is_empty() {
                let reason = "is empty, but must be a text of at least one character";
                return Err(Error::invalid(&format!("stop[{index}]"), reason));
            }
            at_most(&format!("stop[{index}]"), "characters", text.chars().count(), Self::MAX_STOP_LENGTH)?;
        }
        if let Some(top) = self.logprobs.filter(|top| *top > Logprobs::MOST) {
            let reason = format!("is {top}, but must be at most {}", Logprobs::MOST);
            return Err(Error::invalid_value("logprobs", top, reason));
        }
        if let Some((token, bias)) = self.logit_bias.iter().find(|(_, bias)| !BIAS.contains(bias)) {
            let reason = format!("is {bias}, but must be from {} to {}", BIAS.start(), BIAS.end());
            return Err(Error::invalid_value(&format!("logit_bias.{token}"), *bias, reason));
        }
        self.check_form()?;
        self.sampling.check()
    }
}

impl Request {
    /// Rejects what only a chat template can show.
    fn check_of_chat(&self) -> Result<(), Error> {
        let given = [
            ("tools", !self.tools.is_empty()),
            ("documents", !self.documents.is_empty()),
            ("chat_template_kwargs", !self.chat_template_kwargs.is_empty()),
            ("reasoning_effort", self.reasoning_effort.is_some()),
            ("enable_thinking", self.enable_thinking.is_some()),
            ("show_schema", self.show_schema.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(Error::invalid(field, "needs `messages`, not a `prompt`")),
            None => Ok(()),
        }
    }
}

fn check_messages(messages: &[Message]) -> Result<(), Error> {
    if messages.is_empty() {
        return Err(Error::invalid("messages", "is empty; give at least one message"));
    }
    at_most("messages", "messages", messages.len(), Request::MAX_MESSAGES)?;
    let mut parts = 0;
    for (index, message) in messages.iter().enumerate() {
        if let Some(Content::Parts(texts)) = &message.content {
            parts += texts.len();
            let field = format!("messages[{index}].content");
            at_most(&field, "parts (with those of the messages before it)", parts, Request::MAX_PARTS)?;
        }
        let field = format!("messages[{index}].tool_calls");
        at_most(&field, "calls", message.tool_calls.len(), Request::MAX_TOOL_CALLS)?;
    }
    Ok(())
}

fn at_most(field: &str, what: &str, count: usize, limit: usize) -> Result<(), Error> {
    if count <= limit {
        return Ok(());
    }
    Err(Error::invalid(field, format!("has {count} {what}, but at most {limit} are allowed")))
}
