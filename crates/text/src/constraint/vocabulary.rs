//! The tokens of a model, as constraints see them.

use crate::Tokenizer;

/// A token, as a constraint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VocabularyToken<'t> {
    /// Text: any bytes, also parts of characters.
    Text(&'t [u8]),
    /// A control token: allowed only where a constraint [names it](super::Part::Token), whatever it spells.
    Control,
    /// Never allowed: tokens without use.
    Never,
    /// Ends an answer; allowed where the text is complete.
    End,
}

impl Tokenizer {
    /// The tokens by id, as a constraint sees them.
    pub fn vocabulary(&self) -> impl Iterator<Item = VocabularyToken<'_>> {
        let count = u32::try_from(self.vocab_size()).unwrap_or(u32::MAX);
        (0..count).map(|id| match self.token_bytes(id) {
            _ if self.is_end_of_generation(id) => VocabularyToken::End,
            _ if self.is_control(id) => VocabularyToken::Control,
            Some(bytes) => VocabularyToken::Text(bytes),
            None => VocabularyToken::Never,
        })
    }
}

/// The same tokens in two arrays, in which they go from one wasm module to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedVocabulary {
    /// The bytes of all texts, one after the other.
    pub bytes: Vec<u8>,
    /// The length of each token's text: 0 for tokens that are never allowed, [`PackedVocabulary::CONTROL`] for control
    /// tokens, [`PackedVocabulary::END`] for those that end an answer.
    pub lengths: Vec<u32>,
}

impl PackedVocabulary {
    /// Instead of a length: the token ends an answer.
    pub const END: u32 = u32::MAX;
    /// Instead of a length: a control token.
    pub const CONTROL: u32 = u32::MAX - 1;

    /// Packs tokens. No text can be longer than a file.
    pub fn new<'t>(tokens: impl IntoIterator<Item = VocabularyToken<'t>>) -> Self {
        let mut packed = Self::default();
        for token in tokens {
            let length = match token {
                VocabularyToken::Text(text) => {
                    packed.bytes.extend_from_slice(text);
                    text.len() as u32
                }
                VocabularyToken::Never => 0,
                VocabularyToken::Control => Self::CONTROL,
                VocabularyToken::End => Self::END,
            };
            packed.lengths.push(length);
        }
        packed
    }

    /// The tokens by id. If there are fewer bytes than the lengths say, the last texts are never allowed.
    pub fn tokens(&self) -> impl Iterator<Item = VocabularyToken<'_>> {
        let mut rest = &*self.bytes;
        self.lengths.iter().map(move |&length| match length {
            0 => VocabularyToken::Never,
            Self::END => VocabularyToken::End,
            Self::CONTROL => VocabularyToken::Control,
            length => match rest.split_at_checked(length as usize) {
                Some((text, after)) => {
                    rest = after;
                    VocabularyToken::Text(text)
                }
                None => VocabularyToken::Never,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::PackedVocabulary;
    use super::VocabularyToken::{Control, End, Never, Text};

    #[test]
    fn packed_tokens_are_the_same() {
        let tokens = [Text(b"a"), Never, End, Text(b"\xc3"), Control, Text(b"long"), End];
        let packed = PackedVocabulary::new(tokens);
        assert_eq!(packed.tokens().collect::<Vec<_>>(), tokens);
        let cut = PackedVocabulary { bytes: b"a\xc3lon".to_vec(), ..packed };
        assert_eq!(
            cut.tokens().collect::<Vec<_>>(),
            [Text(b"a"), Never, End, Text(b"\xc3"), Control, Never, End]
        );
    }
}
