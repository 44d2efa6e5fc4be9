//! The tokenizer of a GGUF file.

mod bpe;
mod bytes;
mod characters;
mod end_of_generation;
mod merge;
mod output;
mod pre_tokenizer;
mod special;
mod spm;
mod token_ids;
mod vocab;
#[cfg(test)]
mod window_tests;

use std::borrow::Cow;

use linnet_gguf::Metadata;

use crate::TextError;
use crate::stream;
use bpe::Bpe;
use output::Output;
use pre_tokenizer::PreTokenizer;
pub use pre_tokenizer::is_in_word;
pub(crate) use special::GUARD;
pub use special::{GuardOptions, PromptMarks};
use special::{Piece, SpecialTokens};
use spm::SentencePiece;
use vocab::{Kind, Roles, Spelling, Vocab, bad};

/// Options for encoding text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EncodeOptions {
    /// Adds the tokens that the file puts around a prompt (BOS, EOS). A rendered chat template has its own.
    pub add_special: bool,
    /// Encodes the text of control tokens as these tokens. For templates; never for user input.
    pub parse_special: bool,
}

/// Options for decoding tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DecodeOptions {
    /// Prints control tokens as their text instead of leaving them out.
    pub special: bool,
}

/// A tokenizer, immutable once built.
#[derive(Debug)]
pub struct Tokenizer {
    vocab: Vocab,
    special: SpecialTokens,
    model: Model,
    add_bos: bool,
    add_eos: bool,
    /// Text at the start or after a special token is encoded with a leading space.
    add_space_prefix: bool,
}

/// Phi-3's special tokens that keep the whitespace after them.
const KEEP_SPACE: [&str; 3] = ["<unk>", "<s>", "<|endoftext|>"];

#[derive(Debug)]
enum Model {
    Bpe(Box<Bpe>),
    SentencePiece(Box<SentencePiece>),
}

