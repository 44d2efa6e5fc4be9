//! Answers that must have a form: a schema, an expression, a grammar or one of several texts.

use linnet_engine::{Done, Engine, Error, Event, FinishReason, Request};
use linnet_text::DecodeOptions;
use pollster::block_on;
use serde_json::{Value, json};

use crate::chat::tools::CHATML;
use crate::chats::begin;
use crate::fake::{
    CONTEXT, END_OF_THINKING, FakeBackend, THINK, engine, engine_of, model_file_with_template,
    recurrent_model_file, thinking_model_file,
};

/// What the model wants to write after its prompt.
enum Wants<'a> {
    Text(&'a str),
    Tokens(Vec<u32>),
}

struct Formed {
    text: String,
    reasoning: String,
    calls: usize,
    tokens: Vec<u32>,
    /// Tokens of each step of the model after the prompt's.
    steps: Vec<usize>,
    done: Done,
}

/// Answers a request that gives its answer a form.
fn answer_of(
    engine: &mut Engine<FakeBackend>,
    log: &Log,
    request: &Value,
    wants: Wants<'_>,
) -> Result<Formed, Error> {
    let request = Request::from_json(&request.to_string())?;
    assert!(engine.is_constrained(&request)?);
    let mut generation = begin(engine, &request)?;
    let tokens = match wants {
        Wants::Text(text) => text.bytes().map(u32::from).collect(),
        Wants::Tokens(tokens) => tokens,
    };
    log.borrow_mut().script = Some((generation.prompt().len(), tokens));
    log.borrow_mut().steps.clear();
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), 0);
    loop {
        match block_on(generation.next(engine))? {
            Event::Prefill { .. } => log.borrow_mut().steps.clear(),
            Event::Token { text: more, reasoning: thought, tool_calls, .. } => {
                text += &more;
                reasoning += &thought;
                calls += tool_calls.iter().filter(|call| call.name.is_some()).count();
            }
            Event::Done(done) => {
                text += &done.text;
                reasoning += &done.reasoning;
                calls += done.tool_calls.iter().filter(|call| call.name.is_some()).count();
                let steps = log.borrow().steps.iter().skip(1).map(Vec::len).collect();
                let tokens = generation.generated().to_vec();
                return Ok(Formed { text, reasoning, calls, tokens, steps, done });
            }
        }
    }
}

type Log = std::rc::Rc<std::cell::RefCell<crate::fake::Log>>;

fn asked(form: Value) -> Value {
    let mut request = json!({ "prompt": "q", "temperature": 0 });
    request.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
    request
}

/// The answer to a text, from a model that draws its tokens on the CPU or on the device.
fn answer(form: &Value, wants: &str) -> Formed {
    let [on_cpu, on_device] = [false, true].map(|draws| {
        let (mut engine, log) = engine_of(&model_file_with_template(CHATML), b"");
        log.borrow_mut().draws = draws;
        answer_of(&mut engine, &log, &asked(form.clone()), Wants::Text(wants)).unwrap()
    });
    assert_eq!(on_cpu.tokens, on_device.tokens, "on the CPU and on the device");
    on_cpu
}

fn schema(schema: Value) -> Value {
    let format = json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": schema } });
    json!({ "response_format": format })
}

#[test]
fn a_model_that_writes_what_fits_is_left_alone() {
    let form = json!({ "regex": "[a-z]+ [0-9]+" });
    let formed = answer(&form, "abc 12");
    assert_eq!((formed.text.as_str(), formed.done.finish_reason), ("abc 12", FinishReason::Stop));
}

#[test]
fn a_token_that_does_not_fit_is_replaced() {
    assert_eq!(answer(&json!({ "choices": ["yes", "no"] }), "maybe").text, "no");
    assert_eq!(answer(&json!({ "regex": "[0-9]{3}" }), "1x3").text, "103");
    let grammar = "root ::= \"a\" root \"b\" | \"c\"";
    assert_eq!(answer(&json!({ "grammar": grammar }), "aacbbb").text, "aacbb");
    let lark = json!({ "grammar": { "syntax": "lark", "grammar": "start: \"x\" /[0-9]/" } });
    assert_eq!(answer(&lark, "x?").text, "x0");
}

