//! A GGUF file's vocabulary as a pipeline of Hugging Face's crate.

use std::collections::HashMap;

use linnet_gguf::{Array, Metadata};
use linnet_text::Tokenizer;
use serde_json::json;
use tokenizers::models::bpe::{BPE, BpeBuilder, Merges, Vocab};
use tokenizers::{AddedToken, NormalizerWrapper};

use super::words::{Words, words};

const UNKNOWN_TO_USER_DEFINED: std::ops::RangeInclusive<i64> = 2..=4;
const USER_DEFINED: i64 = 4;
const BYTE: i64 = 6;

/// What the crate makes of a vocabulary: once for text in which control tokens are plain text, once for text in which
/// they are tokens.
pub struct Pipeline {
    plain: tokenizers::Tokenizer,
    parsed: tokenizers::Tokenizer,
}

/// What a test may falsify, to show that the comparison notices.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sabotage {
    /// Reverses the ranks of the merges.
    pub merges: bool,
    /// Cuts words as this pre-tokenizer does.
    pub pre: Option<&'static str>,
    /// Does not know the user-defined tokens.
    pub user_defined: bool,
    /// Does not know the control tokens.
    pub controls: bool,
}

/// The ids of control and user-defined tokens.
pub fn special_tokens(metadata: &Metadata, ours: &Tokenizer) -> Vec<u32> {
    let file = File::new(metadata, ours);
    let kinds = (0..).zip(&file.kinds);
    let special = kinds.filter(|(id, kind)| ours.is_control(*id) || UNKNOWN_TO_USER_DEFINED.contains(*kind));
    special.map(|(id, _)| id).collect()
}

impl Pipeline {
    /// The pipeline for the vocabulary in `metadata`. (`ours` says which tokens are control tokens: some files mark
    /// them as text.)
    pub fn new(metadata: &Metadata, ours: &Tokenizer, sabotage: Sabotage) -> Self {
        let kind = metadata.str("tokenizer.ggml.model").unwrap().unwrap();
        let file = File::new(metadata, ours);
        let pre = sabotage.pre.or(metadata.str("tokenizer.ggml.pre").unwrap()).unwrap_or("default");
        let words = match kind {
            "gpt2" => words(pre).unwrap_or_else(|| panic!("no pipeline for the pre-tokenizer {pre}")),
            "gemma4" => Words::lines(),
            _ => Words::whole_text(),
        };
        let mut merges = if kind == "llama" { file.merges_of_scores() } else { file.merges() };
        if sabotage.merges {
            merges.reverse();
        }
        let builder = BpeBuilder::new().vocab_and_merges(file.vocab(), merges).cache_capacity(0);
        let model = builder.byte_fallback(words.characters).ignore_merges(words.whole_words).build().unwrap();
        let normalizer = words.characters.then(|| {
            let prefix = metadata.bool("tokenizer.ggml.add_space_prefix").unwrap().unwrap_or(true);
            let mut steps = vec![json!({"type": "Prepend", "prepend": "▁"})];
            steps.truncate(usize::from(kind == "llama" && prefix));
            steps.push(json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}));
            serde_json::from_value(json!({"type": "Sequence", "normalizers": steps})).unwrap()
        });
        let build = |model: BPE, added: Vec<AddedToken>| {
            let mut tokenizer = tokenizers::Tokenizer::new(model);
            tokenizer.with_normalizer(normalizer.clone() as Option<NormalizerWrapper>).unwrap();
            tokenizer.with_pre_tokenizer(Some(words.pre_tokenizer()));
            tokenizer.add_tokens(added).unwrap();
            tokenizer
        };
        let added = |controls: bool| {
            let wanted = |id: &u32| match ours.is_control(*id) {
                true => controls && !sabotage.controls,
                false => file.kinds[*id as usize] == USER_DEFINED && !sabotage.user_defined,
            };
            let ids = (0..file.texts.len() as u32).filter(wanted);
            ids.map(|id| AddedToken::from(file.texts[id as usize].clone(), false).normalized(false)).collect()
        };
        Self { plain: build(model.clone(), added(false)), parsed: build(model, added(true)) }
    }

    /// The ids of `text`.
    pub fn encode(&self, text: &str, parse_special: bool) -> Vec<u32> {
        let tokenizer = if parse_special { &self.parsed } else { &self.plain };
        tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec()
    }
}

/// The tokens of a file.
struct File<'a> {
    metadata: &'a Metadata,
    texts: Vec<String>,
    kinds: Vec<i64>,
    /// The ids of the tokens that text may become.
    from_text: HashMap<String, u32>,
}

impl<'a> File<'a> {
    fn new(metadata: &'a Metadata, ours: &Tokenizer) -> Self {
        let strings = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap();
        let texts: Vec<String> = strings.iter().map(str::to_owned).collect();
        let kinds = match metadata.integers("tokenizer.ggml.token_type").unwrap() {
            Some(kinds) => kinds.iter().collect(),
            None => vec![1; texts.len()],
        };
        let ids = (0..).zip(&texts).filter(|(id, _)| !ours.is_control(*id));
        let from_text = ids.map(|(id, text)| (text.clone(), id)).collect();
        Self { metadata, texts, kinds, from_text }
    }

    fn vocab(&self) -> Vocab {
        (0..).zip(&self.texts).map(|(id, text)| (text.clone(), id)).collect()
    }

    /// The file's merges. Linnet never makes control tokens from text, so the merges that would are left out.
    fn merges(&self) -> Merges {
        let lines = self.metadata.strings("tokenizer.ggml.merges").unwrap().unwrap();
        let pairs = lines.iter().map(|line| {
            let (at, _) = line.char_indices().skip(1).find(|(_, c)| *c == ' ').unwrap();
            (line[..at].to_owned(), line[at + 1..].to_owned())
        });
        let known = |text: &str| self.from_text.contains_key(text);
        pairs
            .filter(|(left, right)| known(left) && known(right) && known(&format!("{left}{right}")))
            .collect()
    }

    /// Merges for a vocabulary with scores, as Hugging Face's converter derives them: each token can be made from any
    /// two tokens, those with the best scores first.
    fn merges_of_scores(&self) -> Merges {
        let Some(Array::F32(scores)) = self.metadata.array("tokenizer.ggml.scores").unwrap() else {
            panic!("no scores")
        };
        let merged =
            |text: &str| self.from_text.get(text).copied().filter(|&id| self.kinds[id as usize] != BYTE);
        let mut merges = Vec::new();
        for (text, &id) in self.from_text.iter().filter(|(text, _)| merged(text).is_some()) {
            for (at, _) in text.char_indices().skip(1) {
                if let (Some(left), Some(right)) = (merged(&text[..at]), merged(&text[at..])) {
                    merges.push((
                        scores[id as usize],
                        left,
                        right,
                        (text[..at].to_owned(), text[at..].to_owned()),
                    ));
                }
            }
        }
        merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        merges.into_iter().map(|(_, _, _, pair)| pair).collect()
    }
}
