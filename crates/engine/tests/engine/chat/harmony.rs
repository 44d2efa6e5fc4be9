//! gpt-oss end to end: its real token ids, and its template.
//!
//! `tests/fixtures/harmony.jsonl` has the conversation of this test for other tests. A line with a request and
//! its prompt starts a turn; the lines after it are the events of its answer.

use std::fs;
use std::path::Path;

use linnet_engine::{Engine, FinishReason, Request};
use linnet_gguf::Gguf;
use linnet_text::{DecodeOptions, EncodeOptions};
use serde_json::{Value, json};

use crate::chats::{Answer, source_of, user};
use crate::fake::{FakeBackend, Log, engine_of, model_file_with_vocabulary};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/harmony.jsonl");
/// The environment variable with which the file is written instead of compared.
const UPDATE: &str = "LINNET_UPDATE_HARMONY";
const COMMAND: &str = "LINNET_UPDATE_HARMONY=1 cargo test -p linnet-engine harmony";

const TOOLS: &str = r#"[{"type": "function", "function": {
    "name": "get_weather",
    "description": "Weather forecast for a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"]
    }
}}]"#;

/// A conversation with a model that answers what a script says.
struct Conversation {
    engine: Engine<FakeBackend>,
    log: std::rc::Rc<std::cell::RefCell<Log>>,
    messages: Vec<Value>,
    /// The lines of the fixture.
    lines: Vec<String>,
}

impl Conversation {
    /// `None` if the vocabulary is not here.
    fn new() -> Option<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
        let folder = std::env::var_os("LINNET_REFERENCE").map_or(beside, Into::into);
        let path = folder.join("tokenizers/ggml-vocab-gpt-oss.gguf");
        let Ok(vocabulary) = fs::read(&path) else {
            println!("skipped: gpt-oss' vocabulary not found at {}", path.display());
            return None;
        };
        let vocabulary = Gguf::parse(&vocabulary).unwrap().metadata;
        let file = model_file_with_vocabulary(&vocabulary, &source_of("openai-gpt-oss-120b"));
        let (engine, log) = engine_of(&file, b"");
        Some(Conversation { engine, log, messages: Vec::new(), lines: Vec::new() })
    }

    /// Answers a message with `output`; returns the prompt and the answer.
    fn turn(&mut self, message: Value, output: &str) -> (String, Answer) {
        self.messages.push(message);
        let tools: Value = serde_json::from_str(TOOLS).unwrap();
        let request = json!({ "messages": self.messages, "tools": tools, "temperature": 0 });
        let mut generation =
            self.engine.generate(&Request::from_json(&request.to_string()).unwrap()).unwrap();
        let tokenizer = self.engine.tokenizer();
        let options = EncodeOptions { add_special: false, parse_special: true };
        let tokens = tokenizer.encode(output, options).unwrap();
        let prompt = tokenizer.decode(generation.prompt(), DecodeOptions { special: true });
        self.log.borrow_mut().script = Some((generation.prompt().len(), tokens.clone()));
        self.lines.push(json!({ "request": request, "prompt": prompt }).to_string());
        let mut answer = Answer::default();
        while answer.finish.is_none() {
            let event = pollster::block_on(generation.next(&mut self.engine)).unwrap();
            self.lines.push(serde_json::to_string(&event).unwrap());
            answer.add(&event);
        }
        assert_eq!(generation.generated(), tokens, "nothing ends the answer before its last token");
        self.messages.push(answer.message());
        (prompt, answer)
    }
}

#[test]
fn harmony_answers_come_apart_and_go_back_into_the_prompt() {
    let Some(mut conversation) = Conversation::new() else { return };
    let id = |mark: &str| {
        let options = EncodeOptions { add_special: false, parse_special: true };
        conversation.engine.tokenizer().encode(mark, options).unwrap()
    };
    let marks =
        ["<|return|>", "<|constrain|>", "<|channel|>", "<|start|>", "<|end|>", "<|message|>", "<|call|>"];
    assert_eq!(marks.map(id).concat(), [200_002, 200_003, 200_005, 200_006, 200_007, 200_008, 200_012]);

    let (prompt, call) = conversation.turn(
        user("Will it rain in Zürich tomorrow?"),
        "<|channel|>analysis<|message|>The user asks about rain, so I call the tool.<|end|><|start|>assistant\
         <|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>\
         {\"city\": \"Zürich\", \"days\": 2}<|call|>",
    );
    assert!(prompt.contains("# Tools\n\n## functions\n\nnamespace functions {"), "{prompt}");
    assert!(prompt.ends_with("<|end|><|start|>assistant"), "{prompt}");
    assert_eq!(call.reasoning, "The user asks about rain, so I call the tool.");
    assert_eq!((call.text.as_str(), call.finish), ("", Some(FinishReason::ToolCalls)));
    let [id, name, arguments] = &call.calls[&0];
    assert_eq!((name.as_str(), arguments.as_str()), ("get_weather", "{\"city\": \"Zürich\", \"days\": 2}"));
    assert!(id.starts_with("call_") && call.calls.len() == 1, "{:?}", call.calls);
    assert!((10..20).contains(&call.reasoning_tokens), "{}", call.reasoning_tokens);

    let result = json!({ "role": "tool", "tool_call_id": id, "content": "{\"rain_mm\": 2.5}" });
    let (prompt, answer) = conversation.turn(
        result,
        "<|channel|>analysis<|message|>2.5 mm is a little.<|end|><|start|>assistant\
         <|channel|>final<|message|>Yes, a little: **2.5 mm**.<|return|>",
    );
    let called = "<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>\
                  {\"city\": \"Zürich\", \"days\": 2}<|call|><|start|>functions.get_weather to=assistant\
                  <|channel|>commentary<|message|>\"{\\\"rain_mm\\\": 2.5}\"<|end|>";
    let thought = "<|start|>assistant<|channel|>analysis<|message|>The user asks about rain, so I call the \
                   tool.<|end|>";
    assert!(prompt.ends_with(&format!("{thought}{called}<|start|>assistant")), "{prompt}");
    assert_eq!(answer.reasoning, "2.5 mm is a little.");
    assert_eq!(
        (answer.text.as_str(), answer.finish),
        ("Yes, a little: **2.5 mm**.", Some(FinishReason::Stop))
    );
    assert!(answer.calls.is_empty());

    let (prompt, answer) = conversation.turn(
        user("Thank you!"),
        "<|channel|>commentary<|message|>Let me check Bern, too.<|end|><|start|>assistant to=functions.get_weather\
         <|channel|>commentary <|constrain|>json<|message|>{\"city\": \"Bern\"}<|call|>",
    );
    let said = "<|start|>assistant<|channel|>final<|message|>Yes, a little: **2.5 mm**.<|end|>\
                <|start|>user<|message|>Thank you!<|end|><|start|>assistant";
    assert!(
        prompt.ends_with(&format!("{called}{said}")) && !prompt.contains("<|channel|>analysis"),
        "{prompt}"
    );
    assert_eq!((answer.text.as_str(), answer.reasoning.as_str()), ("Let me check Bern, too.", ""));
    assert_eq!(answer.calls[&0][1..], ["get_weather", "{\"city\": \"Bern\"}"]);

    let written = conversation.lines.join("\n") + "\n";
    if std::env::var_os(UPDATE).is_some() {
        fs::write(FIXTURE, &written).unwrap();
    }
    let fixture = fs::read_to_string(FIXTURE).unwrap_or_default();
    assert!(fixture == written, "the events have changed; run\n{COMMAND}");
}
