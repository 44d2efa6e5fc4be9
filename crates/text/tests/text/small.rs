//! Small hand-written vocabularies, for cases that real ones lack, and for checkouts without the real ones.

use std::sync::Arc;

use linnet_gguf::{Array, Gguf, HeaderWriter, Value};
use linnet_text::{DecodeOptions, Detokenizer, EncodeOptions, TextError, Tokenizer};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

pub const PLAIN: EncodeOptions = EncodeOptions { add_special: false, parse_special: false };
pub const PARSED: EncodeOptions = EncodeOptions { add_special: false, parse_special: true };
const WHOLE: EncodeOptions = EncodeOptions { add_special: true, parse_special: true };
const SHOWN: DecodeOptions = DecodeOptions { special: true };
const HIDDEN: DecodeOptions = DecodeOptions { special: false };

pub const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
pub const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

pub fn strings<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Value {
    Value::Array(Array::Strings(texts.into_iter().collect()))
}

pub fn build(pairs: &[(&str, Value)]) -> Result<Tokenizer, TextError> {
    let mut writer = HeaderWriter::new();
    for (key, value) in pairs {
        writer.metadata(&format!("tokenizer.ggml.{key}"), value.clone());
    }
    Tokenizer::from_gguf(&Gguf::parse(&writer.to_bytes()).unwrap().metadata)
}

/// GPT-2's alphabet: bytes that are printable in Latin-1 are themselves, the others follow from U+0100 on.
pub fn alphabet() -> Vec<String> {
    let prints = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let others = (0u32..256).filter(|byte| !prints(byte)).zip(0x100..);
    let mut codes: Vec<(u32, u32)> =
        (0u32..256).filter(prints).map(|byte| (byte, byte)).chain(others).collect();
    codes.sort_unstable();
    codes.into_iter().map(|(_, code)| char::from_u32(code).unwrap().to_string()).collect()
}

/// 256 bytes, then these tokens, with ids from 256 on.
const BPE_TOKENS: [(&str, i32); 12] = [
    ("he", NORMAL),
    ("ll", NORMAL),
    ("hell", NORMAL),
    ("hello", NORMAL),
    ("Ġhello", NORMAL),
    ("<|im_start|>", CONTROL),
    ("<|im_end|>", CONTROL),
    ("<tool>", USER_DEFINED),
    ("<tool>s", USER_DEFINED),
    ("<unk>", UNKNOWN),
    ("oh", CONTROL),
    ("end|><|im", CONTROL),
];

fn bpe_pairs() -> Vec<(&'static str, Value)> {
    let texts = alphabet().into_iter().chain(BPE_TOKENS.iter().map(|(text, _)| (*text).to_owned()));
    let kinds = [NORMAL; 256].into_iter().chain(BPE_TOKENS.map(|(_, kind)| kind));
    vec![
        ("model", Value::String("gpt2".into())),
        ("pre", Value::String("gpt-2".into())),
        ("tokens", strings(texts)),
        ("token_type", Value::Array(Array::I32(kinds.collect()))),
        ("merges", strings(["h e", "l l", "he ll", "hell o", "Ġ hello", "o h"])),
        ("bos_token_id", Value::U32(261)),
        ("eos_token_id", Value::U32(262)),
    ]
}

pub fn bpe() -> Tokenizer {
    build(&bpe_pairs()).unwrap()
}

#[test]
fn bpe_merges_by_rank() {
    let tokenizer = bpe();
    assert_eq!(tokenizer.encode("hello hello hel", PLAIN).unwrap(), [259, 260, 32, 256, u32::from(b'l')]);
    assert_eq!(tokenizer.token_text(260), Some("Ġhello"));
    assert_eq!(tokenizer.token_bytes(260), Some(&b" hello"[..]));
    assert_eq!(tokenizer.token_bytes(0xe9), Some(&[0xe9][..]));
    assert_eq!(tokenizer.token_bytes(9999), None);
    assert_eq!(tokenizer.vocab_size(), 268);
}

