//! Parses files written by llama.cpp and gguf-py.

use std::path::{Path, PathBuf};

use linnet_gguf::Gguf;
use linnet_quant::DType;

use crate::sample::parse_in_chunks;

/// The folder of reference files: `LINNET_REFERENCE`, or the whole set next to the workspace, or the part in
/// the repository.
fn reference() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = workspace.join("../shared/reference");
    let found = || if beside.is_dir() { beside } else { workspace.join("tests/fixtures") };
    std::env::var_os("LINNET_REFERENCE").map_or_else(found, PathBuf::from)
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
    let root = reference();
    let files: Vec<_> = ["tiny", "tokenizers"].iter().flat_map(|name| gguf_files(&root.join(name))).collect();
    assert!(files.len() >= 16, "only {} files", files.len());
    for path in files {
        let bytes = std::fs::read(&path).expect("a readable file");
        let whole = parse(&path);
        assert!(
            whole.metadata.str("general.architecture").expect("a string").is_some(),
            "{}",
            path.display()
        );
        // The file contains its last tensor, and only padding after it.
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
    let root = reference();
    let llama = parse(&root.join("tiny/llama-rope-freqs/model.gguf"));
    assert_eq!((llama.version, llama.tensors.len(), llama.metadata.len()), (3, 31, 22));
    assert_eq!(llama.metadata.str("general.architecture"), Ok(Some("llama")));
    let embedding = llama.tensors.iter().find(|t| t.name == "token_embd.weight").expect("an embedding");
    assert_eq!(embedding.dims, [256, 512]);
    let oss = parse(&root.join("tiny/gpt-oss/model.gguf"));
    assert!(oss.tensors.iter().any(|t| t.dtype == DType::MXFP4 && t.dims.len() == 3));
    let vocabulary = parse(&root.join("tokenizers/ggml-vocab-llama-spm.gguf"));
    let tokens = vocabulary.metadata.strings("tokenizer.ggml.tokens").expect("strings").expect("tokens");
    assert_eq!(tokens.len(), 32_000);
    assert_eq!(tokens.get(2), Some("</s>"));
    assert_eq!(vocabulary.data_offset, 723_872);
}
