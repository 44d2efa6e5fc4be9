//! A set of tokens.

/// The tokens that may come next: one bit per token id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenMask {
    words: Vec<u32>,
}

impl TokenMask {
    /// The set with no token, for a vocabulary of `tokens` tokens.
    #[must_use]
    pub fn empty(tokens: usize) -> Self {
        Self { words: vec![0; tokens.div_ceil(32)] }
    }

    /// The set with these bits: token `id` is bit `id % 32` of word `id / 32`. Bits beyond the vocabulary must be 0.
    #[must_use]
    pub fn from_words(words: Vec<u32>) -> Self {
        Self { words }
    }

    /// The bits, as in [`TokenMask::from_words`].
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Adds a token; ignored if the vocabulary has no such id.
    pub fn insert(&mut self, token: u32) {
        if let Some(word) = self.words.get_mut(token as usize / 32) {
            *word |= 1 << (token % 32);
        }
    }

    /// Whether the token is in the set.
    #[must_use]
    pub fn contains(&self, token: u32) -> bool {
        self.words.get(token as usize / 32).is_some_and(|word| word & (1 << (token % 32)) != 0)
    }

    /// Number of tokens in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether the set has no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The ids in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.words).flat_map(|(index, &word)| {
            (0..32).filter(move |bit| word & (1 << bit) != 0).map(move |bit| index * 32 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::TokenMask;

    #[test]
    fn bits_are_tokens() {
        let mut mask = TokenMask::empty(70);
        for token in [0, 31, 32, 69, 1000] {
            mask.insert(token);
        }
        assert_eq!(mask.iter().collect::<Vec<_>>(), [0, 31, 32, 69]);
        assert_eq!((mask.len(), mask.is_empty()), (4, false));
        assert!(mask.contains(69) && !mask.contains(68) && !mask.contains(1000));
        assert_eq!(TokenMask::from_words(mask.words().to_vec()), mask);
        assert!(TokenMask::empty(70).is_empty());
    }
}
