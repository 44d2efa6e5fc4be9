//! A template with a vocabulary, as in a model's file.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use linnet_engine::{AnswerStart, ChatTemplates, Error, Request};
use linnet_gguf::{Array, Gguf, HeaderWriter, Strings, Value};
use linnet_text::{Detokenizer, EncodeOptions, Tokenizer};

use super::super::golden::{GoldenError, text};
use super::{Tokens, now};
use crate::synth::vocabulary::spelled_byte;

/// `tokenizer.ggml.token_type` of text.
const NORMAL: i32 = 1;
/// Number of tokens before the marks: one for each byte.
const BYTES: u32 = 256;
/// Maximum length of a mark in bytes.
const LONGEST: usize = 40;

/// `tokenizer.ggml.token_type` of the marks of a template.
#[derive(Clone, Copy, Debug)]
pub enum MarkType {
    Control = 3,
    UserDefined = 4,
}

/// What renders a prompt.
pub struct Model {
    pub templates: ChatTemplates,
    tokenizer: Arc<Tokenizer>,
    /// The marks of the template.
    pub marks: BTreeSet<String>,
}

impl Model {
    /// Reads a template. Its vocabulary has the bytes, and as tokens of this type these tokens and marks, and
    /// all that the template spells as `<|name|>`.
    pub fn read(
        path: &Path,
        tokens: &Tokens,
        marks: &[String],
        mark_type: MarkType,
    ) -> Result<Self, GoldenError> {
        let source = text(path)?;
        let format = |reason: &dyn Display| GoldenError::Format {
            path: path.to_owned(),
            format: "chat template",
            reason: reason.to_string(),
        };
        let mut marks: BTreeSet<String> = marks.iter().cloned().collect();
        marks.extend([tokens.bos_token.clone(), tokens.eos_token.clone()]);
        marks.extend(spelled_marks(&source));
        marks.retain(|token| !token.is_empty());
        let header = header(&source, tokens, &marks, mark_type);
        let metadata = Gguf::parse(&header).map_err(|error| format(&error))?.metadata;
        let tokenizer = Arc::new(Tokenizer::from_gguf(&metadata).map_err(|error| format(&error))?);
        let templates = ChatTemplates::from_gguf(&metadata, &tokenizer, now());
        match templates.map_err(|error| format(&error))? {
            Some(Ok(templates)) => Ok(Model { templates, tokenizer, marks }),
            Some(Err(error)) => Err(format(&error)),
            None => Err(format(&"it is missing")),
        }
    }

    /// The prompt of a request, as the model reads it: without guards.
    pub fn prompt(&self, request: &Request) -> Result<String, Error> {
        const GUARD: char = '\u{FDD0}';
        self.templates.prompt(request, &self.tokenizer, now()).map(|prompt| prompt.replace(GUARD, ""))
    }

    /// How to read the answer to a request.
    pub fn answer(&self, request: &Request) -> Result<AnswerStart<'_>, Error> {
        self.templates.start(request, &self.tokenizer, now()).map(|(_, start)| start)
    }

    /// The text of an answer as the tokens' detokenizer returns it, in a piece for each token.
    pub fn pieces(&self, answer: &AnswerStart<'_>, text: &str) -> Result<Vec<String>, Error> {
        let options = EncodeOptions { add_special: false, parse_special: true };
        let tokens = self.tokenizer.encode(text, options)?;
        let mut detokenizer =
            Detokenizer::new(Arc::clone(&self.tokenizer)).showing(Arc::clone(answer.shown()));
        let mut pieces: Vec<String> = tokens.into_iter().map(|token| detokenizer.push(token)).collect();
        pieces.push(detokenizer.finish());
        Ok(pieces)
    }

    /// The marks in a request's prompt, as the model reads it.
    pub fn marks_in_prompt(&self, request: &Request) -> Result<Vec<u32>, Error> {
        let prompt = self.templates.prompt(request, &self.tokenizer, now())?;
        let options = EncodeOptions { add_special: false, parse_special: true };
        let mut tokens = self.tokenizer.encode(&prompt, options)?;
        tokens.retain(|token| *token >= BYTES);
        Ok(tokens)
    }

    /// Whether templates may split answers at this mark: it is around the model's reasoning.
    pub fn splits_at(&self, mark: &str) -> bool {
        match self.templates.format().inline_reasoning() {
            Some(own) => own.open.contains(mark) || own.close.contains(mark),
            None => ["<think>", "</think>"].contains(&mark),
        }
    }
}

/// The header of a file with this template.
fn header(source: &str, tokens: &Tokens, marks: &BTreeSet<String>, mark_type: MarkType) -> Vec<u8> {
    let mut writer = HeaderWriter::new();
    let mut strings: Strings = (0..256).map(spelled_byte).collect();
    let mut types = vec![NORMAL; strings.len()];
    for (index, token) in marks.iter().enumerate() {
        strings.push(token);
        types.push(mark_type as i32);
        for (key, text) in [("bos", &tokens.bos_token), ("eos", &tokens.eos_token)] {
            if token == text {
                let id = Value::U32(BYTES + index as u32);
                writer.metadata(&format!("tokenizer.ggml.{key}_token_id"), id);
            }
        }
    }
    for (key, value) in [
        ("general.architecture", Value::String("llama".into())),
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.pre", Value::String("gpt-2".into())),
        ("tokenizer.ggml.tokens", Value::Array(Array::Strings(strings))),
        ("tokenizer.ggml.token_type", Value::Array(Array::I32(types))),
        ("tokenizer.ggml.merges", Value::Array(Array::Strings(Strings::default()))),
        ("tokenizer.chat_template", Value::String(source.into())),
    ] {
        writer.metadata(key, value);
    }
    writer.to_bytes()
}

/// What the template spells as `<|name|>`.
fn spelled_marks(source: &str) -> impl Iterator<Item = String> {
    source.match_indices("<|").filter_map(|(start, _)| {
        let (name, _) = source[start + 2..].split_once("|>")?;
        let is_name =
            !name.is_empty() && name.len() <= LONGEST && !name.contains(['\'', '"', '<', ' ', '\n']);
        is_name.then(|| format!("<|{name}|>"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_a_template() {
        let found: Vec<String> = spelled_marks("{{ '<|a|>' }}<|' + role + '|><|b_c|><|").collect();
        assert_eq!(found, ["<|a|>", "<|b_c|>"]);
    }
}
