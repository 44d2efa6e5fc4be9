//! What a caller asks for: the fields of OpenAI's chat and text completions that Linnet honours.

pub(crate) mod fields;
mod json;
pub(crate) mod path;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use crate::{Error, Logprobs};

/// What may be added to a logit.
const BIAS: RangeInclusive<f32> = -100.0..=100.0;

/// A chat (`messages`) or text (`prompt`) completion.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The conversation; rendered by the model's chat template. An assistant's message at its end is continued.
    pub messages: Option<Vec<Message>>,
    /// Text, or token ids that are used as they are.
    pub prompt: Option<Prompt>,
    /// The most tokens to generate; by default as many as the context holds.
    pub max_tokens: Option<usize>,
    /// Temperature, top-k and so on.
    pub sampling: Sampling,
    /// Added to the logits of tokens, by their ids, before anything else is done to them: -100 to 100. The ends of that range ban a
    /// token, or make it the only one.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Tells how likely each token was, with this many of the most likely alternatives: up to [`Logprobs::MOST`].
    pub logprobs: Option<usize>,
    /// Texts that end the answer; not part of it.
    pub stop: Vec<String>,
    /// Go on after the model has ended its turn.
    pub ignore_eos: bool,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Whose it is.
    pub role: Role,
    /// The text; absent at most beside tool calls.
    pub content: Option<Content>,
    /// The speaker's, or the tool's, name.
    pub name: Option<String>,
    /// What the model thought before it answered.
    pub reasoning_content: Option<String>,
    /// The calls of tools that the model asked for.
    pub tool_calls: Vec<ToolCall>,
    /// The call whose result a tool's message is.
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of text alone.
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
    pub(crate) fn is_begun_answer(&self) -> bool {
        self.role == Role::Assistant && self.tool_calls.is_empty()
    }
}

/// Whose a message is. There are no others: a role is written into the prompt where it could pass for a control token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// Instructions, as newer APIs call them; the same as [`Role::System`] for templates that do not know the word.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];

    /// The word in requests and templates.
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

/// Text, whole or in OpenAI's parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The text.
    Text(String),
    /// The texts of its parts. Templates that want one text get them with line feeds between them, as in llama.cpp and vLLM.
    Parts(Vec<String>),
}

impl Content {
    /// The text, or those of the parts.
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

/// A call of a tool that the model asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// By which the result refers to it.
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// Its arguments: an object, or the JSON that the model wrote. A template gets what it takes.
    pub arguments: serde_json::Value,
}

/// Text or token ids.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Tokenized with the model's special tokens recognised and its beginning-of-sequence token added.
    Text(String),
    /// Used as they are.
    Tokens(Vec<u32>),
}

/// How the next token is chosen from the logits. The defaults are llama.cpp's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 chooses the most likely token.
    pub temperature: f32,
    /// Keep only this many of the most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the most likely tokens that together have this probability.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the most likely one.
    pub min_p: f32,
    /// Divides (or, for negative ones, multiplies) the logits of the last 64 tokens; 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted once from the logit of each generated token.
    pub presence_penalty: f32,
    /// Subtracted from a token's logit for each time it was generated.
    pub frequency_penalty: f32,
    /// The same seed and request give the same answer; by default random.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: None,
        }
    }
}

impl Sampling {
    /// Always the most likely token.
    pub fn greedy() -> Self {
        Sampling { temperature: 0.0, ..Self::default() }
    }

    fn check(&self) -> Result<(), Error> {
        let range = |field, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                let reason = format!("is {value}, but must be from {low} to {high}");
                Err(Error::invalid_value(field, value, reason))
            }
        };
        range("temperature", self.temperature, 0.0, 100.0)?;
        range("top_p", self.top_p, 0.0, 1.0)?;
        range("min_p", self.min_p, 0.0, 1.0)?;
        range("repetition_penalty", self.repetition_penalty, 0.01, 100.0)?;
        range("presence_penalty", self.presence_penalty, -100.0, 100.0)?;
        range("frequency_penalty", self.frequency_penalty, -100.0, 100.0)
    }
}

impl Request {
    /// The most messages of a conversation.
    pub const MAX_MESSAGES: usize = 10_000;
    /// The most parts of all its messages together.
    pub const MAX_PARTS: usize = 10_000;
    /// The most tool calls of a message.
    pub const MAX_TOOL_CALLS: usize = 128;
    /// The most stop texts.
    pub const MAX_STOPS: usize = 64;
    /// The most characters of a stop text.
    pub const MAX_STOP_LENGTH: usize = 1_000;

    /// Reads a request from JSON. `null` means "unset".
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with the path of the first field that is not known, or is not what it may be.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        json::request(json)
    }

    /// Whether the answer goes on with a text, instead of beginning one.
    pub(crate) fn continues_a_text(&self) -> bool {
        let last = self.messages.as_ref().and_then(|messages| messages.last());
        let begun = last.filter(|message| message.is_begun_answer());
        self.prompt.is_some()
            || begun.is_some_and(|begun| {
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
            _ => {}
        }
        if let Some(messages) = &self.messages {
            check_messages(messages)?;
        }
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
        self.sampling.check()
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
    Err(Error::invalid(field, format!("has {count} {what}, but there may be at most {limit}")))
}
