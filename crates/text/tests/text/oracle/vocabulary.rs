//! Vocabularies in which any two neighbouring characters of a word may merge, so that the ids show how text was cut and
//! in which order its pairs were merged.

use linnet_gguf::{Array, Gguf, HeaderWriter, Metadata, Value};

const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

/// Of bytes, in GPT-2's alphabet.
pub fn any_two_bytes(pre: &str) -> Metadata {
    let prints = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let others = (0u32..256).filter(|byte| !prints(byte)).zip(0x100..);
    let codes = (0u32..256).filter(prints).map(|byte| (byte, byte)).chain(others);
    let alphabet = codes.map(|(_, code)| char::from_u32(code).unwrap()).collect();
    // No merges make these: they are found only where a whole word is looked up.
    vocabulary("gpt2", pre, alphabet, &["hello", "Ġhello", "123", "ĊĊĊ"], false)
}

/// Of characters, with `▁` for the space and tokens for the bytes of all other characters.
pub fn any_two_characters(model: &str) -> Metadata {
    let alphabet: Vec<char> =
        "▁abcdefghijklmnopqrstuvwxyzABCDEFG0123456789.,'!-éßжλ東あ한ि\u{301}😀".chars().collect();
    // Gemma 4 has tokens of several line ends.
    let lines: &[&str] = if model == "gemma4" { &["\n", "\n\n", "\n\n\n"] } else { &[] };
    vocabulary(model, "default", alphabet, lines, true)
}

fn vocabulary(model: &str, pre: &str, alphabet: Vec<char>, whole: &[&str], bytes: bool) -> Metadata {
    let count = alphabet.len() as u32;
    let pairs = count * count;
    // Each pair once, in an irregular order: a large prime does not divide the number of pairs, so its multiples visit
    // all.
    let order = (0..pairs).map(|n| (u64::from(n) * 1_000_000_007 + 12345) % u64::from(pairs));
    let order: Vec<_> = order.map(|pair| pair as usize).collect();
    let pair = |at: &usize| (alphabet[at / count as usize], alphabet[at % count as usize]);
    let merges = order.iter().map(pair).map(|(left, right)| format!("{left} {right}"));
    let lines = whole.iter().filter_map(|text| Some(format!("{} \n", text.strip_suffix('\n')?)));
    let merges: Vec<_> = merges.chain(lines.filter(|line| line.len() > 2)).collect();
    let mut tokens =
        vec![("<unk>".to_owned(), CONTROL), ("<s>".to_owned(), CONTROL), ("</s>".to_owned(), CONTROL)];
    if bytes {
        tokens.extend((0..256).map(|byte| (format!("<0x{byte:02X}>"), BYTE)));
    }
    tokens.push(("<tool>".to_owned(), USER_DEFINED));
    tokens.extend(alphabet.iter().map(|c| (c.to_string(), NORMAL)));
    tokens.extend(whole.iter().map(|text| ((*text).to_owned(), NORMAL)));
    let first = tokens.len();
    tokens.extend(order.iter().map(pair).map(|(left, right)| (format!("{left}{right}"), NORMAL)));
    let scores = (0..tokens.len()).map(|id| -(id.saturating_sub(first) as f32));
    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("model", Value::String(model.into())),
        ("pre", Value::String(pre.into())),
        ("tokens", Value::Array(Array::Strings(tokens.iter().map(|(text, _)| text).collect()))),
        ("token_type", Value::Array(Array::I32(tokens.iter().map(|(_, kind)| *kind).collect()))),
        ("scores", Value::Array(Array::F32(scores.collect()))),
        ("merges", Value::Array(Array::Strings(merges.iter().collect()))),
    ] {
        writer.metadata(&format!("tokenizer.ggml.{key}"), value);
    }
    Gguf::parse(&writer.to_bytes()).unwrap().metadata
}
