//! Engines with a chat template, and their prompts.

use crate::fake::{END, FakeBackend, START, engine_of, model_file_with_template};
use linnet_engine::{Engine, Error, Request};
use serde_json::{Value, json};

pub fn with_template(template: &str) -> Engine<FakeBackend> {
    engine_of(&model_file_with_template(template), b"").0
}

pub fn try_prompt(engine: &Engine<FakeBackend>, messages: Value) -> Result<String, Error> {
    try_request(engine, &json!({ "messages": messages }))
}

/// The prompt of a request.
pub fn try_request(engine: &Engine<FakeBackend>, request: &Value) -> Result<String, Error> {
    let request = Request::from_json(&request.to_string())?;
    let generation = engine.generate(&request)?;
    assert_eq!(engine.count_tokens(&request)?, generation.prompt().len());
    let mut bytes = Vec::new();
    for token in generation.prompt() {
        match *token {
            START => bytes.extend(b"<|start|>"),
            END => bytes.extend(b"<|end|>"),
            byte => bytes.push(byte as u8),
        }
    }
    Ok(String::from_utf8(bytes).unwrap())
}

pub fn prompt(engine: &Engine<FakeBackend>, messages: Value) -> String {
    try_prompt(engine, messages).unwrap_or_else(|error| panic!("{error}"))
}

pub fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

pub fn assistant(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

/// The templates of published models, and what they write before an answer.
pub const PUBLISHED: [(&str, &str); 8] = [
    ("SmolLM2-135M-Instruct", "<|im_start|>assistant\n"),
    ("HuggingFaceTB-SmolLM3-3B", "<|im_start|>assistant\n"),
    ("LFM2-8B-A1B", "<|im_start|>assistant\n"),
    ("Qwen-Qwen3-0.6B", "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    ("google-gemma-2-2b-it", "<start_of_turn>model\n"),
    ("meta-llama-Llama-3.2-3B-Instruct", "<|start_header_id|>assistant<|end_header_id|>\n\n"),
    ("microsoft-Phi-3.5-mini-instruct", "<|assistant|>\n"),
    ("openai-gpt-oss-120b", "<|start|>assistant<|channel|>final<|message|>"),
];

/// The template of a published model, from the fixtures.
pub fn published(name: &str) -> Engine<FakeBackend> {
    with_template(&source_of(name))
}

pub fn source_of(name: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/templates");
    std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap()
}

/// Iterates over the parts for every role.
pub const SMOLVLM_STYLE: &str = "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}\
    {% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}\
    {% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}\
    {% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}\
    {% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";
