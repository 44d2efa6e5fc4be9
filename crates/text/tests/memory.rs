//! Memory for encoding a long text.

#[path = "../../../tests/support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;

use allocator::peak;
use linnet_gguf::{Array, Gguf, HeaderWriter, Value};
use linnet_text::{EncodeOptions, TextError, Tokenizer};

fn metadata(model: &str) -> Gguf {
    let strings = |texts: Vec<String>| Value::Array(Array::Strings(texts.iter().collect()));
    let mut texts: Vec<String> = vec!["<unk>".into(), "<s>".into(), "</s>".into()];
    texts.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let bytes = texts.len();
    texts.extend(["a", "b", "▁", "Ġ", "▁a", "Ġa", "ab", "aa", "aaaa", "abab"].map(str::to_owned));
    let mut kinds = vec![2, 3, 3];
    kinds.extend([6; 256]);
    kinds.extend(vec![1; texts.len() - bytes]);
    let scores: Vec<f32> = (0..texts.len()).map(|id| -(id as f32)).collect();
    let merges = ["▁ a", "Ġ a", "a b", "a a", "aa aa", "ab ab"].map(str::to_owned).to_vec();
    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("model", Value::String(model.into())),
        ("pre", Value::String("gpt-2".into())),
        ("tokens", strings(texts)),
        ("token_type", Value::Array(Array::I32(kinds))),
        ("scores", Value::Array(Array::F32(scores))),
        ("merges", strings(merges)),
    ] {
        writer.metadata(&format!("tokenizer.ggml.{key}"), value);
    }
    Gguf::parse(&writer.to_bytes()).unwrap()
}

const MIB: usize = 1 << 20;

/// A single test, so that nothing else allocates.
#[test]
fn encoding_takes_little_memory_for_any_length() {
    for model in ["llama", "gemma4", "gpt2"] {
        let tokenizer = Tokenizer::from_gguf(&metadata(model).metadata).unwrap();
        for unit in ["ab ab abba ", "a", "ab"] {
            let text = unit.repeat(10 * MIB / unit.len());
            let options = EncodeOptions { add_special: true, parse_special: true };
            let (count, bytes) = peak(|| tokenizer.count(&text, options));
            println!("{model} {unit:?}: {count} tokens counted in {:.1} MiB", bytes as f64 / MIB as f64);
            assert!(bytes < 8 * MIB, "{model} {unit:?}: counting took {bytes} bytes");
            let (refused, bytes) = peak(|| tokenizer.encode_at_most(&text, options, 4096));
            assert!(matches!(refused, Err(TextError::TooManyTokens { .. })));
            assert!(bytes < 8 * MIB, "{model} {unit:?}: rejecting took {bytes} bytes");
        }
    }
    // One-byte token types stay one byte each.
    let kinds = vec![1; 16 * MIB];
    let mut writer = HeaderWriter::new();
    writer.metadata("tokenizer.ggml.model", Value::String("llama".into()));
    writer.metadata("tokenizer.ggml.tokens", Value::Array(Array::Strings(["a"].iter().collect())));
    writer.metadata("tokenizer.ggml.token_type", Value::Array(Array::U8(kinds)));
    let header = Gguf::parse(&writer.to_bytes()).unwrap();
    let (error, bytes) = peak(|| Tokenizer::from_gguf(&header.metadata).unwrap_err());
    assert!(matches!(error, TextError::BadVocabulary { .. }), "{error:?}");
    assert!(bytes < MIB, "token types took {bytes} bytes");
}
