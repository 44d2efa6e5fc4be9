//! Byte-pair encoding with ranked merges: of bytes in GPT-2's alphabet, or of characters as in Gemma 4.

use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;

use hashbrown::HashTable;
use linnet_gguf::{Metadata, Strings};

use super::bytes;
use super::characters::Characters;
use super::merge::{Joins, Symbol, Symbols, Windows};
use super::output::Output;
use super::pre_tokenizer::PreTokenizer;
use super::token_ids::TokenIds;
use super::vocab::{Kind, Vocab, bad};
use crate::TextError;

/// A BPE model. The tokenizer holds its vocabulary.
#[derive(Debug)]
pub(super) struct Bpe {
    words: PreTokenizer,
    ids: TokenIds,
    merges: Merges,
    /// The token of each byte. A byte may have none (SmolLM2 lacks some control characters); it is left out
    /// then, as in the reference implementations.
    byte_ids: [Option<u32>; 256],
    windows: Windows,
}

impl Bpe {
    /// Builds the model from the vocabulary and merges in `metadata`.
    pub(super) fn new(metadata: &Metadata, vocab: &Vocab, words: PreTokenizer) -> Result<Self, TextError> {
        const MERGES: &str = "tokenizer.ggml.merges";
        let lines = metadata.strings(MERGES)?.ok_or(TextError::MissingKey { key: MERGES })?;
        // Plain text never becomes the other tokens, whatever the merges say.
        let ids = TokenIds::of(vocab, |id| vocab.is_merged(id));
        let mut byte_ids = [None; 256];
        if words.characters {
            for (id, text, _) in vocab.iter().filter(|(_, _, kind)| *kind == Kind::Byte) {
                if let Some(byte) = bytes::parse_byte_token(text) {
                    byte_ids[usize::from(byte)] = Some(id);
                }
            }
        } else {
            let mut spelled = String::new();
            for (byte, id) in (0..=u8::MAX).zip(&mut byte_ids) {
                spelled.clear();
                bytes::to_byte_level(&[byte], &mut spelled);
                *id = ids.get(vocab, &spelled);
            }
        }
        let merges = Merges::read(lines, vocab, &ids)?;
        let from_text = vocab.iter().filter(|(_, _, kind)| kind.is_from_text());
        // In GPT-2's alphabet a character is a byte.
        let length = |text: &str| if words.characters { text.len() } else { text.chars().count() };
        let windows = Windows::new(from_text.map(|(_, text, _)| length(text)));
        Ok(Self { words, ids, merges, byte_ids, windows })
    }

    /// Whether a prompt starts with BOS if the file does not say.
    pub(super) fn default_add_bos(&self) -> bool {
        self.words.add_bos
    }

    /// Encodes `text`. Returns whether more tokens are wanted.
    pub(super) fn encode(&self, vocab: &Vocab, text: &str, out: &mut Output) -> bool {
        let mut symbols = Symbols::default();
        let mut spelled = String::new();
        self.words.split(text, &mut |word| {
            if self.words.characters {
                return self.encode_characters(vocab, word, &mut symbols, out);
            }
            if self.words.whole_words && word.len() <= self.windows.longest() {
                spelled.clear();
                bytes::to_byte_level(word.as_bytes(), &mut spelled);
                if let Some(id) = self.ids.get(vocab, &spelled) {
                    out.push(id);
                    return out.took(word.len());
                }
            }
            self.encode_bytes(vocab, word.as_bytes(), &mut symbols, out)
        })
    }

    fn encode_bytes(&self, vocab: &Vocab, word: &[u8], symbols: &mut Symbols, out: &mut Output) -> bool {
        let (mut rest, mut size) = (word, self.windows.least());
        while !rest.is_empty() {
            let text = &rest[..size.min(rest.len())];
            let window = Bytes { of: self, vocab, text };
            let end = match self.windows.merge(symbols, &window, text.len() < rest.len()) {
                ControlFlow::Break(longer) => {
                    size = longer;
                    continue;
                }
                ControlFlow::Continue(end) => end,
            };
            out.extend(symbols.remaining().filter_map(|symbol| symbol.id));
            rest = &rest[end..];
            if !out.took(end) {
                return false;
            }
        }
        true
    }

    fn encode_characters(&self, vocab: &Vocab, word: &str, symbols: &mut Symbols, out: &mut Output) -> bool {
        // Line ends are not merged, so a token of several is only found as a whole.
        if word.starts_with('\n')
            && word.len() <= self.windows.longest()
            && let Some(id) = self.ids.get(vocab, word)
        {
            out.push(id);
            return out.took(word.len());
        }
        let join = |_: &str, left: &Symbol, right: &Symbol| self.join(left, right);
        let characters = Characters { vocab, ids: &self.ids, windows: &self.windows, join };
        characters.encode(word, false, symbols, |byte| self.byte_ids[usize::from(byte)], out)
    }

