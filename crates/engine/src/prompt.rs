//! From a request to prompt tokens.

use linnet_graph::Backend;
use linnet_text::EncodeOptions;

use crate::engine::Engine;
use crate::request::{Message, Prompt};
use crate::{Error, Request};

/// The tokens of a request's prompt; at least one.
pub(crate) fn tokens<B: Backend>(engine: &Engine<B>, request: &Request) -> Result<Vec<u32>, Error> {
    let tokens = all(engine, request)?;
    if tokens.is_empty() {
        return Err(Error::invalid("prompt", "is empty; give at least one token"));
    }
    Ok(tokens)
}

/// The same, where there may be none.
pub(crate) fn all<B: Backend>(engine: &Engine<B>, request: &Request) -> Result<Vec<u32>, Error> {
    let tokens = match (&request.messages, &request.prompt) {
        (Some(messages), _) => chat(engine, messages)?,
        (None, Some(Prompt::Text(text))) => {
            engine.tokenizer.encode(text, EncodeOptions { add_special: true, parse_special: true })?
        }
        (None, Some(Prompt::Tokens(tokens))) => tokens.clone(),
        (None, None) => Vec::new(),
    };
    let vocabulary = engine.config().vocab_size;
    if let Some(bad) = tokens.iter().find(|t| **t as usize >= vocabulary) {
        return Err(Error::invalid(
            "prompt",
            format!("has the token {bad}, but the vocabulary ends at {vocabulary}"),
        ));
    }
    Ok(tokens)
}

fn chat<B: Backend>(engine: &Engine<B>, messages: &[Message]) -> Result<Vec<u32>, Error> {
    let chat = engine.chat.as_ref().ok_or_else(|| {
        Error::invalid(
            "messages",
            "need a chat template, which this model's file lacks; use a `prompt` instead",
        )
    })?;
    let tokenizer = engine.tokenizer();
    let prompt = chat.prompt(messages, tokenizer, (engine.platform.local_time)())?;
    // The template itself writes the beginning-of-sequence token where the model wants one, and control tokens that a
    // message merely spells are guarded.
    Ok(tokenizer.encode(&prompt, EncodeOptions { add_special: false, parse_special: true })?)
}