#[test]
fn control_tokens_need_parse_special() {
    let tokenizer = bpe();
    let text = "<|im_start|>oh<tool><tool>s<unk>";
    assert_eq!(tokenizer.encode(text, PARSED).unwrap(), [261, 266, 263, 264, 265]);
    let plain = tokenizer.encode(text, PLAIN).unwrap();
    // The merge "o h" would make a control token, so it is skipped.
    assert!(!plain.iter().any(|&id| tokenizer.is_control(id)), "{plain:?}");
    assert!(plain.windows(2).any(|ids| ids == [263, 264]));
    assert_eq!(tokenizer.decode(&plain, SHOWN), text);
    assert_eq!(tokenizer.decode(&[261, 104, 105, 262], HIDDEN), "hi");
    assert_eq!(tokenizer.decode(&[261, 104, 105, 262], SHOWN), "<|im_start|>hi<|im_end|>");
}

#[test]
fn bos_and_eos_are_added_as_the_file_says() {
    assert_eq!(bpe().encode("h", WHOLE).unwrap(), [104]);
    let mut pairs = bpe_pairs();
    pairs.push(("add_bos_token", Value::Bool(true)));
    pairs.push(("add_eos_token", Value::Bool(true)));
    let tokenizer = build(&pairs).unwrap();
    assert_eq!(tokenizer.encode("h", WHOLE).unwrap(), [261, 104, 262]);
    assert_eq!(tokenizer.encode("h", PARSED).unwrap(), [104]);
    assert!(tokenizer.adds_bos());
    assert!(tokenizer.is_end_of_generation(262) && !tokenizer.is_end_of_generation(261));
}

#[test]
fn a_stream_holds_back_half_characters() {
    let tokenizer = Arc::new(bpe());
    let mut stream = Detokenizer::new(tokenizer.clone());
    let pushed: Vec<String> = "é!".bytes().chain([0xf0]).map(|byte| stream.push(byte.into())).collect();
    assert_eq!(pushed, ["", "é", "!", ""]);
    // A control token ends an unfinished character.
    assert_eq!(stream.push(262), "\u{fffd}");
    assert_eq!(stream.push(0x9f), "\u{fffd}");
    assert_eq!(stream.push(0xe2), "");
    assert_eq!(stream.finish(), "\u{fffd}");
    assert_eq!(stream.push(99999), "");
    assert_eq!(stream.finish(), "");
}

/// Scores order the merges: "b c" (-1) before "a b" (-2), and then "bc" is part of "abc".
fn spm_pairs() -> Vec<(&'static str, Value)> {
    let bytes = (0..256).map(|byte| (format!("<0x{byte:02X}>"), 0.0, BYTE));
    let mut tokens = vec![
        ("<unk>".to_owned(), 0.0, UNKNOWN),
        ("<s>".to_owned(), 0.0, CONTROL),
        ("</s>".to_owned(), 0.0, CONTROL),
    ];
    tokens.extend(bytes);
    for (text, score) in [
        ("a", -10.0),
        ("b", -10.0),
        ("c", -10.0),
        ("▁", -10.0),
        ("ab", -2.0),
        ("bc", -1.0),
        ("abc", -3.0),
        ("▁a", -0.5),
        ("aa", -1.0),
        ("é", -10.0),
    ] {
        tokens.push((text.to_owned(), score, NORMAL));
    }
    tokens.push(("<tag>".to_owned(), 0.0, USER_DEFINED));
    vec![
        ("model", Value::String("llama".into())),
        ("tokens", strings(tokens.iter().map(|(text, _, _)| text))),
        ("scores", Value::Array(Array::F32(tokens.iter().map(|(_, score, _)| *score).collect()))),
        ("token_type", Value::Array(Array::I32(tokens.iter().map(|(_, _, kind)| *kind).collect()))),
    ]
}

pub fn spm(prefix: bool) -> Tokenizer {
    let mut pairs = spm_pairs();
    pairs.push(("add_space_prefix", Value::Bool(prefix)));
    build(&pairs).unwrap()
}

fn texts<'a>(tokenizer: &'a Tokenizer, ids: &[u32]) -> Vec<&'a str> {
    ids.iter().map(|&id| tokenizer.token_text(id).unwrap()).collect()
}

