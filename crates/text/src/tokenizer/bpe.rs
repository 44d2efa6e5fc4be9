//! Byte-level BPE: words in GPT-2's alphabet, merged by the `tokenizers` crate in the order of the file's merges.

use linnet_gguf::Metadata;
use tokenizers::Model;
use tokenizers::models::bpe::{BPE, Merges, Vocab as TokenIds};

use super::bytes;
use super::vocab::{Vocab, bad};
use super::words::Words;
use crate::TextError;

/// A byte-level BPE model.
#[derive(Debug)]
pub(super) struct ByteBpe {
    words: Words,
    model: BPE,
}

impl ByteBpe {
    /// Builds the model from the vocabulary and the merges of `metadata`.
    pub(super) fn new(metadata: &Metadata, vocab: &Vocab, words: Words) -> Result<Self, TextError> {
        const MERGES: &str = "tokenizer.ggml.merges";
        let lines = metadata.strings(MERGES)?.ok_or(TextError::MissingKey { key: MERGES })?;
        // What is not here cannot be made from text, whatever the merges say.
        let ids: TokenIds = vocab
            .iter()
            .filter(|(_, _, kind)| kind.is_from_text())
            .map(|(id, text, _)| (text.to_owned(), id))
            .collect();
        let merges = parse_merges(lines, &ids, vocab)?;
        let model = BPE::builder()
            .vocab_and_merges(ids, merges)
            .ignore_merges(words.ignore_merges)
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self { words, model })
    }

    /// Whether a prompt begins with BOS where the file does not say.
    pub(super) fn default_add_bos(&self) -> bool {
        self.words.add_bos
    }

    /// Appends the tokens of `text`. A byte that has no token (SmolLM2 lacks some control characters) is left out, as
    /// the reference implementations do.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TextError> {
        let mut spelled = String::new();
        self.words.split(text, &mut |word| {
            spelled.clear();
            bytes::to_byte_level(word, &mut spelled);
            let tokens = self.model.tokenize(&spelled).map_err(|error| bad(error.to_string()))?;
            ids.extend(tokens.iter().map(|token| token.id));
            Ok(())
        })
    }
}

/// The merges as pairs, without those that would make a token that text must not become.
fn parse_merges(lines: &[String], ids: &TokenIds, vocab: &Vocab) -> Result<Merges, TextError> {
    let mut merges = Vec::with_capacity(lines.len());
    let mut product = String::new();
    let mut withheld: Option<Vec<&str>> = None;
    for line in lines {
        let pair = line.char_indices().skip(1).find(|&(_, c)| c == ' ').map(|(at, _)| line.split_at(at));
        let Some((left, right)) = pair.map(|(left, right)| (left, &right[1..])) else {
            return Err(bad(format!("the merge {line:?} is not a pair")));
        };
        product.clear();
        product.push_str(left);
        product.push_str(right);
        match [left, right, &product].into_iter().find(|part| !ids.contains_key(*part)) {
            None => merges.push((left.to_owned(), right.to_owned())),
            Some(part) => {
                let withheld = withheld.get_or_insert_with(|| {
                    vocab
                        .iter()
                        .filter(|(_, _, kind)| !kind.is_from_text())
                        .map(|(_, text, _)| text)
                        .collect()
                });
                if !withheld.contains(&part) {
                    return Err(bad(format!(
                        "the merge {line:?} needs the token {part:?}, which does not exist"
                    )));
                }
            }
        }
    }
    Ok(merges)
}