    fn join(&self, left: &Symbol, right: &Symbol) -> Option<(i64, u32)> {
        let (rank, id) = self.merges.get(left.id?, right.id?)?;
        Some((-i64::from(rank), id))
    }

    #[cfg(test)]
    pub(super) fn windows(&mut self) -> &mut Windows {
        &mut self.windows
    }
}

/// A window of a word, as bytes.
struct Bytes<'a> {
    of: &'a Bpe,
    vocab: &'a Vocab,
    text: &'a [u8],
}

impl Joins for Bytes<'_> {
    fn len(&self) -> usize {
        self.text.len()
    }

    fn unit(&self, start: usize) -> (usize, Option<u32>) {
        (1, self.of.byte_ids[usize::from(self.text[start])])
    }

    fn token(&self, start: usize, len: usize) -> Option<u32> {
        let mut spelled = String::new();
        bytes::to_byte_level(self.text.get(start..start + len)?, &mut spelled);
        self.of.ids.get(self.vocab, &spelled)
    }

    fn join(&self, left: &Symbol, right: &Symbol) -> Option<(i64, u32)> {
        self.of.join(left, right)
    }
}

/// The pairs that may be merged, by rank.
#[derive(Debug)]
struct Merges {
    merges: Vec<Merge>,
    /// Index in `merges` by pair.
    ranks: HashTable<u32>,
    /// A randomly keyed hash, because the merges come from a file.
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Merge {
    pair: (u32, u32),
    product: u32,
}

impl Merges {
    /// Reads `lines`, each two tokens separated by a space, and skips merges to tokens that text must not
    /// become. Of duplicates, the first counts.
    fn read(lines: &Strings, vocab: &Vocab, ids: &TokenIds) -> Result<Self, TextError> {
        if u32::try_from(lines.len()).is_err() {
            return Err(bad(format!("{} merges", lines.len())));
        }
        let mut read = Self {
            merges: Vec::with_capacity(lines.len()),
            ranks: HashTable::with_capacity(lines.len()),
            hasher: RandomState::new(),
        };
        let mut withheld: Option<TokenIds> = None;
        let mut product = String::new();
        for line in lines.iter() {
            let Some((left, right)) = pair_of(line) else {
                return Err(bad(format!("the merge {line:?} is not a pair of tokens")));
            };
            product.clear();
            product.extend([left, right]);
            let mut missing = None;
            let mut id = |part: &str| {
                let id = ids.get(vocab, part);
                if id.is_none() && missing.is_none() {
                    missing = Some(part.to_owned());
                }
                id
            };
            if let (Some(left), Some(right), Some(product)) = (id(left), id(right), id(&product)) {
                read.push(Merge { pair: (left, right), product });
            } else if let Some(part) = missing {
                let withheld = withheld.get_or_insert_with(|| TokenIds::of(vocab, |id| !vocab.is_merged(id)));
                if withheld.get(vocab, &part).is_none() {
                    return Err(bad(format!(
                        "the merge {line:?} needs the token {part:?}, which does not exist"
                    )));
                }
            }
        }
        Ok(read)
    }

    fn push(&mut self, merge: Merge) {
        if self.get(merge.pair.0, merge.pair.1).is_some() {
            return;
        }
        let Self { merges, ranks, hasher } = self;
        // There are fewer than 2^32 lines.
        let rank = merges.len() as u32;
        merges.push(merge);
        ranks.insert_unique(hasher.hash_one(merge.pair), rank, |&rank| {
            hasher.hash_one(merges[rank as usize].pair)
        });
    }

    /// The rank of the pair and the merged token.
    fn get(&self, left: u32, right: u32) -> Option<(u32, u32)> {
        let pair = (left, right);
        let same = |&rank: &u32| self.merges[rank as usize].pair == pair;
        let rank = *self.ranks.find(self.hasher.hash_one(pair), same)?;
        Some((rank, self.merges[rank as usize].product))
    }
}

/// The two parts of a merge, separated by the first space that is not the first character.
fn pair_of(line: &str) -> Option<(&str, &str)> {
    let (at, _) = line.char_indices().skip(1).find(|&(_, c)| c == ' ')?;
    let (left, right) = (&line[..at], &line[at + 1..]);
    (!right.is_empty()).then_some((left, right))
}
