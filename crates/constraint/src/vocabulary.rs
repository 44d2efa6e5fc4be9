//! The tokens of a model, as constraints see them.

use std::sync::Arc;

use linnet_text::{ConstraintError, ConstraintErrorCode, Tokenizer, VocabularyToken as Token};
use llguidance::ParserFactory;
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};

use crate::limits;

/// The tokens of a model, prepared for constraints. Making one takes a second for 150,000 tokens in a page, so a model
/// keeps it.
pub struct Vocabulary {
    factory: ParserFactory,
    ends: Vec<u32>,
    tokens: usize,
}

/// Tokens of only such characters are allowed at once where a string may go on.
const STRING_CHARACTERS: &str = r#"[^"\\\x00-\x1F\x7F]+"#;

impl Vocabulary {
    /// The tokens, by id.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::Invalid`] for a vocabulary of more than 2^22 tokens, or without one that ends an answer.
    pub fn new<'t>(tokens: impl IntoIterator<Item = Token<'t>>) -> Result<Self, ConstraintError> {
        let mut ends = Vec::new();
        let words: Vec<Vec<u8>> = (0u32..)
            .zip(tokens)
            .map(|(id, token)| match token {
                // Such a byte is in no text. llguidance gives 0xFF a meaning of its own.
                Token::Text(bytes) if !bytes.iter().any(|byte| matches!(byte, 0xc0 | 0xc1 | 0xf5..)) => {
                    bytes.to_vec()
                }
                Token::Text(_) | Token::Never => Vec::new(),
                Token::End => {
                    ends.push(id);
                    Vec::new()
                }
            })
            .collect();
        let invalid = |reason: String| ConstraintError::new(ConstraintErrorCode::Invalid, reason);
        let count = u32::try_from(words.len()).ok().filter(|count| (1..=1 << 22).contains(count));
        let Some(count) = count else {
            return Err(invalid(format!("a vocabulary of {} tokens", words.len())));
        };
        let Some(&end) = ends.first() else { return Err(invalid("no token ends an answer".to_owned())) };
        let trie = TokTrie::from(&TokRxInfo::new(count, end), &words);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = [STRING_CHARACTERS.to_owned()];
        let mut factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &slices)
            .map_err(|error| invalid(error.to_string()))?;
        factory.quiet();
        *factory.limits_mut() = limits::parser();
        Ok(Self { factory, ends, tokens: words.len() })
    }

    /// The tokens of a tokenizer.
    ///
    /// # Errors
    /// As [`Vocabulary::new`].
    pub fn of(tokenizer: &Tokenizer) -> Result<Self, ConstraintError> {
        Self::new(tokenizer.vocabulary())
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens
    }

    /// Whether there are no tokens. Never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Ids of the tokens that end an answer, ascending.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The vocabulary of single bytes, and token 256, which ends an answer.
    ///
    /// # Errors
    /// Never [`ConstraintErrorCode::Invalid`].
    pub fn bytes() -> Result<Self, ConstraintError> {
        let bytes: Vec<u8> = (0..=255).collect();
        Self::new(bytes.chunks(1).map(Token::Text).chain([Token::End]))
    }

    /// The bytes of a token that constraints may allow; empty for other tokens.
    #[must_use]
    pub fn text(&self, token: u32) -> &[u8] {
        if (token as usize) < self.tokens { self.factory.tok_env().tok_trie().token(token) } else { &[] }
    }

    pub(crate) fn factory(&self) -> &ParserFactory {
        &self.factory
    }
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary")
            .field("tokens", &self.tokens)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}
