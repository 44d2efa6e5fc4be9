//! SentencePiece vocabularies with scores (`tokenizer.ggml.model` = `llama`): of all neighbours whose concatenation
//! is a token, the pair with the best score is joined first, the leftmost among equals, as llama.cpp does.
//!
//! The `tokenizers` crate merges by rank alone, and tokens of one score have no rank among themselves (which pair
//! goes first is decided by position), so this is its own.

use std::collections::{BinaryHeap, HashMap};

use linnet_gguf::{Array, Metadata};

use super::bytes;
use super::vocab::{Kind, Vocab, bad};
use crate::TextError;

/// A SentencePiece model.
#[derive(Debug)]
pub(super) struct SentencePiece {
    ids: HashMap<Box<str>, u32>,
    /// Score of each token id.
    scores: Vec<f32>,
    /// The token of each byte.
    byte_ids: [u32; 256],
}

/// A run of text that is, or may become, one token; `len` is 0 once its left neighbour has taken it in.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    len: usize,
    prev: usize,
    next: usize,
}

/// No neighbour on this side.
const NONE: usize = usize::MAX;

/// Two neighbours that can be joined. The greatest is joined first.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both when this was found; they are still what was found if they still have this many.
    len: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pair {}

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
        let mut ids = HashMap::with_capacity(vocab.len());
        for (id, text, kind) in vocab.iter() {
            match kind {
                Kind::Byte => {
                    if let Some(byte) = bytes::parse_byte_token(text) {
                        byte_ids[usize::from(byte)] = Some(id);
                    }
                }
                kind if kind.is_from_text() && !text.is_empty() => {
                    ids.insert(text.into(), id);
                }
                _ => {}
            }
        }
        let mut table = [0; 256];
        for (byte, (slot, id)) in table.iter_mut().zip(byte_ids).enumerate() {
            *slot = id.ok_or_else(|| bad(format!("no token for the byte {byte:#04x}")))?;
        }
        Ok(Self { ids, scores, byte_ids: table })
    }

    /// Appends the tokens of `text`, after a space if `prefixed`.
    pub(super) fn encode(&self, text: &str, prefixed: bool, ids: &mut Vec<u32>) {
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

        let mut symbols = characters(&escaped);
        let mut pairs = BinaryHeap::new();
        for right in 1..symbols.len() {
            pairs.extend(self.pair(&escaped, &symbols, right - 1, right));
        }
        while let Some(pair) = pairs.pop() {
            let (left, right) = (symbols[pair.left], symbols[pair.right]);
            if left.len == 0 || right.len == 0 || left.len + right.len != pair.len {
                continue;
            }
            symbols[pair.left].len = pair.len;
            symbols[pair.left].next = right.next;
            symbols[pair.right].len = 0;
            if right.next != NONE {
                symbols[right.next].prev = pair.left;
                pairs.extend(self.pair(&escaped, &symbols, pair.left, right.next));
            }
            if left.prev != NONE {
                pairs.extend(self.pair(&escaped, &symbols, left.prev, pair.left));
            }
        }

        for symbol in symbols.iter().filter(|symbol| symbol.len > 0) {
            let text = &escaped[symbol.start..symbol.start + symbol.len];
            match self.ids.get(text) {
                Some(&id) => ids.push(id),
                // Joined symbols are tokens, so this is one character that has no token.
                None => ids.extend(text.bytes().map(|byte| self.byte_ids[usize::from(byte)])),
            }
        }
    }

    /// The join of two neighbours, if it is a token.
    fn pair(&self, text: &str, symbols: &[Symbol], left: usize, right: usize) -> Option<Pair> {
        let (from, len) = (symbols[left].start, symbols[left].len + symbols[right].len);
        let id = *self.ids.get(&text[from..from + len])?;
        Some(Pair { score: *self.scores.get(id as usize)?, left, right, len })
    }
}

/// One symbol for each character of `text`.
fn characters(text: &str) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = text
        .char_indices()
        .enumerate()
        .map(|(index, (start, c))| Symbol {
            start,
            len: c.len_utf8(),
            prev: index.wrapping_sub(1),
            next: index + 1,
        })
        .collect();
    if let Some(last) = symbols.last_mut() {
        last.next = NONE;
    }
    symbols
}
