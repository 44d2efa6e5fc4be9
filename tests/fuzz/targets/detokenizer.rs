//! Decoding tokens one by one gives the same text as decoding them at once. Two bytes make a token; the first
//! bit of the input decides whether control tokens are shown.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use linnet_gguf::{Array, Gguf, HeaderWriter, Value};
use linnet_text::{DecodeOptions, Detokenizer, Tokenizer};

/// A SentencePiece vocabulary: all bytes, some words, two control tokens.
static TOKENIZER: LazyLock<Arc<Tokenizer>> = LazyLock::new(|| {
    let words = ["<s>", "</s>", "▁a", "▁", "é", "東京", "😀", "\u{301}", "▁▁", "<tag>"];
    let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
    let tokens: Vec<String> = bytes.chain(words.map(str::to_owned)).collect();
    let kinds = [vec![6; 256], vec![3, 3, 1, 1, 1, 1, 1, 1, 1, 4]].concat();
    let mut writer = HeaderWriter::new();
    writer.metadata("tokenizer.ggml.model", Value::String("llama".into()));
    writer.metadata("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; tokens.len()])));
    writer.metadata("tokenizer.ggml.tokens", Value::Array(Array::Strings(tokens.iter().collect())));
    writer.metadata("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
    let header = Gguf::parse(&writer.to_bytes()).expect("a good header");
    Arc::new(Tokenizer::from_gguf(&header.metadata).expect("a good vocabulary"))
});

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let options = DecodeOptions { special: first & 1 == 1 };
    let ids: Vec<u32> =
        rest.chunks(2).map(|pair| pair.iter().fold(0, |id, &byte| id << 8 | u32::from(byte)) % 270).collect();
    let mut stream = Detokenizer::new(TOKENIZER.clone()).with_options(options);
    let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
    text += &stream.finish();
    assert_eq!(text, TOKENIZER.decode(&ids, options));
});