#[test]
fn spm_joins_the_best_score_first_and_the_leftmost_of_equals() {
    let tokenizer = spm(false);
    let pieces = |text: &str| texts(&tokenizer, &tokenizer.encode(text, PLAIN).unwrap()).concat();
    let ids = tokenizer.encode("abcab", PLAIN).unwrap();
    assert_eq!(texts(&tokenizer, &ids), ["abc", "ab"]);
    assert_eq!(texts(&tokenizer, &tokenizer.encode("aaa", PLAIN).unwrap()), ["aa", "a"]);
    assert_eq!(texts(&tokenizer, &tokenizer.encode(" abc", PLAIN).unwrap()), ["▁a", "bc"]);
    assert_eq!(pieces("東é"), "<0xE6><0x9D><0xB1>é");
    assert_eq!(tokenizer.decode(&tokenizer.encode("東é a", PLAIN).unwrap(), SHOWN), "東é a");
}

#[test]
fn spm_adds_a_leading_space_and_removes_it() {
    let tokenizer = Arc::new(spm(true));
    let ids = tokenizer.encode("abc</s>a<tag>b", WHOLE).unwrap();
    assert_eq!(texts(&tokenizer, &ids), ["<s>", "▁a", "bc", "</s>", "▁a", "<tag>", "▁", "b"]);
    assert_eq!(tokenizer.decode(&ids[..6], HIDDEN), "abca<tag>");
    assert_eq!(tokenizer.decode(&ids[..6], SHOWN), "<s>abc</s>a<tag>");
    // In the middle of a text, a leading space is a space.
    let a = ids[1];
    assert_eq!(Detokenizer::new(tokenizer.clone()).push(a), "a");
    assert_eq!(Detokenizer::new(tokenizer.clone()).after(ids[2]).push(a), " a");
    assert_eq!(Detokenizer::new(tokenizer.clone()).after(ids[0]).push(a), "a");
    let ids = tokenizer.encode("", WHOLE).unwrap();
    assert_eq!(texts(&tokenizer, &ids), ["<s>"]);
}

/// The kinds of errors that a bad tokenizer gives.
fn is_unsupported(error: &TextError) -> bool {
    matches!(error, TextError::UnknownModel { .. } | TextError::UnknownPreTokenizer { .. })
}

fn is_bad(error: &TextError) -> bool {
    matches!(error, TextError::MissingKey { .. } | TextError::Metadata(_) | TextError::BadVocabulary { .. })
}

/// Changing one pair must give an error of this kind that mentions this text.
#[test]
fn contradictions_are_errors() {
    let long = Value::Array(Array::I32(vec![1; 3]));
    type IsKind = fn(&TextError) -> bool;
    let cases: [(_, _, IsKind, _); 13] = [
        ("model", Some(Value::String("bert".into())), is_unsupported, "bert"),
        ("model", None, is_bad, "tokenizer.ggml.model"),
        ("model", Some(Value::U32(1)), is_bad, "tokenizer.ggml.model"),
        ("pre", Some(Value::String("qwen9".into())), is_unsupported, "qwen9"),
        ("tokens", None, is_bad, "tokenizer.ggml.tokens"),
        ("tokens", Some(strings::<&str>([])), is_bad, "0 tokens"),
        ("token_type", Some(long), is_bad, "token_type"),
        ("merges", None, is_bad, "tokenizer.ggml.merges"),
        ("merges", Some(strings(["h e", "nope"])), is_bad, "nope"),
        ("merges", Some(strings(["h q"])), is_bad, "hq"),
        ("merges", Some(strings([""])), is_bad, "pair"),
        ("eos_token_id", Some(Value::U32(268)), is_bad, "268"),
        ("eos_token_id", Some(Value::I32(-1)), is_bad, "-1"),
    ];
    for (key, value, is_kind, mentions) in cases {
        let mut pairs = bpe_pairs();
        pairs.retain(|(name, _)| *name != key);
        pairs.extend(value.map(|value| (key, value)));
        let error = build(&pairs).unwrap_err();
        assert!(is_kind(&error), "{key}: {error}");
        assert!(error.to_string().contains(mentions), "{key}: {error}");
    }
    let mut pairs = spm_pairs();
    pairs.retain(|(key, _)| *key != "scores");
    assert!(build(&pairs).unwrap_err().to_string().contains("tokenizer.ggml.scores"));
    let mut pairs = bpe_pairs();
    pairs.retain(|(key, _)| *key != "bos_token_id");
    pairs.push(("add_bos_token", Value::Bool(true)));
    assert!(build(&pairs).unwrap_err().to_string().contains("add_bos_token"));
}

