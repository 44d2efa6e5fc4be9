//! Merging in windows gives the same tokens as merging the whole text.

use std::time::{Duration, Instant};

use linnet_gguf::{Array, Gguf, HeaderWriter, Value};
use proptest::prelude::{Strategy, proptest};

use super::{EncodeOptions, Tokenizer};

/// A vocabulary in which the same few letters are in many tokens, some with the same priority.
fn tokenizer(model: &str, tokens: &[(String, u8)]) -> Tokenizer {
    let mut texts: Vec<String> = vec!["<unk>".into(), "<s>".into(), "</s>".into()];
    texts.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let mut kinds = vec![2, 3, 3];
    kinds.extend([6; 256]);
    let mut scores = vec![0.0; 3 + 256];
    let mut merges = Vec::new();
    let mut add = |text: &str, score: f32| {
        if !texts.iter().any(|known| known == text) {
            texts.push(text.to_owned());
            kinds.push(1);
            scores.push(score);
        }
    };
    let space = if model == "gpt2" { "Ġ" } else { "▁" };
    for letter in ["a", "b", "c", space, "Ċ"] {
        add(letter, -100.0);
    }
    for (text, score) in tokens {
        let text = text.replace(' ', space);
        let mut made = String::new();
        for c in text.chars() {
            if !made.is_empty() {
                merges.push(format!("{made} {c}"));
            }
            made.push(c);
            add(&made, -f32::from(score % 4));
        }
        // Another merge to the same token.
        let at = text.char_indices().nth(1).map_or(0, |(at, _)| at);
        if texts_has(&text[at..], tokens, space) {
            merges.push(format!("{} {}", &text[..at], &text[at..]));
        }
    }
    let strings = |texts: &[String]| Value::Array(Array::Strings(texts.iter().collect()));
    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("model", Value::String(model.into())),
        ("pre", Value::String("gpt-2".into())),
        ("tokens", strings(&texts)),
        ("token_type", Value::Array(Array::I32(kinds))),
        ("scores", Value::Array(Array::F32(scores))),
        ("merges", strings(&merges)),
    ] {
        writer.metadata(&format!("tokenizer.ggml.{key}"), value);
    }
    Tokenizer::from_gguf(&Gguf::parse(&writer.to_bytes()).unwrap().metadata).unwrap()
}

fn texts_has(text: &str, tokens: &[(String, u8)], space: &str) -> bool {
    tokens.iter().any(|(known, _)| known.replace(' ', space) == text)
}

fn tokens() -> impl Strategy<Value = Vec<(String, u8)>> {
    proptest::collection::vec(("[abc ]{2,5}", proptest::arbitrary::any::<u8>()), 1..12)
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(3000))]
    #[test]
    fn windows_give_the_same_tokens(
        tokens in tokens(),
        text in "([abc ]|a{9}|(ab){6}|é|\n){0,120}",
        model in proptest::sample::select(&["llama", "gemma4", "gpt2"][..]),
    ) {
        let options = EncodeOptions::default();
        let whole = tokenizer(model, &tokens).encode(&text, options).unwrap();
        let windows = tokenizer(model, &tokens).with_short_windows();
        assert_eq!(windows.encode(&text, options).unwrap(), whole, "{text:?}");
        assert_eq!(windows.count(&text, options), whole.len());
    }
}

/// Runs of one letter, in which each merge depends on the start of the run.
#[test]
fn a_run_of_one_letter_gives_the_same_tokens() {
    let tokens: Vec<(String, u8)> = (2..8).map(|n| ("a".repeat(n), (7 - n) as u8)).collect();
    for model in ["llama", "gemma4", "gpt2"] {
        let tokenizer = tokenizer(model, &tokens);
        for length in [17, 100, 1001] {
            let text = "a".repeat(length);
            let whole = tokenizer.encode(&text, EncodeOptions::default()).unwrap();
            let windows = self::tokenizer(model, &tokens).with_short_windows();
            assert_eq!(windows.encode(&text, EncodeOptions::default()).unwrap(), whole, "{model} {length}");
        }
    }
}

/// Every merge waits for the next one, so the whole window may change, and the text after it could start with
/// tokens of a thousand lengths. Checking all of them each time took minutes.
#[test]
fn chains_and_long_tokens_are_not_slow() {
    const LINKS: u32 = 4096;
    let link = |index: u32| char::from_u32(0x4E00 + index % LINKS).unwrap();
    let mut texts: Vec<String> = vec!["<unk>".into(), "<s>".into(), "</s>".into()];
    texts.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let special = texts.len();
    texts.extend((0..LINKS).map(|index| link(index).to_string()));
    texts.extend((1..LINKS).map(|index| String::from_iter([link(index - 1), link(index)])));
    texts.extend((1..=1000).map(|length| "x".repeat(length)));
    let mut kinds = vec![2, 3, 3];
    kinds.extend([6; 256]);
    kinds.extend(vec![1; texts.len() - special]);
    // Later pairs are better.
    let scores: Vec<f32> = (0..texts.len()).map(|id| id as f32).collect();
    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("model", Value::String("llama".into())),
        ("tokens", Value::Array(Array::Strings(texts.iter().collect()))),
        ("token_type", Value::Array(Array::I32(kinds))),
        ("scores", Value::Array(Array::F32(scores))),
    ] {
        writer.metadata(&format!("tokenizer.ggml.{key}"), value);
    }
    let tokenizer = Tokenizer::from_gguf(&Gguf::parse(&writer.to_bytes()).unwrap().metadata).unwrap();
    let started = Instant::now();
    for text in [(0..100 * LINKS).map(link).collect::<String>(), "x".repeat(1 << 20)] {
        assert!(tokenizer.count(&text, EncodeOptions::default()) > 1000);
    }
    println!("{:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn reading_stops_at_too_many_tokens() {
    let tokenizer = tokenizer("llama", &[("ab".to_owned(), 1)]);
    let text = "ab".repeat(1 << 20);
    let error = tokenizer.encode_at_most(&text, EncodeOptions::default(), 100).unwrap_err();
    let super::TextError::TooManyTokens { about, most: 100 } = error else { panic!("{error}") };
    assert!(about.abs_diff(1 << 20) < 1 << 12, "{about}");
    let all = tokenizer.encode_at_most("ababab", EncodeOptions::default(), 4).unwrap();
    assert_eq!(all.len(), 4, "a space and three pairs");
}
