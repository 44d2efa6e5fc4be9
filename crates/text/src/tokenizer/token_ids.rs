//! Maps a token's text to its id without a second copy of the texts.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::vocab::Vocab;

/// Finds tokens by text. Belongs to one [`Vocab`], which it does not hold.
#[derive(Debug)]
pub(super) struct TokenIds {
    table: HashTable<u32>,
    /// A randomly keyed hash, because the texts come from a file.
    hasher: RandomState,
}

impl TokenIds {
    /// The tokens of `vocab` that are `wanted`; of two with the same text, the later one.
    pub(super) fn of(vocab: &Vocab, wanted: impl Fn(u32) -> bool) -> Self {
        let mut ids = Self { table: HashTable::with_capacity(vocab.len()), hasher: RandomState::new() };
        for (id, text, _) in vocab.iter().filter(|&(id, text, _)| wanted(id) && !text.is_empty()) {
            let hash = ids.hasher.hash_one(text);
            match ids.table.find_mut(hash, |&other| vocab.text(other) == Some(text)) {
                Some(other) => *other = id,
                None => {
                    let hasher = &ids.hasher;
                    ids.table.insert_unique(hash, id, |&id| hasher.hash_one(vocab.text(id).unwrap_or("")));
                }
            }
        }
        ids
    }

    /// The token with this `text`.
    pub(super) fn get(&self, vocab: &Vocab, text: &str) -> Option<u32> {
        self.table.find(self.hasher.hash_one(text), |&id| vocab.text(id) == Some(text)).copied()
    }
}
