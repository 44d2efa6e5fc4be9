//! Any vocabulary and merges are rejected or work: encoding without special tokens gives no special tokens.
//!
//! The input is lines: the model, the pre-tokenizer, then tokens (the first character is the token type) up
//! to an empty line, merges up to another, and the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linnet_gguf::{Array, Gguf, HeaderWriter, Value};
use linnet_text::{DecodeOptions, EncodeOptions, Tokenizer};

fuzz_target!(|data: &str| {
    let mut lines = data.split('\n');
    let (model, pre) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let tokens: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let merges: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let text = lines.collect::<Vec<_>>().join("\n");
    let kind = |token: &&str| token.chars().next().and_then(|c| c.to_digit(10)).unwrap_or(1) as i32;
    let spelled = |token: &&str| token.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
    let strings = |texts: Vec<String>| Value::Array(Array::Strings(texts.iter().collect()));
    let scores = (0..tokens.len()).map(|id| -((id % 7) as f32)).collect();

    let mut writer = HeaderWriter::new();
    writer.metadata("tokenizer.ggml.model", Value::String(model.to_owned()));
    writer.metadata("tokenizer.ggml.pre", Value::String(pre.to_owned()));
    writer.metadata("tokenizer.ggml.tokens", strings(tokens.iter().map(spelled).collect()));
    writer.metadata("tokenizer.ggml.token_type", Value::Array(Array::I32(tokens.iter().map(kind).collect())));
    writer.metadata("tokenizer.ggml.merges", strings(merges.iter().map(|&merge| merge.to_owned()).collect()));
    writer.metadata("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    let header = Gguf::parse(&writer.to_bytes()).expect("a good header");
    let Ok(tokenizer) = Tokenizer::from_gguf(&header.metadata) else { return };

    let plain = tokenizer.encode(&text, EncodeOptions::default()).expect("any text can be encoded");
    let unknown = header.metadata.str("tokenizer.ggml.model") == Ok(Some("llama"));
    assert!(unknown || !plain.iter().any(|&id| tokenizer.is_control(id)), "{plain:?}");
    let guarded = format!("x{}x", tokenizer.guard(&text));
    for parse_special in [false, true] {
        let options = EncodeOptions { add_special: true, parse_special };
        let ids = tokenizer.encode(&guarded, options).expect("any text can be encoded");
        let _ = tokenizer.decode(&ids, DecodeOptions { special: parse_special });
    }
});
