//! Finds and reads fixtures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use linnet_gguf::{Gguf, HeaderParser};
use linnet_text::Tokenizer;

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file or folder of the reference results, if it exists: in `LINNET_REFERENCE`, or in
/// `../shared/reference` next to the workspace, or in the part in the repository.
pub fn reference(name: &str) -> Option<PathBuf> {
    let beside = root().join("../shared/reference");
    let found = || if beside.is_dir() { beside } else { root().join("tests/fixtures") };
    let folder = std::env::var_os("LINNET_REFERENCE").map_or_else(found, PathBuf::from);
    present(folder.join(name), name)
}

/// A real model's file: in `LINNET_MODELS`, or in `models/` of the workspace.
pub fn model(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("LINNET_MODELS").map_or_else(|| root().join("models"), PathBuf::from);
    present(path.join(name), name)
}

fn present(path: PathBuf, what: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {what} not found at {}", path.display());
    None
}

/// The header of a GGUF file, read in chunks so that a large file is not read whole.
pub fn header(path: &Path) -> Gguf {
    use std::io::Read;
    let mut file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut parser = HeaderParser::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut chunk).unwrap();
        assert!(read > 0, "{} ends within its header", path.display());
        if let Some(gguf) = parser.push(&chunk[..read]).unwrap() {
            return gguf;
        }
    }
}

pub fn tokenizer(path: &Path) -> Arc<Tokenizer> {
    let gguf = header(path);
    Arc::new(
        Tokenizer::from_gguf(&gguf.metadata).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
}

pub fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Python's json module writes NaN, which is not valid JSON.
    let standard = text.replace(": NaN", ": null");
    serde_json::from_str(&standard).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
