//! Engines with a chat template, and their prompts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fake::{END, FakeBackend, START, engine_of, model_file_with_template};
use linnet_constraint::{Vocabulary, compile};
use linnet_engine::{Engine, Error, Event, FinishReason, Generation, Request};
use serde_json::{Value, json};

pub fn with_template(template: &str) -> Engine<FakeBackend> {
    engine_of(&model_file_with_template(template), b"").0
}

/// Begins an answer; constraints are compiled.
pub fn begin(engine: &Engine<FakeBackend>, request: &Request) -> Result<Generation, Error> {
    if !engine.is_constrained(request)? {
        return engine.generate(request);
    }
    let vocabulary = Arc::new(Vocabulary::of(engine.tokenizer()).unwrap());
    engine.generate_within(request, &mut |spec| Ok(Box::new(compile(spec, &vocabulary)?)))
}

pub fn try_prompt(engine: &Engine<FakeBackend>, messages: Value) -> Result<String, Error> {
    try_request(engine, &json!({ "messages": messages }))
}

/// The prompt of a request.
pub fn try_request(engine: &Engine<FakeBackend>, request: &Value) -> Result<String, Error> {
    let request = Request::from_json(&request.to_string())?;
    let generation = begin(engine, &request)?;
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

/// The answer of a turn.
#[derive(Default)]
pub struct Answer {
    pub text: String,
    pub reasoning: String,
    /// By index: id, name and arguments.
    pub calls: BTreeMap<usize, [String; 3]>,
    pub finish: Option<FinishReason>,
    pub reasoning_tokens: usize,
}

impl Answer {
    pub fn add(&mut self, event: &Event) {
        let (text, reasoning, calls) = match event {
            Event::Prefill { .. } => return,
            Event::Token { text, reasoning, tool_calls, .. } => (text, reasoning, tool_calls),
            Event::Done(done) => {
                self.finish = Some(done.finish_reason);
                self.reasoning_tokens = done.usage.reasoning_tokens;
                (&done.text, &done.reasoning, &done.tool_calls)
            }
        };
        self.text += text;
        self.reasoning += reasoning;
        for call in calls {
            let [id, name, arguments] = self.calls.entry(call.index).or_default();
            *id += call.id.as_deref().unwrap_or_default();
            *name += call.name.as_deref().unwrap_or_default();
            *arguments += &call.arguments;
        }
    }

    /// The answer to a request if the model writes `output`.
    pub fn of(template: &str, request: &Value, output: &str) -> Self {
        let (mut engine, log) = engine_of(&model_file_with_template(template), b"");
        let mut generation = begin(&engine, &Request::from_json(&request.to_string()).unwrap()).unwrap();
        let tokens = output.bytes().map(u32::from).chain([END]).collect();
        log.borrow_mut().script = Some((generation.prompt().len(), tokens));
        let mut answer = Answer::default();
        while answer.finish.is_none() {
            answer.add(&pollster::block_on(generation.next(&mut engine)).unwrap());
        }
        answer
    }

    /// The message with which a client adds it to the conversation.
    pub fn message(&self) -> Value {
        let calls = self.calls.values().map(|[id, name, arguments]| {
            json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
        });
        let mut message = json!({ "role": "assistant", "content": self.text });
        if !self.reasoning.is_empty() {
            message["reasoning_content"] = self.reasoning.as_str().into();
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = calls.collect();
        }
        message
    }
}
