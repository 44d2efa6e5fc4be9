//! SentencePiece vocabularies with scores (`tokenizer.ggml.model` = `llama`). As in llama.cpp, the pair of
//! neighbours with the best score whose concatenation is a token is merged first, the leftmost on a tie.

use linnet_gguf::{Array, Metadata};

use super::bytes;
use super::characters::Characters;
use super::merge::{Symbol, Symbols, Windows};
use super::output::Output;
use super::token_ids::TokenIds;
use super::vocab::{Kind, Vocab, bad};
use crate::TextError;

/// A SentencePiece model. The tokenizer holds its vocabulary.
#[derive(Debug)]
pub(super) struct SentencePiece {
    ids: TokenIds,
    /// The rank of each token's score.
    priorities: Vec<i32>,
    /// The token of each byte.
    byte_ids: [u32; 256],
    windows: Windows,
}

impl SentencePiece {
    /// Builds the model from the vocabulary and scores in `metadata`.
    pub(super) fn new(metadata: &Metadata, vocab: &Vocab) -> Result<Self, TextError> {
        const SCORES: &str = "tokenizer.ggml.scores";
        let scores = metadata.array(SCORES)?.ok_or(TextError::MissingKey { key: SCORES })?;
        if scores.len() != vocab.len() {
            return Err(bad(format!("{} tokens, but {} in {SCORES}", vocab.len(), scores.len())));
        }
        let priorities = match scores {
            Array::F32(scores) => scores.iter().copied().map(order).collect(),
            _ => {
                let scores = metadata.integers(SCORES)?.ok_or(TextError::MissingKey { key: SCORES })?;
                scores.iter().map(|score| order(score as f32)).collect()
            }
        };
        let mut byte_ids = [vocab.unknown; 256];
        for (id, text, _) in vocab.iter().filter(|(_, _, kind)| *kind == Kind::Byte) {
            if let Some(byte) = bytes::parse_byte_token(text) {
                byte_ids[usize::from(byte)] = Some(id);
            }
        }
        let mut table = [0; 256];
        for (byte, (slot, id)) in table.iter_mut().zip(byte_ids).enumerate() {
            *slot = id.ok_or_else(|| bad(format!("the byte {byte:#04x} has no token")))?;
        }
        let from_text = |kind: Kind| kind != Kind::Byte && kind.is_from_text();
        let lengths = vocab.iter().filter(|&(_, _, kind)| from_text(kind)).map(|(_, text, _)| text.len());
        Ok(Self {
            windows: Windows::new(lengths),
            ids: TokenIds::of(vocab, |id| vocab.kind(id).is_some_and(from_text) && vocab.is_merged(id)),
            priorities,
            byte_ids: table,
        })
    }

    /// Encodes `text`, with a leading space if `prefixed`. Returns whether more tokens are wanted.
    pub(super) fn encode(&self, vocab: &Vocab, text: &str, prefixed: bool, out: &mut Output) -> bool {
        let join = |text: &str, left: &Symbol, right: &Symbol| {
            let id = self.ids.get(vocab, &text[left.start..right.start + right.len])?;
            Some((i64::from(*self.priorities.get(id as usize)?), id))
        };
        let characters = Characters { vocab, ids: &self.ids, windows: &self.windows, join };
        let byte = |byte| Some(self.byte_ids[usize::from(byte)]);
        characters.encode(text, prefixed, &mut Symbols::default(), byte, out)
    }

    #[cfg(test)]
    pub(super) fn windows(&mut self) -> &mut Windows {
        &mut self.windows
    }
}

/// An integer that orders like the score (like [`f32::total_cmp`], except that both zeros are equal).
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
