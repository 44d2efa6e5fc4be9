//! The vocabularies with which constraints are judged.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use linnet_constraint::{Automaton, Vocabulary};
use linnet_text::{Constraint, ConstraintError, Tokenizer};

use crate::model_file;

/// The vocabularies of published models that the reference has.
const NAMES: [&str; 4] = ["gpt-oss", "llama-bpe", "llama-spm", "qwen2"];

/// A vocabulary that cuts texts into its longest tokens.
pub struct Cutter {
    /// What it is called in reports.
    pub name: String,
    pub vocabulary: Arc<Vocabulary>,
    /// The token of each text. Empty: each byte is a token.
    ids: HashMap<Vec<u8>, u32>,
    longest: usize,
}

impl Cutter {
    /// Single bytes.
    ///
    /// # Errors
    /// Never.
    pub fn bytes() -> Result<Self, String> {
        let vocabulary = Arc::new(Vocabulary::bytes().map_err(|error| error.to_string())?);
        Ok(Self { name: "bytes".to_owned(), vocabulary, ids: HashMap::new(), longest: 1 })
    }

    /// The vocabulary of a file.
    ///
    /// # Errors
    /// If the file is unusable.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
        let header = model_file::read_header(path).map_err(|error| failed(&error))?;
        let tokenizer = Tokenizer::from_gguf(&header.metadata).map_err(|error| failed(&error))?;
        let vocabulary = Vocabulary::of(&tokenizer).map_err(|error| failed(&error))?;
        let mut ids = HashMap::new();
        for id in (0..).take(vocabulary.len()) {
            let text = vocabulary.text(id);
            if !text.is_empty() {
                ids.entry(text.to_vec()).or_insert(id);
            }
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.trim_start_matches("ggml-vocab-").to_owned();
        Ok(Self { name, vocabulary: Arc::new(vocabulary), ids, longest: tokenizer.longest_token() })
    }

    /// A text as tokens, each the longest that fits. `None` if the vocabulary cannot express it.
    fn cut(&self, text: &[u8]) -> Option<Vec<u32>> {
        if self.ids.is_empty() {
            return Some(text.iter().copied().map(u32::from).collect());
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let longest = self.longest.min(rest.len());
            let (length, id) =
                (1..=longest).rev().find_map(|length| Some((length, self.ids.get(&rest[..length])?)))?;
            tokens.push(*id);
            rest = &rest[length..];
        }
        Some(tokens)
    }

    /// A text as tokens of one byte, where the vocabulary has them.
    pub fn bytes_of(&self, text: &[u8]) -> Vec<u32> {
        text.iter().filter_map(|byte| self.ids.get(std::slice::from_ref(byte)).copied()).collect()
    }

    /// Writes a text under a constraint. Says how many bytes fit, and whether the answer may end there.
    ///
    /// # Errors
    /// If the constraint fails.
    pub fn write(&self, mut automaton: Automaton, text: &[u8]) -> Result<Written, ConstraintError> {
        let Some(tokens) = self.cut(text) else {
            return Ok(Written { bytes: 0, complete: false, expressible: false });
        };
        let mut bytes = 0;
        for token in tokens {
            let allowed = automaton.allows(token)?;
            if automaton.try_commit(token)? != allowed {
                return Err(ConstraintError::new(
                    linnet_text::ConstraintErrorCode::NotAllowed,
                    "`allows` and `commit` differ",
                ));
            }
            if !allowed {
                return Ok(Written { bytes, complete: false, expressible: true });
            }
            bytes += if self.ids.is_empty() { 1 } else { self.vocabulary.text(token).len() };
        }
        Ok(Written { bytes, complete: automaton.is_accepting()?, expressible: true })
    }
}

/// How far a text could be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes in the tokens that fit.
    pub bytes: usize,
    /// Whether all fit, and the answer may end.
    pub complete: bool,
    /// Whether the vocabulary can express the text.
    pub expressible: bool,
}

/// The folder of vocabularies of a set of references: `tokenizers` beside the set's own folder.
pub fn folder(set: &Path) -> Option<PathBuf> {
    set.ancestors().skip(1).take(3).map(|above| above.join("tokenizers")).find(|folder| folder.is_dir())
}

/// Single bytes, and the published vocabularies that are beside a set of references.
///
/// # Errors
/// If a file is unusable.
pub fn all(set: &Path) -> Result<Vec<Cutter>, String> {
    let mut all = vec![Cutter::bytes()?];
    for name in NAMES {
        let path = folder(set).map(|folder| folder.join(format!("ggml-vocab-{name}.gguf")));
        if let Some(path) = path.filter(|path| path.is_file()) {
            all.push(Cutter::of_file(&path)?);
        }
    }
    Ok(all)
}
