//! From a request to prompt tokens.

use linnet_graph::Backend;
use linnet_text::{ChatContext, EncodeOptions, Tokenizer};
use serde_json::json;

use crate::engine::Engine;
use crate::request::{Message, Prompt};
use crate::{Error, Request};

/// Stands inside a control token's text where a message contains one, so that the tokenizer does not take what a user
/// typed for a control token. A Unicode noncharacter, which means nothing in text.
const BREAK: char = '\u{FDD0}';

/// The tokens of a request's prompt; at least one.
pub(crate) fn tokens<B: Backend>(engine: &Engine<B>, request: &Request) -> Result<Vec<u32>, Error> {
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
    if tokens.is_empty() {
        return Err(Error::invalid("prompt", "is empty; give at least one token"));
    }
    Ok(tokens)
}

fn chat<B: Backend>(engine: &Engine<B>, messages: &[Message]) -> Result<Vec<u32>, Error> {
    let template = engine.template.as_ref().ok_or_else(|| {
        Error::invalid(
            "messages",
            "need a chat template, which this model's file lacks; use a `prompt` instead",
        )
    })?;
    let tokenizer = engine.tokenizer();
    let messages = messages
        .iter()
        .map(|m| json!({ "role": m.role, "content": break_control_tokens(tokenizer, &m.content.text()) }))
        .collect();
    let rendered = template.render(&ChatContext {
        messages,
        tools: None,
        documents: None,
        add_generation_prompt: true,
        extra: serde_json::Map::new(),
        now: (engine.platform.local_time)(),
    })?;
    // The template itself writes the beginning-of-sequence token where the model wants one.
    let mut tokens = Vec::new();
    for part in rendered.split(BREAK) {
        tokens.extend(tokenizer.encode(part, EncodeOptions { add_special: false, parse_special: true })?);
    }
    Ok(tokens)
}

/// Puts a [`BREAK`] behind the first character of every control token's text in `text`.
fn break_control_tokens(tokenizer: &Tokenizer, text: &str) -> String {
    let mut text: String = text.chars().filter(|c| *c != BREAK).collect();
    let controls = (0..tokenizer.vocab_size() as u32).filter(|id| tokenizer.is_control(*id));
    for control in controls.filter_map(|id| tokenizer.token_text(id)) {
        let Some(first) = control.chars().next().filter(|_| text.contains(control)) else { continue };
        let broken = format!("{first}{BREAK}{}", &control[first.len_utf8()..]);
        text = text.replace(control, &broken);
    }
    text
}