#[test]
fn json_is_valid_whatever_the_model_wants() {
    let number = json!({ "type": "integer", "minimum": 5, "maximum": 9 });
    let object = json!({
        "type": "object", "properties": { "n": number, "on": { "type": "boolean" } },
        "required": ["n", "on"], "additionalProperties": false,
    });
    for wants in ["Sure! Here is the JSON:", "{\"n\":3,\"on\":0}", "{\"on\":true}", "[1]"] {
        let text = answer(&schema(object.clone()), wants).text;
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!((5..=9).contains(&value["n"].as_i64().unwrap()) && value["on"].is_boolean(), "{text}");
    }
    let any = json!({ "response_format": { "type": "json_object" } });
    assert_eq!(answer(&any, "{\"a\":[1,{}]}").text, "{\"a\":[1,{}]}");
}

#[test]
fn what_is_forced_runs_as_one_prefill() {
    let formed = answer(&json!({ "choices": ["a long text without a choice"] }), "");
    assert_eq!(formed.text, "a long text without a choice");
    // All but its last byte is forced: its prompt and these run in steps of the largest size.
    let steps: usize = formed.steps.iter().sum();
    assert!(
        formed.steps.len() <= formed.text.len() / 8 + 1 && steps <= formed.text.len(),
        "{:?}",
        formed.steps
    );
}

#[test]
fn an_answer_ends_where_nothing_may_follow() {
    // The model would go on, and is not asked again.
    let formed = answer(&json!({ "regex": "ab" }), "abc");
    assert_eq!((formed.text.as_str(), formed.tokens.len()), ("ab", 2));
    assert_eq!(formed.done.finish_reason, FinishReason::Stop);
    // It may not end earlier.
    assert_eq!(answer(&json!({ "regex": "a[bc]c" }), "ab").text, "abc");
}

#[test]
fn the_length_limit_cuts_a_form() {
    let form = json!({ "regex": "[a-z]{20}", "max_tokens": 5 });
    let formed = answer(&form, "abcdefghijklmnopqrstuvwxyz");
    assert_eq!((formed.text.as_str(), formed.done.finish_reason), ("abcde", FinishReason::Length));
    let (mut engine, log) = engine(b"");
    let long = json!({ "regex": "[a-z]{500}" });
    let formed = answer_of(&mut engine, &log, &asked(long), Wants::Text(&"a".repeat(500))).unwrap();
    assert_eq!(formed.done.finish_reason, FinishReason::Length);
    assert!(formed.tokens.len() <= CONTEXT);
}

#[test]
fn a_recurrent_model_is_not_taken_back() {
    let (mut engine, log) = engine_of(&recurrent_model_file(), b"");
    log.borrow_mut().draws = true;
    let request = asked(json!({ "regex": "[0-9]{3}-[a-z]+" }));
    let formed = answer_of(&mut engine, &log, &request, Wants::Text("a2c_abc")).unwrap();
    assert!(formed.text.starts_with("020-abc") || formed.text.starts_with("020-"), "{}", formed.text);
    assert!(log.borrow().asked.is_empty(), "nothing is decoded ahead");
}

#[test]
fn log_probabilities_are_those_of_every_token() {
    let (mut engine, log) = engine(b"");
    let request = asked(json!({ "choices": ["forced"], "logprobs": 0 }));
    let request = Request::from_json(&request.to_string()).unwrap();
    let mut generation = begin(&engine, &request).unwrap();
    log.borrow_mut().script = Some((generation.prompt().len(), Vec::new()));
    let mut count = 0;
    loop {
        match block_on(generation.next(&mut engine)).unwrap() {
            Event::Prefill { .. } => {}
            Event::Token { logprobs, .. } => count += usize::from(logprobs.is_some()),
            Event::Done(_) => break,
        }
    }
    assert_eq!(count, "forced".len());
}

const THINKING: &str = "{% for m in messages %}{% if m.role == 'assistant' %}<|start|>\
    {% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}<|end|>\
    {% else %}<|start|>{{ m.content }}<|end|>{% endif %}{% endfor %}\
    {% if add_generation_prompt %}<|start|>{% endif %}";

fn thinking(wants: Vec<u32>, more: Value) -> Formed {
    let (mut engine, log) = engine_of(&thinking_model_file(THINKING), b"");
    let mut request = json!({ "messages": [{ "role": "user", "content": "q" }], "temperature": 0 });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer_of(&mut engine, &log, &request, Wants::Tokens(wants)).unwrap()
}

