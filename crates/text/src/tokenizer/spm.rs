//! SentencePiece vocabularies with scores (`tokenizer.ggml.model` = `llama`): of all neighbours whose concatenation
//! is a token, the pair with the best score is joined first, the leftmost among equals, as llama.cpp does.

use linnet_gguf::{Array, Metadata};

use super::bytes;
use super::merge::Symbols;
use super::token_ids::TokenIds;
use super::vocab::{Kind, Vocab, bad};
use crate::TextError;

/// A SentencePiece model. Its vocabulary is kept by the tokenizer.
#[derive(Debug)]
pub(super) struct SentencePiece {
    ids: TokenIds,
    /// The order of each token id's score.
    priorities: Vec<i32>,
    /// The token of each byte.
    byte_ids: [u32; 256],
}

impl SentencePiece {
    /// Builds the model from the vocabulary and the scores of `metadata`.
    pub(super) fn new(metadata: &Metadata, vocab: &Vocab) -> Result<Self, TextError> {
        const SCORES: &str = "tokenizer.ggml.scores";
        let scores: Vec<f32> = match metadata.array(SCORES)? {
            Some(Array::F32(scores)) => scores.clone(),
            Some(_) => {
                let scores = metadata.integers(SCORES)?.unwrap_or_default();
                scores.into_iter().map(|score| score as f32).collect()
            }
            None => return Err(TextError::MissingKey { key: SCORES }),
        };
        if scores.len() != vocab.len() {
            return Err(bad(format!("{} tokens, but {} in {SCORES}", vocab.len(), scores.len())));
        }
        let mut byte_ids = [vocab.unknown; 256];
        for (id, text, _) in vocab.iter().filter(|(_, _, kind)| *kind == Kind::Byte) {
            if let Some(byte) = bytes::parse_byte_token(text) {
                byte_ids[usize::from(byte)] = Some(id);
            }
        }
        let mut table = [0; 256];
        for (byte, (slot, id)) in table.iter_mut().zip(byte_ids).enumerate() {
            *slot = id.ok_or_else(|| bad(format!("no token for the byte {byte:#04x}")))?;
        }
        let from_text = |kind: Kind| kind != Kind::Byte && kind.is_from_text();
        Ok(Self {
            ids: TokenIds::of(vocab, |id| vocab.kind(id).is_some_and(from_text)),
            priorities: scores.into_iter().map(order).collect(),
            byte_ids: table,
        })
    }

    /// Appends the tokens of `text`, after a space if `prefixed`.
    pub(super) fn encode(&self, vocab: &Vocab, text: &str, prefixed: bool, ids: &mut Vec<u32>) {
        let mut escaped = String::with_capacity(text.len() + text.len() / 2 + bytes::SPACE.len());
        if prefixed {
            escaped.push_str(bytes::SPACE);
        }
        for (nth, part) in text.split(' ').enumerate() {
            if nth > 0 {
                escaped.push_str(bytes::SPACE);
            }
            escaped.push_str(part);
        }
        let mut symbols = Symbols::default();
        symbols.fill(escaped.split_inclusive(|_| true).map(|c| (c.len(), self.ids.get(vocab, c))));
        symbols.merge(|left, right| {
            let id = self.ids.get(vocab, &escaped[left.start..right.start + right.len])?;
            Some((i64::from(*self.priorities.get(id as usize)?), id))
        });
        for symbol in symbols.remaining() {
            match symbol.id {
                Some(id) => ids.push(id),
                // Joined symbols are tokens, so this is one character that has no token.
                None => {
                    let bytes = escaped[symbol.start..symbol.start + symbol.len].bytes();
                    ids.extend(bytes.map(|byte| self.byte_ids[usize::from(byte)]));
                }
            }
        }
    }
}

/// A number that compares as the score does (as [`f32::total_cmp`], but that both zeros are one).
fn order(score: f32) -> i32 {
    let bits = (score + 0.0).to_bits() as i32;
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn scores_keep_their_order() {
        let scores = [f32::NEG_INFINITY, -1e6, -2.0, -1.0, -1e-40, 0.0, 1e-40, 3.0, f32::INFINITY, f32::NAN];
        assert!(scores.map(order).is_sorted_by(|a, b| a < b));
        assert_eq!(order(-0.0), order(0.0));
    }
}
