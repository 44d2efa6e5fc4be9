//! The cases and vocabularies of the reference results, where they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use linnet_constraint::Vocabulary;
use linnet_gguf::HeaderParser;
use linnet_text::Tokenizer;
use serde_json::Value;

use super::Case;
use super::expressions::regex;
use super::grammars::gbnf;
use super::schemas::schema;

/// Bytes, and published vocabularies: the one in the repository, and a large one of the reference set.
const PUBLISHED: [&str; 2] = ["ggml-vocab-llama-spm.gguf", "ggml-vocab-qwen2.gguf"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the reference set, or of its part in the repository, if it exists.
fn file(name: &str) -> Option<PathBuf> {
    let beside = root().join("../shared/reference");
    let whole = std::env::var_os("LINNET_REFERENCE").map_or(beside, PathBuf::from);
    let all = [whole, root().join("tests/fixtures")].map(|folder| folder.join(name));
    all.into_iter().find(|path| path.is_file())
}

/// The hostile cases of the reference set.
pub fn all() -> Vec<Case> {
    let read = |name: &str| {
        let text = file(name).map(|path| std::fs::read_to_string(path).unwrap());
        text.map_or(Value::Null, |text| serde_json::from_str::<Value>(&text).unwrap())
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |case: &Value, key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let mut cases = Vec::new();
    for case in list(&read("json-schema/hostile.json")) {
        // A reader of JSON refuses some.
        if let Ok(value) = serde_json::from_str(&text(&case, "schema_text")) {
            cases.push(schema(&text(&case, "name"), value));
        }
    }
    for case in list(&read("grammars/gbnf.json")["invalid_or_hostile"]) {
        cases.push(gbnf(&text(&case, "name"), &text(&case, "grammar")));
    }
    for case in list(&read("grammars/regex.json")["refused_or_hostile"]) {
        cases.push(regex(&text(&case, "name"), &text(&case, "pattern"), &text(&case, "flags")));
    }
    cases
}

/// Vocabularies with their names.
pub fn vocabularies() -> Vec<(&'static str, Arc<Vocabulary>)> {
    let mut all = vec![("bytes", Vocabulary::bytes().unwrap())];
    for name in PUBLISHED {
        let Some(path) = file(&format!("tokenizers/{name}")) else { continue };
        let header = HeaderParser::new().push(&std::fs::read(path).unwrap()).unwrap().unwrap();
        let tokenizer = Tokenizer::from_gguf(&header.metadata).unwrap();
        all.push((name, Vocabulary::of(&tokenizer).unwrap()));
    }
    all.into_iter().map(|(name, vocabulary)| (name, Arc::new(vocabulary))).collect()
}