fn tokens(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

#[test]
fn the_form_begins_after_the_reasoning() {
    let form = json!({ "regex": "[0-9]+" });
    let thought = [vec![THINK], tokens("Hm, 1?"), vec![END_OF_THINKING], tokens("\n42")].concat();
    let formed = thinking(thought.clone(), form.clone());
    assert_eq!((formed.reasoning.as_str(), formed.text.as_str()), ("Hm, 1?", "42"));
    // A model that ends its turn within the reasoning still has to answer.
    let cut = [vec![THINK], tokens("Hm")].concat();
    let formed = thinking(cut, json!({ "choices": ["yes"] }));
    assert_eq!((formed.reasoning.trim_end(), formed.text.as_str()), ("Hm", "yes"));
    // One that does not reason answers at once.
    assert_eq!(thinking(tokens("42"), form).text, "42");
}

#[test]
fn marks_in_the_form_are_text() {
    let text = "<think>a</think><tool_call>";
    let form = json!({ "choices": [format!("{text}!")] });
    let (mut engine, log) = engine(b"");
    let request = json!({ "messages": [{ "role": "user", "content": "q" }], "temperature": 0 });
    let request = merged(request, &form);
    let formed = answer_of(&mut engine, &log, &request, Wants::Text(text)).unwrap();
    assert_eq!((formed.text, formed.reasoning), (format!("{text}!"), String::new()));
}

fn merged(mut request: Value, more: &Value) -> Value {
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

#[test]
fn a_tool_call_may_come_instead() {
    let tools = json!([{ "type": "function", "function": { "name": "f", "parameters": {} } }]);
    let request = json!({ "choices": ["1"], "tools": tools, "temperature": 0,
        "messages": [{ "role": "user", "content": "q" }] });
    let (mut engine, log) = engine_of(&model_file_with_template(CHATML), b"");
    let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>";
    let formed = answer_of(&mut engine, &log, &request, Wants::Text(call)).unwrap();
    assert_eq!((formed.calls, formed.text.as_str()), (1, ""));
    assert_eq!(formed.done.finish_reason, FinishReason::ToolCalls);
    let formed = answer_of(&mut engine, &log, &request, Wants::Text("No.")).unwrap();
    assert_eq!((formed.calls, formed.text.as_str()), (0, "1"));
}

#[test]
fn the_prompt_says_the_schema_unless_it_must_not() {
    let (engine, _) = engine_of(&model_file_with_template(CHATML), b"");
    let request = merged(
        json!({ "messages": [{ "role": "user", "content": "q" }] }),
        &schema(json!({ "type": "object", "description": "marker" })),
    );
    let prompt = |request: &Value| {
        let request = Request::from_json(&request.to_string()).unwrap();
        let generation = begin(&engine, &request).unwrap();
        engine.tokenizer().decode(generation.prompt(), DecodeOptions { special: true })
    };
    let shown = prompt(&request);
    assert!(
        shown.contains(
            "Answer with JSON that fits this schema (a):\n{\"type\":\"object\",\"description\":\"marker\"}"
        ),
        "{shown}"
    );
    let hidden = prompt(&merged(request, &json!({ "show_schema": false })));
    assert!(!hidden.contains("marker"), "{hidden}");
}

#[test]
fn requests_that_cannot_be_held_to_a_form_are_refused() {
    let (engine, _) = engine(b"");
    let cases = [
        (json!({ "regex": "a", "choices": ["b"] }), "choices"),
        (json!({ "response_format": { "type": "xml" } }), "response_format.type"),
        (json!({ "response_format": { "type": "json_schema" } }), "response_format.json_schema"),
        (json!({ "response_format": { "type": "json_object", "a": 1 } }), "response_format.a"),
        (json!({ "regex": 1 }), "regex"),
        (json!({ "regex": { "pattern": "a", "flags": 1 } }), "regex.flags"),
        (json!({ "grammar": { "syntax": "ebnf", "grammar": "" } }), "grammar.syntax"),
        (json!({ "choices": [] }), "choices"),
        (json!({ "choices": ["a", 1] }), "choices[1]"),
        (json!({ "regex": "a", "ignore_eos": true }), "ignore_eos"),
        // A prompt is used unchanged.
        (json!({ "regex": "a", "show_schema": true }), "show_schema"),
        // The caller compiles the form.
        (json!({ "regex": "a" }), "regex"),
    ];
    for (form, field) in cases {
        let request = Request::from_json(&asked(form.clone()).to_string());
        let error = request.and_then(|request| engine.generate(&request)).err().expect(field);
        assert_eq!(error.details()["field"], field, "{form}: {error}");
    }
    let text = asked(json!({ "response_format": { "type": "text" }, "regex": null }));
    let request = Request::from_json(&text.to_string()).unwrap();
    assert!(!engine.is_constrained(&request).unwrap());
}
