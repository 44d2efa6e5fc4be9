//! Vocabularies with thousands of special tokens, and texts full of near matches.

use std::time::{Duration, Instant};

use linnet_gguf::{Array, Gguf, HeaderWriter, Value};
use linnet_text::{EncodeOptions, TextError, Tokenizer};

/// A byte-level vocabulary with these special tokens.
fn tokenizer(special: &[(String, i32)]) -> Tokenizer {
    let prints = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let others = (0u32..256).filter(|byte| !prints(byte)).zip(0x100..);
    let codes = (0u32..256).filter(prints).map(|byte| (byte, byte)).chain(others);
    let alphabet = codes.map(|(_, code)| char::from_u32(code).unwrap().to_string());
    let texts = alphabet.chain(special.iter().map(|(text, _)| text.clone()));
    let kinds = [1; 256].into_iter().chain(special.iter().map(|(_, kind)| *kind));
    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("model", Value::String("gpt2".into())),
        ("pre", Value::String("gpt-2".into())),
        ("tokens", Value::Array(Array::Strings(texts.collect()))),
        ("token_type", Value::Array(Array::I32(kinds.collect()))),
        ("merges", Value::Array(Array::Strings(["a b"; 0].into_iter().collect()))),
    ] {
        writer.metadata(&format!("tokenizer.ggml.{key}"), value);
    }
    Tokenizer::from_gguf(&Gguf::parse(&writer.to_bytes()).unwrap().metadata).unwrap()
}

const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const PARSED: EncodeOptions = EncodeOptions { add_special: false, parse_special: true };

/// Searching by length, and again for each overlapping token, took minutes.
#[test]
fn thousands_of_control_tokens_are_not_slow() {
    let nested = (2..1000).map(|len| "<".repeat(len));
    let long = (0..1000).map(|len| format!("[x{}", "y".repeat(len)));
    let many = (0..8000).map(|n| format!("[x{n}|"));
    let special: Vec<_> = nested.chain(long).chain(many).map(|text| (text, CONTROL)).collect();
    let tokenizer = tokenizer(&special);
    let started = Instant::now();
    for text in ["<".repeat(10_000), "[x".repeat(30_000), "[x0".repeat(20_000) + &"<".repeat(1000)] {
        let guarded = tokenizer.guard(&text);
        let tokens = tokenizer.encode(&guarded, PARSED).unwrap();
        assert!(!tokens.iter().any(|&token| tokenizer.is_control(token)));
        assert_eq!(tokenizer.encode(&text, EncodeOptions::default()).unwrap(), tokens);
        tokenizer.encode(&text, PARSED).unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_guard_breaks_no_user_defined_token() {
    let special = [
        ("<tool>s", CONTROL),
        ("<tool>", USER_DEFINED),
        ("ool", CONTROL),
        ("s<t", CONTROL),
        ("l\0", CONTROL),
    ];
    let tokenizer = tokenizer(&special.map(|(text, kind)| (text.to_owned(), kind)));
    for text in ["<tool>s", "a<tool>", "<<tool>>", "ool<tool>ools", "s<tool>s<tool", "l\0ll"] {
        let guarded = tokenizer.encode(&tokenizer.guard(text), PARSED).unwrap();
        assert_eq!(guarded, tokenizer.encode(text, EncodeOptions::default()).unwrap(), "{text}");
    }
}

/// NUL is an ordinary character.
#[test]
fn a_token_with_a_nul_is_found_only_where_there_is_one() {
    let tokenizer =
        tokenizer(&[("a\0", CONTROL), ("b", CONTROL)].map(|(text, kind)| (text.to_owned(), kind)));
    let tokens = |text: &str| tokenizer.encode(text, PARSED).unwrap();
    assert_eq!(tokens("a\0b"), [256, 257]);
    assert!(!tokens("ac a").contains(&256));
}

#[test]
fn a_too_long_token_is_rejected() {
    let text = "<".repeat(1025);
    let mut writer = HeaderWriter::new();
    writer.metadata("tokenizer.ggml.model", Value::String("gpt2".into()));
    writer.metadata("tokenizer.ggml.tokens", Value::Array(Array::Strings([text].iter().collect())));
    let error = Tokenizer::from_gguf(&Gguf::parse(&writer.to_bytes()).unwrap().metadata).unwrap_err();
    assert!(matches!(error, TextError::BadVocabulary { .. }), "{error:?}");
    assert!(error.to_string().contains("1025 bytes"), "{error}");
}
