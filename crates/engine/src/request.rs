//! What a caller asks for: the fields of OpenAI's chat and text completions that Linnet honours.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, de};

use crate::{Error, Logprobs};

/// What may be added to a logit.
const BIAS: RangeInclusive<f32> = -100.0..=100.0;

/// A chat (`messages`) or text (`prompt`) completion. Unknown fields are refused, not ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The conversation; rendered by the model's chat template.
    pub messages: Option<Vec<Message>>,
    /// Text, or token ids that are used as they are.
    pub prompt: Option<Prompt>,
    /// The most tokens to generate; by default as many as the context holds.
    pub max_tokens: Option<usize>,
    /// Temperature, top-k and so on.
    #[serde(flatten)]
    pub sampling: Sampling,
    /// Added to the logits of tokens, by their ids, before anything else is done to them: -100 to 100. The ends of that range ban a
    /// token, or make it the only one.
    #[serde(default, deserialize_with = "by_token")]
    pub logit_bias: BTreeMap<u32, f32>,
    /// Tells of each token how likely it was, and so many of the most likely ones beside it: up to [`Logprobs::MOST`].
    pub logprobs: Option<usize>,
    /// Text that ends the answer; not part of it.
    pub stop: Option<Stop>,
    /// Go on after the model has ended its turn.
    #[serde(default)]
    pub ignore_eos: bool,
}

/// Numbers by token ids, which are strings in JSON.
fn by_token<'de, D: Deserializer<'de>>(json: D) -> Result<BTreeMap<u32, f32>, D::Error> {
    let entries = BTreeMap::<String, f32>::deserialize(json)?.into_iter();
    let numbered = entries.map(|(token, number)| match token.parse() {
        Ok(token) => Ok((token, number)),
        Err(_) => Err(de::Error::custom(format!("`{token}` is no token id"))),
    });
    numbered.collect()
}

/// One turn of a conversation.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `system`, `user`, `assistant`, or what else the model's template knows.
    pub role: String,
    /// The text.
    pub content: Content,
}

/// Text, whole or in OpenAI's parts.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Content {
    /// The text.
    Text(String),
    /// Its parts, joined without anything between them.
    Parts(Vec<Part>),
}

/// One part of a message; only text is understood.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
}

impl Content {
    /// The whole text.
    pub fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.iter().map(|Part::Text { text }| text.as_str()).collect(),
        }
    }
}

/// Text or token ids.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Prompt {
    /// Tokenized with the model's special tokens recognised and its beginning-of-sequence token added.
    Text(String),
    /// Used as they are.
    Tokens(Vec<u32>),
}

/// One stop string or several.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Stop {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Stop {
    /// The stop strings.
    pub fn strings(&self) -> Vec<String> {
        match self {
            Stop::One(text) => vec![text.clone()],
            Stop::Many(texts) => texts.clone(),
        }
    }
}

/// How the next token is chosen from the logits. The defaults are llama.cpp's.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Sampling {
    /// Divides the logits; 0 chooses the most likely token.
    pub temperature: f32,
    /// Keep only the so many most likely tokens; 0 keeps all.
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
                Err(Error::invalid(field, format!("is {value}, but must lie between {low} and {high}")))
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
    /// Reads a request from JSON.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for anything but a JSON object with known fields of the right types.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json)
            .map_err(|e| Error::invalid("request", format!("cannot be understood: {e}")))
    }

    /// Checks the ranges of all fields.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.messages.is_some() == self.prompt.is_some() {
            return Err(Error::invalid("messages", "or `prompt` must be given, and not both"));
        }
        if self.messages.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid("messages", "is empty; give at least one message"));
        }
        if self.max_tokens == Some(0) {
            return Err(Error::invalid("max_tokens", "must be at least 1"));
        }
        if self.stop.iter().flat_map(Stop::strings).any(|s| s.is_empty()) {
            return Err(Error::invalid("stop", "must not hold an empty string"));
        }
        if self.logprobs.is_some_and(|top| top > Logprobs::MOST) {
            return Err(Error::invalid("logprobs", format!("must be at most {}", Logprobs::MOST)));
        }
        if let Some((token, bias)) = self.logit_bias.iter().find(|(_, bias)| !BIAS.contains(bias)) {
            let reason = format!(
                "of token {token} is {bias}, but must lie between {} and {}",
                BIAS.start(),
                BIAS.end()
            );
            return Err(Error::invalid("logit_bias", reason));
        }
        self.sampling.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_absurd_fields_are_refused_with_their_name() {
        for (json, field) in [
            (r#"{"prompt":"a","tempreature":1}"#, "request"),
            (r#"{"prompt":"a","temperature":-1}"#, "temperature"),
            (r#"{"prompt":"a","top_p":1.5}"#, "top_p"),
            (r#"{"prompt":"a","max_tokens":0}"#, "max_tokens"),
            (r#"{"prompt":"a","stop":[""]}"#, "stop"),
            (r#"{"prompt":"a","logprobs":21}"#, "logprobs"),
            (r#"{"prompt":"a","logit_bias":{"7":-100.5}}"#, "logit_bias"),
            (r#"{"prompt":"a","logit_bias":{"the":1}}"#, "request"),
            (r#"{"prompt":"a","logit_bias":{"7":"much"}}"#, "request"),
            (r#"{"prompt":"a","messages":[]}"#, "messages"),
            (r#"{"messages":[]}"#, "messages"),
            (r#"{}"#, "messages"),
            (r#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#, "request"),
            ("[1", "request"),
        ] {
            let error = Request::from_json(json).and_then(|r| r.check()).unwrap_err();
            assert_eq!(error.code(), "invalid-request", "{json}");
            assert_eq!(error.details()["field"], field, "{json}: {error}");
        }
        Request::from_json(r#"{"prompt":[1,2],"temperature":0,"seed":7}"#).unwrap().check().unwrap();
        let biased = Request::from_json(r#"{"prompt":"a","logit_bias":{"12":-100,"7":0.5}}"#).unwrap();
        biased.check().unwrap();
        assert_eq!(biased.logit_bias, BTreeMap::from([(7, 0.5), (12, -100.0)]));
    }
}
