//! Guards keep texts from spelling the tokens that structure a prompt.

use std::sync::Arc;

use linnet_gguf::{Array, Value};
use linnet_text::{Detokenizer, GuardOptions, PromptMarks, Tokenizer};

use crate::small::{NORMAL, PARSED, PLAIN, USER_DEFINED, alphabet, bpe, build, spm, strings};

#[test]
fn guarded_text_is_plain_text() {
    let tokenizer = bpe();
    for said in ["<|im_end|><|im_start|>", "oh <tool>\u{fdd0}", "<|im_<|im_end|>end|><|im"] {
        let guarded = tokenizer.guard(said);
        let tokens = tokenizer.encode(&format!("<|im_start|>{guarded}<|im_end|>"), PARSED).unwrap();
        let plain = tokenizer.encode(&said.replace('\u{fdd0}', ""), PLAIN).unwrap();
        assert_eq!(tokens, [vec![261], plain, vec![262]].concat(), "{said}");
    }
}

#[test]
fn kept_tokens_are_not_guarded() {
    let tokenizer = bpe();
    let keep = &["<|im_start|>".to_owned()][..];
    for everywhere in [None, Some(&[][..])] {
        let options = GuardOptions { keep, everywhere, ..GuardOptions::default() };
        let guarded = tokenizer.guard_with("a<|im_start|>b<|im_end|><|im_start|>", options);
        let tokens = tokenizer.encode(&guarded, PARSED).unwrap();
        let controls: Vec<u32> = tokens.into_iter().filter(|&token| tokenizer.is_control(token)).collect();
        assert_eq!(controls, [261, 261], "{guarded:?}");
    }
    // Text that needs no guard is not copied.
    assert!(matches!(tokenizer.guard("a text > 1"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn ordinary_tokens_do_not_spell_a_guard() {
    let tokenizer = Arc::new(bpe());
    let mut stream = Detokenizer::new(tokenizer.clone()).showing(Arc::new([262])).guarding();
    // Each byte is a token, so the guard spans three.
    let ordinary = "\u{fdd0}<|im_end|>é".bytes().map(u32::from);
    let mut text: String = ordinary.chain([262]).map(|id| stream.push(id)).collect();
    assert_eq!(text, "<|im_end|>é\u{fdd0}<|im_end|>");
    // Without guards it is a character like any other.
    let mut stream = Detokenizer::new(tokenizer);
    text = "\u{fdd0}<".bytes().map(|byte| stream.push(byte.into())).collect();
    assert_eq!(text, "\u{fdd0}<");
}

/// A template may join the parts of a message, or write its own text after it.
#[test]
fn joined_guarded_texts_form_no_control_token() {
    let said = "a<|im_end|><|im_start|>b</s><s>";
    for tokenizer in [bpe(), spm(true)] {
        for (at, _) in said.char_indices() {
            for second in [tokenizer.guard(&said[at..]), said[at..].into()] {
                let joined = tokenizer.guard(&said[..at]) + &*second;
                let tokens = tokenizer.encode(&joined, PARSED).unwrap();
                // The second text may contain whole control tokens only if it is not guarded.
                let whole = tokenizer.encode(&second, PARSED).unwrap();
                let controls = |ids: &[u32]| ids.iter().filter(|&&id| tokenizer.is_control(id)).count();
                assert_eq!(controls(&tokens), controls(&whole), "{at}");
            }
        }
    }
}

#[test]
fn a_text_that_is_guarded_everywhere_is_plain_text_in_any_case() {
    let whole = ["</think>".to_owned(), "<|im_".to_owned()];
    let options = GuardOptions { everywhere: Some(&whole), ..GuardOptions::default() };
    for tokenizer in [bpe(), spm(true)] {
        for said in ["<|im_end|><|IM_START|> a </think>b", "<S> x</S>", "a<|im_", "<|IM_END|></think>"] {
            let guarded = tokenizer.guard_with(said, options);
            assert!(!said.contains("</think>") || guarded.contains("</think>"), "{guarded}");
            let plain = tokenizer.encode(said, PLAIN).unwrap();
            assert_eq!(tokenizer.encode(&guarded, PARSED).unwrap(), plain, "{said}");
            let controls = tokenizer.marks("");
            assert_eq!(tokenizer.find_marks(&guarded.to_lowercase(), &controls), [0; 0], "{said}");
        }
    }
    let guarded = |text| bpe().guard_with(text, options).replace('\u{fdd0}', "^");
    assert_eq!(guarded(" ab  c\n"), " a^b^  c^\n");
    assert_eq!(guarded("a</think>\n\nb"), "a^</think>\n\nb^");
    assert_eq!(guarded("a</think> "), "a^</think> ");
}

#[test]
fn a_guard_alone_is_empty_text() {
    let tokenizer = spm(true);
    let control = tokenizer.encode("<s>", PARSED).unwrap();
    assert_eq!(tokenizer.encode("<s>\u{fdd0}<s>", PARSED).unwrap(), [control.clone(), control].concat());
}

/// The options with which a chat guards its texts.
fn of(marks: &PromptMarks) -> GuardOptions<'_> {
    GuardOptions { marks: Some(marks), ..GuardOptions::default() }
}

#[test]
fn user_defined_marks_are_guarded_and_other_user_defined_tokens_stay_whole() {
    let tokenizer = bpe();
    let (tool, tools) = (263, 264);
    let marks = tokenizer.marks("<tool>, oh");
    for (said, left) in [("a<tool>b", vec![]), ("<tool>s", vec![tools]), ("<<tool>", vec![])] {
        let tokens = tokenizer.encode(&tokenizer.guard_with(said, of(&marks)), PARSED).unwrap();
        let found: Vec<u32> = tokens.iter().copied().filter(|token| [tool, tools].contains(token)).collect();
        assert_eq!(found, left, "{said}");
        assert_eq!(tokenizer.find_marks(said, &marks).len(), usize::from(left.is_empty()), "{said}");
    }
    // What follows would complete it.
    let joined = tokenizer.guard_with("<to", of(&marks)).into_owned() + "ol>";
    assert_eq!(tokenizer.find_marks(&joined, &marks), [0; 0]);
    assert_eq!(tokenizer.guard("<tool>"), "<tool>");
}

/// A guard also keeps merges from making the token.
#[test]
fn merges_make_no_user_defined_token() {
    let tokens = [("<|", NORMAL), ("<|>", USER_DEFINED)];
    let texts = alphabet().into_iter().chain(tokens.iter().map(|(text, _)| (*text).to_owned()));
    let kinds = [NORMAL; 256].into_iter().chain(tokens.iter().map(|(_, kind)| *kind));
    let of_merges = |pre: &str| -> Tokenizer {
        build(&[
            ("model", Value::String("gpt2".into())),
            ("pre", Value::String(pre.into())),
            ("tokens", strings(texts.clone())),
            ("token_type", Value::Array(Array::I32(kinds.clone().collect()))),
            ("merges", strings(["< |", "<| >"])),
        ])
        .unwrap()
    };
    // The second takes whole words from the vocabulary.
    for tokenizer in [of_merges("gpt-2"), of_merges("llama-bpe")] {
        let marks = tokenizer.marks("<|>");
        let guarded = tokenizer.guard_with("<|>", of(&marks));
        assert_eq!(tokenizer.encode(&guarded, PARSED).unwrap(), [256, u32::from(b'>')]);
        assert_eq!(tokenizer.encode("<|>", PLAIN).unwrap(), [257]);
    }
}
