//! Compares tokenizers with the ids of llama.cpp (for gpt-oss: tiktoken).

use std::path::Path;
use std::sync::Arc;

use linnet_text::{DecodeOptions, Detokenizer, EncodeOptions, Tokenizer};

use crate::support::{header, json, model, reference, tokenizer};

const PLAIN: EncodeOptions = EncodeOptions { add_special: false, parse_special: false };
const PARSED: EncodeOptions = EncodeOptions { add_special: false, parse_special: true };

/// Decodes the tokens one by one; returns all text.
fn streamed(tokenizer: &Arc<Tokenizer>, ids: &[u32], options: DecodeOptions) -> String {
    let mut stream = Detokenizer::new(tokenizer.clone()).with_options(options);
    let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
    text.push_str(&stream.finish());
    text
}

/// Checks that `ids` decode to `text`, at once and one by one.
fn assert_prints(tokenizer: &Arc<Tokenizer>, ids: &[u32], text: &str) {
    let options = DecodeOptions { special: true };
    assert_eq!(tokenizer.decode(ids, options), text, "{ids:?}");
    assert_eq!(streamed(tokenizer, ids, options), text, "{ids:?}");
}

/// llama.cpp's own vocabulary tests: texts in `.inp`, one line of ids each in `.out`.
fn check_vocab(gguf: &Path) {
    let tokenizer = tokenizer(gguf);
    let inputs = std::fs::read_to_string(gguf.with_added_extension("inp")).unwrap();
    let outputs = std::fs::read_to_string(gguf.with_added_extension("out")).unwrap();
    let texts: Vec<&str> = inputs.split("\n__ggml_vocab_test__\n").collect();
    let lines: Vec<&str> = outputs.lines().collect();
    // An empty last text has no line.
    assert_eq!(texts.iter().rposition(|text| !text.is_empty()), lines.len().checked_sub(1));
    for (text, line) in texts.iter().zip(lines.into_iter().chain([""])) {
        let expected: Vec<u32> = line.split_whitespace().map(|id| id.parse().unwrap()).collect();
        let ids = tokenizer.encode(text, PLAIN).unwrap();
        assert_eq!(ids, expected, "{text:?} by {}", gguf.display());
        assert_prints(&tokenizer, &ids, text);
    }
}

/// All supported vocabularies with such files.
#[test]
fn vocabularies() {
    let Some(folder) = reference("tokenizers") else { return };
    let mut checked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let gguf = path.with_extension("");
        if path.extension().is_some_and(|extension| extension == "inp") && gguf.exists() {
            let model = header(&gguf).metadata;
            if model.str("tokenizer.ggml.model").unwrap() == Some("bert") {
                println!("skipped: {}", gguf.display());
                continue;
            }
            check_vocab(&gguf);
            checked += 1;
        }
    }
    assert!(checked > 0);
}

fn ids_of(value: &serde_json::Value) -> Vec<u32> {
    let ids = value.as_array().unwrap().iter();
    ids.map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

/// The difficult strings of `strings/NAME.json`.
fn check_strings(name: &str, vocabulary: &Path) {
    let Some(strings) = reference(&format!("tokenizers/strings/{name}.json")) else { return };
    let tokenizer = tokenizer(vocabulary);
    let expected = json(&strings);
    assert_eq!(Some(tokenizer.vocab_size() as u64), expected["n_tokens"].as_u64());
    let cases = expected["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 101);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let ids = tokenizer.encode(text, PLAIN).unwrap();
        assert_eq!(ids, ids_of(&case["ids"]), "{text:?}");
        assert!(!ids.iter().any(|&id| tokenizer.is_control(id)), "{text:?}");
        // SentencePiece cannot distinguish its own mark from a space.
        let printed = if name == "gemma3" { text.replace('\u{2581}', " ") } else { text.to_owned() };
        assert_prints(&tokenizer, &ids, &printed);
        let ids = tokenizer.encode(text, PARSED).unwrap();
        assert_eq!(ids, ids_of(&case["ids_parse_special"]), "{text:?} parse_special");
        assert_prints(&tokenizer, &ids, &printed);
    }
    let added = &expected["with_add_special"];
    let special = EncodeOptions { add_special: true, parse_special: false };
    assert_eq!(tokenizer.encode("", special).unwrap(), ids_of(&added["empty_text_ids"]));
    let whole =
        [ids_of(&added["prefix_ids"]), tokenizer.encode("a b", PLAIN).unwrap(), ids_of(&added["suffix_ids"])];
    assert_eq!(tokenizer.encode("a b", special).unwrap(), whole.concat());
}

#[test]
fn smollm2_strings() {
    let Some(model) = model("SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    check_strings("smollm2", &model);
}

#[test]
fn gemma3_strings() {
    let Some(model) = model("gemma-3-270m-q4_k_m.gguf") else { return };
    check_strings("gemma3", &model);
}

#[test]
fn llama_bpe_strings() {
    let Some(vocabulary) = reference("tokenizers/ggml-vocab-llama-bpe.gguf") else { return };
    check_strings("llama-bpe", &vocabulary);
}

#[test]
fn qwen2_strings() {
    let Some(vocabulary) = reference("tokenizers/ggml-vocab-qwen2.gguf") else { return };
    check_strings("qwen2", &vocabulary);
}

#[test]
fn gpt_oss_strings() {
    let Some(vocabulary) = reference("tokenizers/ggml-vocab-gpt-oss.gguf") else { return };
    check_strings("gpt-oss", &vocabulary);
}

/// The tiny models' vocabularies encode `meta.text` as `tokens_text`.
#[test]
fn tiny_models() {
    let Some(tiny) = reference("tiny") else { return };
    let mut models = 0;
    for folder in std::fs::read_dir(tiny).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.join("model.gguf").exists() {
            continue;
        }
        let metadata = header(&folder.join("model.gguf")).metadata;
        let tokenizer = Arc::new(Tokenizer::from_gguf(&metadata).unwrap());
        let golden = std::fs::read(folder.join("golden.safetensors")).unwrap();
        let golden = safetensors::SafeTensors::deserialize(&golden).unwrap();
        let tokens = golden.tensor("tokens_text").unwrap();
        let expected: Vec<u32> =
            tokens.data().as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let meta = json(&folder.join("meta.json"));
        let text = meta["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text, PLAIN).unwrap(), expected, "{}", folder.display());
        assert_prints(&tokenizer, &expected, text);
        assert!(tokenizer.is_end_of_generation(tokenizer.eos().unwrap()));
        models += 1;
    }
    assert!(models >= 15, "only {models} models");
}
