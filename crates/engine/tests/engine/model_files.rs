//! Very small model files.

use linnet_gguf::{Array, HeaderWriter, Metadata, Strings, Value};
use linnet_quant::DType;

use super::{CONTEXT, END};

/// The character for a byte in byte-level BPE (GPT-2's `bytes_to_unicode`).
fn byte_char(byte: u8) -> char {
    let printable = |b: &u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(&byte) {
        return char::from(byte);
    }
    let index = (0..byte).filter(|b| !printable(b)).count() as u32;
    char::from_u32(256 + index).unwrap()
}

/// A token for each byte.
pub fn byte_tokens() -> impl Iterator<Item = String> {
    (0..=255).map(|byte| byte_char(byte).to_string())
}

/// A one-layer llama whose tokens are the bytes, a start and an end token.
pub fn model_file() -> Vec<u8> {
    file("llama", &[], &ATTENTION)
}

/// The same with more metadata.
pub fn model_file_with(metadata: &[(&str, Value)]) -> Vec<u8> {
    file("llama", metadata, &ATTENTION)
}

/// The same with another template for requests with tools.
pub fn model_file_with_tool_template(template: &str, for_tools: &str) -> Vec<u8> {
    let templates = [
        ("tokenizer.chat_template", Value::String(template.into())),
        ("tokenizer.chat_template.tool_use", Value::String(for_tools.into())),
        ("llama.context_length", Value::U32(1 << 16)),
    ];
    file("llama", &templates, &ATTENTION)
}

/// The same with another template, and a context long enough for its prompts.
pub fn model_file_with_template(template: &str) -> Vec<u8> {
    let template = ("tokenizer.chat_template", Value::String(template.into()));
    file("llama", &[template, ("llama.context_length", Value::U32(1 << 16))], &ATTENTION)
}

/// The same with the vocabulary of another file.
pub fn model_file_with_vocabulary(vocabulary: &Metadata, template: &str) -> Vec<u8> {
    let tokenizer = vocabulary.iter().filter(|(key, _)| key.starts_with("tokenizer."));
    let mut keys: Vec<(&str, Value)> = tokenizer.map(|(key, value)| (key, value.clone())).collect();
    keys.push(("tokenizer.chat_template", Value::String(template.into())));
    keys.push(("llama.context_length", Value::U32(1 << 12)));
    file("llama", &keys, &ATTENTION)
}

/// The reasoning tokens of [`thinking_model_file`], in place of bytes that no text has.
pub const THINK: u32 = 0xFE;
pub const END_OF_THINKING: u32 = 0xFF;

/// The same with control tokens around reasoning.
pub fn thinking_model_file(template: &str) -> Vec<u8> {
    let mut tokens: Vec<String> = byte_tokens().chain(["<|start|>".into(), "<|end|>".into()]).collect();
    (tokens[THINK as usize], tokens[END_OF_THINKING as usize]) = ("<think>".into(), "</think>".into());
    let types = (0..258).map(|token| if token < THINK as i32 { 1 } else { 3 });
    let keys = [
        ("tokenizer.chat_template", Value::String(template.into())),
        ("tokenizer.ggml.tokens", Value::Array(Array::Strings(tokens.iter().collect()))),
        ("tokenizer.ggml.token_type", Value::Array(Array::I32(types.collect()))),
        ("llama.context_length", Value::U32(1 << 16)),
    ];
    file("llama", &keys, &ATTENTION)
}

