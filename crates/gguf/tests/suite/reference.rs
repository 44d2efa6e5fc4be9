//! Files written by llama.cpp and gguf-py.
//!
//! They are not in the repository; without them these tests say so and pass.

use std::path::{Path, PathBuf};

use linnet_gguf::Gguf;
use linnet_quant::DType;

use crate::sample::parse_in_chunks;

/// The folder of reference files, or `None` after saying that the test is skipped.
fn reference() -> Option<PathBuf> {
    let root = std::env::var_os("LINNET_REFERENCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"),
        PathBuf::from,
    );
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: no reference files (LINNET_REFERENCE names their folder)");
    None
}

/// Every GGUF file in a folder and the folders in it, sorted.
fn gguf_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files.extend(gguf_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "gguf") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

fn parse(path: &Path) -> Gguf {
    let bytes = std::fs::read(path).expect("a readable file");
    Gguf::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_file_reads_the_same_in_any_chunks() {
    let Some(root) = reference() else { return };
    let files: Vec<_> =
        ["tiny", "quants", "tokenizers"].iter().flat_map(|name| gguf_files(&root.join(name))).collect();
    assert!(files.len() >= 30, "only {} files", files.len());
    for path in files {
        let bytes = std::fs::read(&path).expect("a readable file");
        let whole = parse(&path);
        assert!(
            whole.metadata.str("general.architecture").expect("a string").is_some(),
            "{}",
            path.display()
        );
        // The file holds its last tensor, and nothing but padding after it.
        let length = bytes.len() as u64;
        assert!(length >= whole.file_len(), "{}", path.display());
        assert!(length - whole.file_len() < whole.alignment, "{}", path.display());
        for chunk in [1, 7, 4096] {
            assert!(parse_in_chunks(&bytes, chunk) == Ok(whole.clone()), "{} by {chunk}", path.display());
        }
    }
}

#[test]
fn a_model_and_a_vocabulary_hold_what_they_are_known_to_hold() {
    let Some(root) = reference() else { return };
    let llama = parse(&root.join("tiny/llama/model.gguf"));
    assert_eq!((llama.version, llama.tensors.len(), llama.metadata.len()), (3, 38, 22));
    assert_eq!(llama.metadata.str("general.architecture"), Ok(Some("llama")));
    let embedding = llama.tensors.iter().find(|t| t.name == "token_embd.weight").expect("an embedding");
    assert_eq!(embedding.dims, [256, 512]);
    let oss = parse(&root.join("tiny/gpt-oss/model.gguf"));
    assert!(oss.tensors.iter().any(|t| t.dtype == DType::MXFP4 && t.dims.len() == 3));
    let vocabulary = parse(&root.join("tokenizers/ggml-vocab-gpt-oss.gguf"));
    let tokens = vocabulary.metadata.strings("tokenizer.ggml.tokens").expect("strings").expect("tokens");
    assert_eq!(tokens.len(), 201_088);
    assert_eq!(tokens[199_999], "<|endoftext|>");
    assert_eq!(vocabulary.data_offset, 12_971_072);
}
