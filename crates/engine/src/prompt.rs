//! Converts a request to prompt tokens.

use std::borrow::Cow;

use linnet_graph::Backend;
use linnet_text::{EncodeOptions, TextError};

use crate::chat::{AnswerStart, ChatTemplates};
use crate::engine::Engine;
use crate::request::{Content, Message, Prompt, Role};
use crate::{Error, Request};

/// Reading stops at this many context lengths: enough to estimate the length of a prompt that does not fit.
const READ: usize = 4;

/// The prompt of a request.
pub(crate) struct PreparedPrompt<'a> {
    /// At least one.
    pub(crate) tokens: Vec<u32>,
    /// The start of the answer, in a chat.
    pub(crate) chat: Option<AnswerStart<'a>>,
}

/// The prompt of a request.
pub(crate) fn prepare<'a, B: Backend>(
    engine: &'a Engine<B>,
    request: &Request,
) -> Result<PreparedPrompt<'a>, Error> {
    refuse_long_texts(engine, request.messages.as_deref().unwrap_or_default())?;
    let mut chat = None;
    let tokens = match source(engine, request)? {
        Source::Text(text, options, start) => {
            let tokens = read(engine, &text, options)?;
            // A file's vocabulary may have more tokens than its embedding table has rows.
            check_ids(engine, &tokens)?;
            chat = start;
            tokens
        }
        Source::Tokens(tokens) => tokens.to_vec(),
    };
    if tokens.is_empty() {
        return Err(match &request.messages {
            Some(_) => Error::invalid("messages", "give an empty prompt; one of them must say something"),
            None => Error::invalid("prompt", "is empty; give at least one token"),
        });
    }
    Ok(PreparedPrompt { tokens, chat })
}

/// Rejects user texts whose length in bytes shows that they cannot fit, before the template copies them. (A
/// template may leave out other texts.)
pub(crate) fn refuse_long_texts<B: Backend>(engine: &Engine<B>, messages: &[Message]) -> Result<(), Error> {
    let context_length = engine.session.context_length();
    let most = READ * context_length;
    let said = messages.iter().filter(|message| message.role == Role::User);
    let texts: Vec<&String> =
        said.filter_map(|message| message.content.as_ref()).flat_map(Content::texts).collect();
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    if bytes <= most.saturating_mul(engine.tokenizer.longest_token()) {
        return Ok(());
    }
    let (mut tokens, mut seen) = (0, 0);
    for text in texts {
        let read = engine.tokenizer.encode_at_most(text, EncodeOptions::default(), most - tokens);
        tokens += match read {
            Ok(ids) => ids.len(),
            Err(TextError::TooManyTokens { about, .. }) => about,
            Err(error) => return Err(error.into()),
        };
        seen += text.len();
        if tokens > most {
            let about = (tokens as f64 * bytes as f64 / seen as f64) as usize;
            return Err(Error::PromptTooLong { about, context_length });
        }
    }
    Ok(())
}

/// Counts the tokens, any number, without storing them.
pub(crate) fn count<B: Backend>(engine: &Engine<B>, request: &Request) -> Result<usize, Error> {
    Ok(match source(engine, request)? {
        Source::Text(text, options, _) => engine.tokenizer.count(&text, options),
        Source::Tokens(tokens) => tokens.len(),
    })
}

/// The tokens of a text, unless it is far too long for the context.
pub(crate) fn read<B: Backend>(
    engine: &Engine<B>,
    text: &str,
    options: EncodeOptions,
) -> Result<Vec<u32>, Error> {
    let context_length = engine.session.context_length();
    engine.tokenizer.encode_at_most(text, options, READ * context_length).map_err(|error| match error {
        TextError::TooManyTokens { about, .. } => Error::PromptTooLong { about, context_length },
        error => error.into(),
    })
}

/// The source of a prompt's tokens.
enum Source<'e, 'r> {
    /// A text, and in a chat the start of the answer.
    Text(Cow<'r, str>, EncodeOptions, Option<AnswerStart<'e>>),
    Tokens(&'r [u32]),
}

fn source<'e, 'r, B: Backend>(engine: &'e Engine<B>, request: &'r Request) -> Result<Source<'e, 'r>, Error> {
    match (&request.messages, &request.prompt) {
        (Some(_), _) => {
            // The template writes the BOS token itself if the model needs one, and control tokens spelled in
            // messages are guarded.
            let options = EncodeOptions { add_special: false, parse_special: true };
            let (text, start) = chat(engine, request)?;
            Ok(Source::Text(text.into(), options, Some(start)))
        }
        (None, Some(Prompt::Text(text))) => {
            let options = EncodeOptions { add_special: true, parse_special: true };
            Ok(Source::Text(text.into(), options, None))
        }
        (None, Some(Prompt::Tokens(tokens))) => {
            check_ids(engine, tokens)?;
            Ok(Source::Tokens(tokens))
        }
        (None, None) => Ok(Source::Tokens(&[])),
    }
}

pub(crate) fn check_ids<B: Backend>(engine: &Engine<B>, tokens: &[u32]) -> Result<(), Error> {
    let vocabulary = engine.config().vocab_size;
    match tokens.iter().find(|token| **token as usize >= vocabulary) {
        Some(bad) => {
            let reason = format!("contains the token {bad}, but the vocabulary has only {vocabulary} tokens");
            Err(Error::invalid("prompt", reason))
        }
        None => Ok(()),
    }
}

/// Renders the messages with the model's template.
fn chat<'e, B: Backend>(
    engine: &'e Engine<B>,
    request: &Request,
) -> Result<(String, AnswerStart<'e>), Error> {
    templates(engine)?.start(request, engine.tokenizer(), (engine.platform.local_time)())
}

/// The model's chat templates.
pub(crate) fn templates<B: Backend>(engine: &Engine<B>) -> Result<&ChatTemplates, Error> {
    let chat = engine.chat.as_ref().ok_or_else(|| {
        Error::invalid(
            "messages",
            "need a chat template, which this model's file lacks; use a `prompt` instead",
        )
    })?;
    chat.as_ref().map_err(|error| Error::UnusableTemplate(error.clone()))
}