/// The same with a SentencePiece vocabulary: three control tokens (2 ends an answer), then "▁", "▁b", "a",
/// and then bytes.
pub fn sentence_piece_model_file() -> Vec<u8> {
    let bytes = (0..252).map(|byte| format!("<0x{byte:02X}>"));
    let tokens = ["<unk>", "<s>", "</s>", "▁", "▁b", "a"].map(str::to_owned).into_iter().chain(bytes);
    let types = (0..258).map(|token| match token {
        0 => 2,
        1 | 2 => 3,
        3..6 => 1,
        _ => 6,
    });
    let template = "{% for m in messages %}<s>{{ m.content }}{% endfor %}\
                    {% if add_generation_prompt %}</s>{% endif %}";
    let keys = [
        ("tokenizer.ggml.model", Value::String("llama".into())),
        ("tokenizer.ggml.tokens", Value::Array(Array::Strings(tokens.collect()))),
        ("tokenizer.ggml.token_type", Value::Array(Array::I32(types.collect()))),
        ("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; 258]))),
        ("tokenizer.ggml.eos_token_id", Value::U32(2)),
        ("tokenizer.chat_template", Value::String(template.into())),
    ];
    file("llama", &keys, &ATTENTION)
}

const ATTENTION: [(&str, &[u64]); 4] =
    [("attn_output", &[8, 8]), ("attn_v", &[8, 8]), ("attn_k", &[8, 8]), ("attn_q", &[8, 8])];

/// The window of the only layer of [`windowed_model_file`]; its cache has [`RING`] positions.
pub const WINDOW: usize = 4;
pub const RING: usize = 32;

/// The same with a sliding window.
pub fn windowed_model_file() -> Vec<u8> {
    let norms = ["attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm"];
    let parts = [&ATTENTION[..], &norms.map(|norm| (norm, &[8][..]))].concat();
    file("gemma3", &[("gemma3.attention.sliding_window", Value::U32(WINDOW as u32))], &parts)
}

/// The same with a convolution instead of attention.
pub fn recurrent_model_file() -> Vec<u8> {
    let heads = Value::Array(Array::I32(vec![0]));
    let keys = [("lfm2.attention.head_count_kv", heads), ("lfm2.shortconv.l_cache", Value::U32(3))];
    let parts: [(&str, &[u64]); 3] =
        [("shortconv.in_proj", &[8, 24]), ("shortconv.conv", &[3, 8]), ("shortconv.out_proj", &[8, 8])];
    file("lfm2", &keys, &parts)
}

fn file(architecture: &str, more: &[(&str, Value)], parts: &[(&str, &[u64])]) -> Vec<u8> {
    let tokens = byte_tokens().chain(["<|start|>".into(), "<|end|>".into()]);
    let types = (0..258).map(|t| if t < 256 { 1 } else { 3 });
    let template = "{% for m in messages %}<|start|>{{ m.role }}:{{ m.content }}<|end|>{% endfor %}\
                    {% if add_generation_prompt %}<|start|>\n{% endif %}";
    let mut writer = HeaderWriter::new();
    let given = |key: &str| more.iter().any(|(name, _)| *name == key);
    for (key, value) in [
        ("block_count", Value::U32(1)),
        ("context_length", Value::U32(CONTEXT as u32)),
        ("embedding_length", Value::U32(8)),
        ("feed_forward_length", Value::U32(8)),
        ("attention.head_count", Value::U32(1)),
        ("attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
    ] {
        let key = format!("{architecture}.{key}");
        if !given(&key) {
            writer.metadata(&key, value);
        }
    }
    let mut vocabulary = 258;
    for (key, value) in more {
        if let ("tokenizer.ggml.tokens", Value::Array(Array::Strings(tokens))) = (*key, value) {
            vocabulary = tokens.len() as u64;
        }
        writer.metadata(key, value.clone());
    }
    for (key, value) in [
        ("general.architecture", Value::String(architecture.into())),
        ("general.name", Value::String("Fake".into())),
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.pre", Value::String("gpt-2".into())),
        ("tokenizer.ggml.tokens", Value::Array(Array::Strings(tokens.collect()))),
        ("tokenizer.ggml.token_type", Value::Array(Array::I32(types.collect()))),
        ("tokenizer.ggml.merges", Value::Array(Array::Strings(Strings::default()))),
        ("tokenizer.ggml.eos_token_id", Value::U32(END)),
        ("tokenizer.chat_template", Value::String(template.into())),
    ] {
        if !given(key) {
            writer.metadata(key, value);
        }
    }
    for (part, dims) in parts {
        writer.tensor(&format!("blk.0.{part}.weight"), dims, DType::F32).unwrap();
    }
    // The tensors are not in the order of the graph's weights.
    for (part, dims) in [
        ("output_norm", vec![8]),
        ("blk.0.ffn_down", vec![8, 8]),
        ("blk.0.ffn_up", vec![8, 8]),
        ("blk.0.ffn_gate", vec![8, 8]),
        ("blk.0.ffn_norm", vec![8]),
        ("v.unused", vec![5]),
        ("blk.0.attn_norm", vec![8]),
        ("token_embd", vec![8, vocabulary]),
    ] {
        writer.tensor(&format!("{part}.weight"), &dims, DType::F32).unwrap();
    }
    let mut file = writer.to_bytes();
    let len = linnet_gguf::Gguf::parse(&file).unwrap().file_len() as usize;
    file.extend((file.len()..len).map(|i| (i * 31 % 251) as u8));
    file
}
