//! Linnet's tokenizer against an independent one: Hugging Face's crate `tokenizers`, built from the same vocabularies.
//!
//! - Byte-level BPE, with each pre-tokenizer's published expressions.
//! - SentencePiece vocabularies with scores, as BPE with the merges that Hugging Face's converter derives from the
//!   scores.
//! - Gemma 4's BPE of characters.
//!
//! User-defined and control tokens are the crate's added tokens. What it cannot express, or expresses otherwise, is not
//! compared here:
//!
//! - GGUF files say nothing of normalization, so neither llama.cpp nor Linnet composes characters, as Qwen's published
//!   pipeline (NFC) does. The pipelines here have no such step.
//! - Published expressions match contractions by Unicode's case folding (U+017F for `s`), llama.cpp's by ASCII's.
//! - Falcon's published pipeline cuts numbers twice; llama.cpp's expressions, by which GGUF files are read, do not.
//! - A byte without a token is left out by both; the crate then merges its neighbours, which llama.cpp and Linnet keep
//!   apart.
//! - BOS, EOS and guards are ours alone. WordPiece, Unigram and RWKV vocabularies are not supported by Linnet.

mod pipeline;
mod texts;
mod vocabulary;
mod words;

use std::collections::BTreeSet;
use std::path::PathBuf;

use linnet_gguf::Metadata;
use linnet_text::{EncodeOptions, Tokenizer};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::support::{header, model, reference};
use pipeline::{Pipeline, Sabotage};
use vocabulary::{any_two_bytes, any_two_characters};

/// Compares the ids of this many random texts, without and with control tokens. Fails with the shortest text found that
/// has other ids.
fn compare(metadata: &Metadata, sabotage: Sabotage, cases: u32) -> Result<(), String> {
    let ours = Tokenizer::from_gguf(metadata).unwrap();
    let theirs = Pipeline::new(metadata, &ours, sabotage);
    let config = Config { failure_persistence: None, max_shrink_iters: 2000, ..Config::with_cases(cases) };
    let texts = texts::texts(&ours, &pipeline::special_tokens(metadata, &ours));
    // The same texts each time: what fails here fails for everybody.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&texts, |text| {
        for parse_special in [false, true] {
            let options = EncodeOptions { add_special: false, parse_special };
            let (ids, expected) = (ours.encode(&text, options).unwrap(), theirs.encode(&text, parse_special));
            if ids != expected {
                let spelled = |ids: &[u32]| -> Vec<_> {
                    ids.iter().map(|&id| ours.token_text(id).unwrap_or("?")).collect()
                };
                let (left, right) = (spelled(&ids), spelled(&expected));
                return Err(TestCaseError::fail(format!("{left:?} {ids:?}, not {right:?} {expected:?}")));
            }
        }
        Ok(())
    });
    result.map_err(|error| match error {
        TestError::Fail(reason, text) => format!("{text:?}: {reason}"),
        TestError::Abort(reason) => panic!("{reason}"),
    })
}

/// All files with vocabularies that are there.
fn files() -> Vec<PathBuf> {
    let folder =
        |name: &str| reference(name).into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let vocabularies = folder("tokenizers").map(|file| file.unwrap().path());
    let tiny = folder("tiny").map(|folder| folder.unwrap().path().join("model.gguf"));
    let real = ["SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"].into_iter().filter_map(model);
    let mut files: Vec<_> = vocabularies.chain(tiny).chain(real).collect();
    files.retain(|file| file.is_file() && file.extension().is_some_and(|extension| extension == "gguf"));
    files.sort();
    files
}

#[test]
fn vocabularies_agree() {
    let mut compared = BTreeSet::new();
    for file in files() {
        let metadata = header(&file).metadata;
        let text = |key: &str| metadata.str(key).unwrap().unwrap_or("").to_owned();
        let kind = (text("tokenizer.ggml.model"), text("tokenizer.ggml.pre"));
        let tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().map_or(0, |tokens| tokens.len());
        // Many of the tiny models share a vocabulary.
        if Tokenizer::from_gguf(&metadata).is_ok() && compared.insert((kind, tokens)) {
            let result = compare(&metadata, Sabotage::default(), 300);
            assert_eq!(result, Ok(()), "{}", file.display());
        }
    }
    assert!(compared.iter().any(|((model, _), _)| model == "gpt2"), "{compared:?}");
    assert!(compared.iter().any(|((model, _), _)| model == "llama"), "{compared:?}");
}

#[test]
fn pre_tokenizers_agree() {
    for pre in words::BYTE_LEVEL {
        assert_eq!(compare(&any_two_bytes(pre), Sabotage::default(), 200), Ok(()), "{pre}");
    }
}

#[test]
fn merged_characters_agree() {
    for model in ["llama", "gemma4"] {
        assert_eq!(compare(&any_two_characters(model), Sabotage::default(), 1000), Ok(()), "{model}");
    }
}

#[test]
fn the_comparison_notices_what_is_wrong() {
    let bytes = any_two_bytes("qwen2");
    let wrong = [
        Sabotage { merges: true, ..Sabotage::default() },
        Sabotage { pre: Some("llama-bpe"), ..Sabotage::default() },
        Sabotage { pre: Some("seed-coder"), ..Sabotage::default() },
        Sabotage { user_defined: true, ..Sabotage::default() },
        Sabotage { controls: true, ..Sabotage::default() },
    ];
    for sabotage in wrong {
        assert!(compare(&bytes, sabotage, 2000).is_err(), "{sabotage:?} in bytes");
        if sabotage.pre.is_none() {
            assert!(
                compare(&any_two_characters("llama"), sabotage, 2000).is_err(),
                "{sabotage:?} in characters"
            );
        }
    }
}