/// Text that contains tokens of these vocabularies.
fn text() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(
        &["hello", " hello", "oh", "<|im_end|>", "<tool>", "<tag>", "</s>", "abc", "  ", "▁", "\u{fdd0}"][..],
    );
    let piece =
        prop_oneof![known.prop_map(str::to_owned), any::<char>().prop_map(String::from), Just("\n".into())];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn text_round_trips(text in text()) {
        let spm_text = text.replace('▁', " ");
        for (tokenizer, text) in [(bpe(), &text), (spm(false), &spm_text)] {
            let ids = tokenizer.encode(text, PLAIN).unwrap();
            assert!(!ids.iter().any(|&id| tokenizer.is_control(id)));
            assert_eq!(&tokenizer.decode(&ids, HIDDEN), text);
            let guarded = tokenizer.encode(&tokenizer.guard(text), PARSED).unwrap();
            assert_eq!(guarded, tokenizer.encode(&text.replace('\u{fdd0}', ""), PLAIN).unwrap());
        }
    }

    #[test]
    fn any_tokens_print(ids in proptest::collection::vec(0u32..290, 0..40), special in any::<bool>()) {
        for tokenizer in [bpe(), spm(true), spm(false)] {
            let tokenizer = Arc::new(tokenizer);
            let options = DecodeOptions { special };
            let mut stream = Detokenizer::new(tokenizer.clone()).with_options(options);
            let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
            text += &stream.finish();
            assert_eq!(text, tokenizer.decode(&ids, options));
        }
    }
}

/// A vocabulary of few spellings, so that its merges match tokens, with any type for each.
fn vocabulary() -> impl Strategy<Value = (Vec<String>, Vec<i32>, Vec<String>, Vec<f32>)> {
    let token = proptest::sample::select(
        &[
            "a", "b", "ab", "aba", "Ġ", "Ġa", "▁", "▁a", "<0x0A>", "<0xC3>", "<0x", "</s>", "<s>", "", "é",
            "\n", "\u{fdd0}",
        ][..],
    );
    let tokens = proptest::collection::vec((token, 0..8i32, any::<f32>()), 0..24);
    let merge = "[abĠ▁é]{0,3} ?[abĠ▁é]{0,3}";
    (tokens, proptest::collection::vec(merge, 0..8)).prop_map(|(tokens, merges)| {
        let texts = tokens.iter().map(|(text, _, _)| (*text).to_owned()).collect();
        let kinds = tokens.iter().map(|(_, kind, _)| *kind).collect();
        (texts, kinds, merges, tokens.iter().map(|(_, _, score)| *score).collect())
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1000))]
    /// Any vocabulary is rejected with a code or works.
    #[test]
    fn any_vocabulary_is_rejected_or_works(
        (tokens, kinds, merges, scores) in vocabulary(),
        model in proptest::sample::select(&["gpt2", "llama", "gemma4"][..]),
        pre in proptest::sample::select(&["gpt-2", "llama-bpe", "deepseek-llm", "superbpe", "kimi-k2", "x"][..]),
        text in text(),
    ) {
        let tokenizer = build(&[
            ("model", Value::String(model.into())),
            ("pre", Value::String(pre.into())),
            ("tokens", strings(tokens)),
            ("token_type", Value::Array(Array::I32(kinds))),
            ("merges", strings(merges)),
            ("scores", Value::Array(Array::F32(scores))),
        ]);
        match tokenizer {
            Err(error) => assert!(is_bad(&error) || is_unsupported(&error), "{error}"),
            Ok(tokenizer) => {
                let ids = tokenizer.encode(&text, WHOLE).unwrap();
                let tokenizer = Arc::new(tokenizer);
                let mut stream = Detokenizer::new(tokenizer.clone());
                let mut printed: String = ids.iter().map(|&id| stream.push(id)).collect();
                printed += &stream.finish();
                assert_eq!(printed, tokenizer.decode(&ids, HIDDEN));
            }
        }
    }
}
