//! The vocabulary of a GGUF file: token texts, types and roles.

use linnet_gguf::{Metadata, Strings};

use super::bytes;
use super::end_of_generation;
use crate::TextError;

/// The type of a token (`tokenizer.ggml.token_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Text.
    Normal,
    /// Replaces text without a token.
    Unknown,
    /// Structures the prompt; plain text never becomes this token.
    Control,
    /// Text that is always this one token, matched before anything else.
    UserDefined,
    /// Has an id, but no use.
    Unused,
    /// One byte, like `<0x0A>`.
    Byte,
}

impl Kind {
    fn from_id(id: i64) -> Self {
        match id {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            // 1 is normal text; other values are undefined and also count as text.
            _ => Self::Normal,
        }
    }

    /// Whether plain text may become this token.
    pub(super) fn is_from_text(self) -> bool {
        !matches!(self, Self::Control | Self::Unknown)
    }
}

/// Maximum length of a token in bytes. The longest known one, a run of characters in GPT-2's alphabet, has
/// 256. The work per byte of a text grows with it.
const LONGEST: usize = 1024;

/// How token texts are spelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spelling {
    /// GPT-2's alphabet: each byte is a printable character.
    ByteLevel,
    /// SentencePiece's: UTF-8 with `▁` for the space, and byte tokens.
    SentencePiece,
}

/// Tokens with a default id if the file does not name one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roles {
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) unknown: Option<u32>,
}

impl Roles {
    /// SentencePiece's default ids.
    pub(super) const SENTENCE_PIECE: Self = Self { bos: Some(1), eos: Some(2), unknown: Some(0) };
}

/// The validated vocabulary. Token ids are indices.
#[derive(Debug)]
pub(super) struct Vocab {
    texts: Strings,
    bytes: ByteStrings,
    kinds: Vec<Kind>,
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) unknown: Option<u32>,
    ends: Vec<u32>,
}

impl Vocab {
    /// Reads the tokens in `metadata`.
    pub(super) fn read(metadata: &Metadata, spelling: Spelling, defaults: Roles) -> Result<Self, TextError> {
        const TOKENS: &str = "tokenizer.ggml.tokens";
        const TYPES: &str = "tokenizer.ggml.token_type";
        let texts = metadata.strings(TOKENS)?.ok_or(TextError::MissingKey { key: TOKENS })?;
        if texts.is_empty() || u32::try_from(texts.len()).is_err() {
            return Err(bad(format!("{TOKENS} has {} tokens", texts.len())));
        }
        if let Some((id, text)) = texts.iter().enumerate().find(|(_, text)| text.len() > LONGEST) {
            return Err(bad(format!("token {id} has {} bytes; the limit is {LONGEST}", text.len())));
        }
        let mut kinds = match metadata.integers(TYPES)? {
            Some(ids) if ids.len() == texts.len() => ids.iter().map(Kind::from_id).collect(),
            Some(ids) => return Err(bad(format!("{} tokens, but {} in {TYPES}", texts.len(), ids.len()))),
            None => vec![Kind::Normal; texts.len()],
        };

        let role = |key: &str, default: Option<u32>| -> Result<Option<u32>, TextError> {
            match metadata.u32(key)? {
                Some(id) if id as usize >= texts.len() => {
                    Err(bad(format!("{key} is {id}, but there are only {} tokens", texts.len())))
                }
                Some(id) => Ok(Some(id)),
                None => Ok(default.filter(|&id| (id as usize) < texts.len())),
            }
        };
        let bos = role("tokenizer.ggml.bos_token_id", defaults.bos)?;
        let eos = role("tokenizer.ggml.eos_token_id", defaults.eos)?;
        let unknown = role("tokenizer.ggml.unknown_token_id", defaults.unknown)?;
        let mut named = Vec::from_iter(eos);
        for key in
            ["eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id"]
        {
            named.extend(role(&format!("tokenizer.ggml.{key}"), None)?);
        }
        let ends = end_of_generation::find(texts, named.into_iter());
        // Some files mark such a token as text. Text must not become it, and it must not be printed.
        for &id in &ends {
            kinds[id as usize] = Kind::Control;
        }
        for (kind, text) in kinds.iter_mut().zip(texts.iter()) {
            if end_of_generation::is_structure(text) {
                *kind = Kind::Control;
            }
        }

        if let Some(id) = end_of_generation::text_despite_its_name(texts) {
            kinds[id] = Kind::Normal;
        }

        let mut bytes = ByteStrings::default();
        for (text, &kind) in texts.iter().zip(&kinds) {
            bytes.push(&spelled(text, kind, spelling)?);
        }
        Ok(Self { texts: texts.clone(), bytes, kinds, bos, eos, unknown, ends })
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The token as spelled in the file.
    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.texts.get(id as usize)
    }

    /// The bytes of the token; for a control token, its name.
    pub(super) fn bytes(&self, id: u32) -> Option<&[u8]> {
        self.bytes.get(id)
    }

    /// Length in bytes of the longest token.
    pub(super) fn longest(&self) -> usize {
        self.bytes.longest
    }

    pub(super) fn kind(&self, id: u32) -> Option<Kind> {
        self.kinds.get(id as usize).copied()
    }

    /// Whether text is merged to this token. A user-defined token of printable ASCII characters is always found
    /// before, so merging could only undo a guard. (Others may have another spelling in merges.)
    pub(super) fn is_merged(&self, id: u32) -> bool {
        self.kind(id).is_some_and(|kind| match kind {
            Kind::UserDefined => self
                .text(id)
                .is_some_and(|text| text.len() == 1 || !text.bytes().all(|b| b.is_ascii_graphic())),
            kind => kind.is_from_text(),
        })
    }

    pub(super) fn ends_generation(&self, id: u32) -> bool {
        self.ends.binary_search(&id).is_ok()
    }

    /// All tokens, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str, Kind)> {
        (0u32..).zip(&self.kinds).map(|(id, &kind)| (id, self.text(id).unwrap_or(""), kind))
    }
}

pub(super) fn bad(reason: String) -> TextError {
    TextError::BadVocabulary { reason }
}

/// The bytes of a token with this spelling.
fn spelled(text: &str, kind: Kind, spelling: Spelling) -> Result<Vec<u8>, TextError> {
    match kind {
        Kind::Control | Kind::UserDefined | Kind::Unknown => Ok(text.as_bytes().to_vec()),
        Kind::Unused => Ok(Vec::new()),
        Kind::Byte => match bytes::parse_byte_token(text) {
            Some(byte) => Ok(vec![byte]),
            None => Err(bad(format!("the byte token {text:?} is not of the form <0x0A>"))),
        },
        Kind::Normal if spelling == Spelling::ByteLevel => Ok(bytes::from_byte_level(text)),
        Kind::Normal => Ok(text.replace(bytes::SPACE, " ").into_bytes()),
    }
}

/// Many short byte strings in one allocation.
#[derive(Debug, Default)]
struct ByteStrings {
    bytes: Vec<u8>,
    /// The end of each string; the start is the end of the previous one.
    ends: Vec<usize>,
    /// The length of the longest one.
    longest: usize,
}

impl ByteStrings {
    fn push(&mut self, string: &[u8]) {
        self.longest = self.longest.max(string.len());
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
    }

    fn get(&self, index: u32) -> Option<&[u8]> {
        let index = index as usize;
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        self.bytes.get(start..end)
    }
}