impl Tokenizer {
    /// Builds the tokenizer from `tokenizer.ggml.*` in `metadata`.
    ///
    /// # Errors
    /// [`TextError::UnknownModel`] and [`TextError::UnknownPreTokenizer`] for unsupported kinds;
    /// [`TextError::BadVocabulary`], [`TextError::MissingKey`] or [`TextError::Metadata`] for an inconsistent
    /// vocabulary.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self, TextError> {
        const MODEL: &str = "tokenizer.ggml.model";
        let kind = metadata.str(MODEL)?.ok_or(TextError::MissingKey { key: MODEL })?;
        let (vocab, model) = match kind {
            "gpt2" | "gemma4" => {
                let words = match kind {
                    "gemma4" => PreTokenizer::GEMMA4,
                    _ => PreTokenizer::named(metadata.str("tokenizer.ggml.pre")?.unwrap_or("default"))?,
                };
                let spelling = if words.characters { Spelling::SentencePiece } else { Spelling::ByteLevel };
                let vocab = Vocab::read(metadata, spelling, Roles::default())?;
                let bpe = Bpe::new(metadata, &vocab, words)?;
                (vocab, Model::Bpe(Box::new(bpe)))
            }
            "llama" => {
                let vocab = Vocab::read(metadata, Spelling::SentencePiece, Roles::SENTENCE_PIECE)?;
                let pieces = SentencePiece::new(metadata, &vocab)?;
                (vocab, Model::SentencePiece(Box::new(pieces)))
            }
            other => return Err(TextError::UnknownModel { model: other.to_owned() }),
        };
        let (default_bos, default_prefix) = match &model {
            Model::Bpe(bpe) => (bpe.default_add_bos(), false),
            Model::SentencePiece(_) => (true, true),
        };
        let wants = |key: &str, default: bool, id: Option<u32>| match metadata.bool(key)? {
            Some(true) if id.is_none() => {
                Err(bad(format!("{key} is set, but the vocabulary has no such token")))
            }
            Some(wanted) => Ok(wanted),
            None => Ok(default && id.is_some()),
        };
        // GGUF files lack what Hugging Face's Phi-3 says about its tokens; llama.cpp goes by the name, too.
        let name = metadata.str("general.name")?.unwrap_or("").to_ascii_lowercase();
        let strips = ["phi-3", "phi3"].iter().any(|phi| name.contains(phi));
        Ok(Self {
            special: SpecialTokens::of(&vocab, |text| strips && !KEEP_SPACE.contains(&text)),
            add_bos: wants("tokenizer.ggml.add_bos_token", default_bos, vocab.bos)?,
            add_eos: wants("tokenizer.ggml.add_eos_token", false, vocab.eos)?,
            add_space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(default_prefix)
                && matches!(model, Model::SentencePiece(_)),
            vocab,
            model,
        })
    }

    /// Encodes `text`.
    ///
    /// # Errors
    /// Never [`TextError::TooManyTokens`], because there is no limit.
    pub fn encode(&self, text: &str, options: EncodeOptions) -> Result<Vec<u32>, TextError> {
        self.encode_at_most(text, options, usize::MAX)
    }

    /// Encodes `text` if it has at most `most` tokens; stops reading as soon as it has more.
    ///
    /// # Errors
    /// [`TextError::TooManyTokens`], with an estimate for the whole text.
    pub fn encode_at_most(
        &self,
        text: &str,
        options: EncodeOptions,
        most: usize,
    ) -> Result<Vec<u32>, TextError> {
        let mut out = Output::of_at_most(most);
        self.read(text, options, true, &mut out);
        out.finish(text.len()).map_err(|about| TextError::TooManyTokens { about, most })
    }

    /// Encodes the rest of a text that has begun: nothing is added before it, and control tokens are text.
    #[must_use]
    pub fn encode_rest(&self, text: &str) -> Vec<u32> {
        let mut out = Output::of_at_most(usize::MAX);
        self.read(text, EncodeOptions::default(), false, &mut out);
        out.finish(text.len()).unwrap_or_default()
    }

    /// Counts the tokens of `text` without storing them.
    #[must_use]
    pub fn count(&self, text: &str, options: EncodeOptions) -> usize {
        let mut out = Output::counter();
        self.read(text, options, true, &mut out);
        out.count()
    }

    /// `after_special`: whether the text is at the start or after a special token.
    fn read(&self, text: &str, options: EncodeOptions, mut after_special: bool, out: &mut Output) {
        if options.add_special && self.add_bos {
            out.extend(self.vocab.bos);
        }
        self.special.split(text, options.parse_special, |piece| {
            let text = match piece {
                Piece::Token(id) => {
                    out.push(id);
                    after_special = true;
                    return out.took(self.vocab.text(id).map_or(0, str::len));
                }
                Piece::Text(text) if options.parse_special => special::without_guards(text),
                Piece::Text(text) => Cow::Borrowed(text),
            };
            if text.is_empty() {
                // The text was only a guard.
                return true;
            }
            let prefixed = self.add_space_prefix && std::mem::take(&mut after_special);
            match &self.model {
                Model::Bpe(bpe) => bpe.encode(&self.vocab, &text, out),
                Model::SentencePiece(pieces) => pieces.encode(&self.vocab, &text, prefixed, out),
            }
        });
        if options.add_special && self.add_eos {
            out.extend(self.vocab.eos);
        }
    }

    /// Makes `text` safe to embed in text that is encoded with [`EncodeOptions::parse_special`], such as a
    /// message in a rendered chat template. A control token spelled in it stays text, with the same tokens as
    /// without `parse_special`. The guard is U+FDD0, which encoding with `parse_special` removes. (A control
    /// token of a single character cannot be guarded.)
    #[must_use]
    pub fn guard<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.special.guard(text, GuardOptions::default())
    }

    /// Like [`Tokenizer::guard`], with options.
    #[must_use]
    pub fn guard_with<'t>(&self, text: &'t str, options: GuardOptions<'_>) -> Cow<'t, str> {
        self.special.guard(text, options)
    }

    /// The tokens that must not come from other texts than `text`, which is what a chat template writes: all
    /// control tokens, and the user-defined tokens in it that look like marks. A vocabulary may type the marks of
    /// its chat format as either.
    #[must_use]
    pub fn marks(&self, text: &str) -> PromptMarks {
        self.special.marks(text)
    }

    /// The marks of `text` when it is encoded with [`EncodeOptions::parse_special`].
    #[must_use]
    pub fn find_marks(&self, text: &str, marks: &PromptMarks) -> Vec<u32> {
        self.special.find_marks(text, marks)
    }

    /// Decodes `ids`. Invalid UTF-8 becomes U+FFFD; unknown ids are skipped.
    #[must_use]
    pub fn decode(&self, ids: &[u32], options: DecodeOptions) -> String {
        let mut text = stream::TextStream::new(options);
        let mut out = String::new();
        for &id in ids {
            text.push(self, id, &mut out);
        }
        text.finish(&mut out);
        out
    }

    /// The bytes of a token, which may not be valid UTF-8; for a control token, its name.
    #[must_use]
    pub fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.vocab.bytes(id)
    }

    /// The token as spelled in the file.
    #[must_use]
    pub fn token_text(&self, id: u32) -> Option<&str> {
        self.vocab.text(id)
    }

    /// Whether the token is a control token rather than text.
    #[must_use]
    pub fn is_control(&self, id: u32) -> bool {
        matches!(self.vocab.kind(id), Some(Kind::Control | Kind::Unknown))
    }

    /// Whether the token ends an answer.
    #[must_use]
    pub fn is_end_of_generation(&self, id: u32) -> bool {
        self.vocab.ends_generation(id)
    }

    /// Number of tokens.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.vocab.len()
    }

    /// Length in bytes of the longest token: a text has at least its length divided by this many tokens.
    #[must_use]
    pub fn longest_token(&self) -> usize {
        self.vocab.longest()
    }

    /// The token that begins a text.
    #[must_use]
    pub fn bos(&self) -> Option<u32> {
        self.vocab.bos
    }

    /// The token that ends a text.
    #[must_use]
    pub fn eos(&self) -> Option<u32> {
        self.vocab.eos
    }

    /// Whether [`EncodeOptions::add_special`] adds BOS.
    #[must_use]
    pub fn adds_bos(&self) -> bool {
        self.add_bos
    }

    /// Merges in short windows, so that a test's texts have several.
    #[cfg(test)]
    fn with_short_windows(mut self) -> Self {
        match &mut self.model {
            Model::Bpe(bpe) => bpe.windows().shortened(),
            Model::SentencePiece(pieces) => pieces.windows().shortened(),
        }
        self
    }

    /// Whether encoding adds a leading space, which decoding removes.
    pub(crate) fn adds_space_prefix(&self) -> bool {
        self.add_space_prefix
    }
}
