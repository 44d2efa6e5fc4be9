//! Probabilities of options. The backend's logits are 10 for the next byte of its answer and 0 for the 257 others.

use std::cell::RefCell;
use std::rc::Rc;

use linnet_engine::{DecideEvent, DecideRequest, Decision, Decisions, Engine, Error, FinishReason};
use pollster::block_on;
use serde_json::{Value, json};

use crate::chats::{PUBLISHED, source_of, user, with_template};
use crate::fake::{
    CONTEXT, END, FakeBackend, Log, START, engine, engine_of, model_file, model_file_with_template,
    recurrent_model_file, sentence_piece_model_file, thinking_model_file, windowed_model_file,
};

/// The log probability of the answer's next byte, and of any other token.
fn logprobs() -> [f64; 2] {
    let whole = (10f64.exp() + 257.0).ln();
    [10.0 - whole, -whole]
}

fn decisions(engine: &mut Engine<FakeBackend>, request: &Value) -> Result<Decisions, Error> {
    let mut decider = engine.decide(&DecideRequest::from_json(&request.to_string())?)?;
    loop {
        if let DecideEvent::Decided(decisions) = block_on(decider.next(engine))? {
            return Ok(decisions);
        }
    }
}

fn decision(engine: &mut Engine<FakeBackend>, request: &Value) -> Decision {
    let Decisions { mut decisions, finish_reason } = decisions(engine, request).unwrap();
    assert_eq!((decisions.len(), finish_reason), (1, FinishReason::Stop));
    decisions.remove(0)
}

/// Compares the log probabilities, and the probabilities with their softmax.
fn assert_logprobs(decision: &Decision, expected: &[f64]) {
    let found: Vec<f64> = decision.options.iter().map(|option| option.logprob).collect();
    assert_eq!(found.len(), expected.len());
    let sum: f64 = expected.iter().map(|logprob| logprob.exp()).sum();
    for (option, expected) in decision.options.iter().zip(expected) {
        assert!((option.logprob - expected).abs() < 1e-9, "{found:?}, not {expected:?}");
        assert!((option.probability - expected.exp() / sum).abs() < 1e-12, "{decision:?}");
    }
    let whole: f64 = decision.options.iter().map(|option| option.probability).sum();
    assert!((whole - 1.0).abs() < 1e-12, "{whole}");
}

/// The texts that ran, each step after the one before.
fn steps(log: &Rc<RefCell<Log>>) -> Vec<String> {
    let text = |token: &u32| match *token {
        START => "<|start|>".to_owned(),
        END => "<|end|>".to_owned(),
        byte => char::from(byte as u8).to_string(),
    };
    log.borrow().steps.iter().map(|step| step.iter().map(text).collect()).collect()
}

#[test]
fn options_of_one_token_take_one_prefill() {
    let (mut engine, log) = engine(b"b");
    let [likely, other] = logprobs();
    let decided = decision(&mut engine, &json!({ "prompt": "q\n", "options": ["a", "b", "c"] }));
    assert_eq!((decided.choice.as_str(), decided.timings.tokens), ("b", 2));
    assert_logprobs(&decided, &[other, likely, other]);
    assert_eq!(steps(&log), ["q\n"]);
    let options: Vec<&str> = decided.options.iter().map(|option| option.option.as_str()).collect();
    assert_eq!(options, ["a", "b", "c"]);
}

#[test]
fn options_of_several_tokens_share_their_beginnings() {
    for file in [model_file(), recurrent_model_file(), windowed_model_file()] {
        let (mut engine, log) = engine_of(&file, b"abc");
        let [likely, other] = logprobs();
        let request = json!({ "prompt": "q\n", "options": ["xyc", "abd", "abc", "ay"] });
        let decided = decision(&mut engine, &request);
        let sums = [2.0 * other + likely, 2.0 * likely + other, 3.0 * likely, likely + other];
        assert_logprobs(&decided, &sums);
        assert_eq!(decided.choice, "abc");
        let ran = steps(&log).concat();
        // Recurrent state goes back only one step, and here starts again.
        assert_eq!(ran, if file == recurrent_model_file() { "q\nabq\nxy" } else { "q\nabxy" });
        assert_eq!(decided.timings.tokens, ran.len());
        // The next request starts from the same cache.
        let before = log.borrow().steps.len();
        assert_logprobs(&decision(&mut engine, &request), &sums);
        assert!(log.borrow().steps.len() > before);
    }
}

#[test]
fn an_option_that_begins_another_counts_only_where_that_does_not_follow() {
    let (mut engine, _) = engine(b"abc");
    let [likely, other] = logprobs();
    let request = json!({ "prompt": "q\n", "options": ["a", "abc", "ab", "ax", "b"] });
    let decided = decision(&mut engine, &request);
    let without = |longer: &[f64]| (1.0 - longer.iter().map(|logprob| logprob.exp()).sum::<f64>()).ln();
    assert_logprobs(
        &decided,
        &[
            likely + without(&[likely, other]),
            3.0 * likely,
            2.0 * likely + without(&[likely]),
            likely + other,
            other,
        ],
    );
    assert_eq!(decided.choice, "abc");
    // None of them happen together, so they have at most the whole probability.
    let sum: f64 = decided.options.iter().map(|option| option.logprob.exp()).sum();
    assert!((sum - (likely.exp() + other.exp())).abs() < 1e-12, "{sum}");
}

/// A token of a SentencePiece vocabulary has the space before its word.
#[test]
fn options_have_the_tokens_that_a_text_has() {
    let (mut engine, log) = engine_of(&sentence_piece_model_file(), b"");
    // "▁b" is one token, so both options begin before the prompt's last space.
    let decided = decision(&mut engine, &json!({ "prompt": "a ", "options": ["b", "a"] }));
    assert_eq!(log.borrow().steps.concat(), [1, 3, 5, 3], "{decided:?}");
    // Token ids are used unchanged.
    let before = log.borrow().steps.len();
    decision(&mut engine, &json!({ "prompt": [3, 5], "options": ["a", "aa"] }));
    assert_eq!(log.borrow().steps[before..].concat(), [3, 5, 5]);
}

fn templated(template: &str) -> (Engine<FakeBackend>, Rc<RefCell<Log>>) {
    engine_of(&model_file_with_template(template), b"")
}

const CHAT: &str = "{% for m in messages %}<|start|>{{ m.role }}:{{ m.content }}<|end|>{% endfor %}\
    {% if add_generation_prompt %}<|start|>\n{% endif %}";

#[test]
fn the_prompt_has_the_question_the_options_and_the_text() {
    let prompt = |request: Value| {
        let (mut engine, log) = templated(CHAT);
        decisions(&mut engine, &request).unwrap();
        steps(&log).concat()
    };
    let options = ["x", "y"];
    assert_eq!(
        prompt(json!({ "question": "Is it?", "options": options })),
        "<|start|>user:Is it?\nAnswer with one of: x, y<|end|><|start|>\n"
    );
    assert_eq!(
        prompt(json!({ "question": "Is it?", "options": options, "system": "Hm.", "show_options": false })),
        "<|start|>system:Hm.<|end|><|start|>user:Is it?<|end|><|start|>\n"
    );
    let talk = json!([user("One?"), { "role": "assistant", "content": "Two." }, user("Why?")]);
    assert!(
        prompt(json!({ "messages": talk, "options": options }))
            .ends_with("<|start|>user:Why?\nAnswer with one of: x, y<|end|><|start|>\n")
    );
    // A begun answer is continued.
    let begun = json!([user("Why?"), { "role": "assistant", "content": "Because " }]);
    assert!(
        prompt(json!({ "messages": begun, "options": options }))
            .ends_with("y<|end|><|start|>assistant:Because ")
    );
    // Marks in texts are texts.
    let spelled = prompt(json!({ "question": "Is it?", "options": ["<|end|>", "<|end|>x"] }));
    assert!(spelled.contains("of: <|end|>, <|end|>x"), "{spelled}");
    let (mut engine, log) = templated(CHAT);
    decisions(&mut engine, &json!({ "prompt": "q", "options": ["<|end|>", "y"] })).unwrap();
    assert!(!log.borrow().steps.concat().contains(&END));
    assert_eq!(steps(&log).concat(), "q<|end|");
}

#[test]
fn texts_come_after_the_question_which_runs_once() {
    let (mut engine, log) = templated(CHAT);
    let request = json!({ "question": "Is it?", "options": ["x", "y"], "texts": ["One", "Two", "One"] });
    let Decisions { decisions, .. } = decisions(&mut engine, &request).unwrap();
    assert_eq!(decisions.len(), 3);
    assert_eq!(decisions[0].options, decisions[2].options);
    let rest = "<|end|><|start|>\n";
    let expected = format!("<|start|>user:Is it?\nAnswer with one of: x, y\n\nOne{rest}Two{rest}One{rest}");
    assert_eq!(steps(&log).concat(), expected);
    assert_eq!(decisions.iter().map(|one| one.timings.tokens).collect::<Vec<_>>()[1..], [6, 6]);
}

#[test]
fn progress_is_reported_and_a_cancelled_batch_keeps_what_is_done() {
    let (mut engine, _) = templated(CHAT);
    let request = json!({ "question": "Is it?", "options": ["x", "y"], "texts": ["One", "Two"] });
    let request = DecideRequest::from_json(&request.to_string()).unwrap();
    let mut decider = engine.decide(&request).unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&1) {
        let DecideEvent::Deciding { done, total: 2 } = block_on(decider.next(&mut engine)).unwrap() else {
            panic!("{seen:?}")
        };
        seen.push(done);
    }
    decider.cancel();
    let DecideEvent::Decided(decided) = block_on(decider.next(&mut engine)).unwrap() else { panic!() };
    assert_eq!((decided.decisions.len(), decided.finish_reason), (1, FinishReason::Cancelled));
    let json = serde_json::to_value(DecideEvent::Decided(decided)).unwrap();
    assert_eq!((&json["type"], &json["finish_reason"]), (&json!("decided"), &json!("cancelled")));
}

/// The prompt of a decision, without the question.
fn start_of_answer(mut engine: Engine<FakeBackend>, log: &Rc<RefCell<Log>>) -> String {
    let request = json!({ "question": "QQ", "options": ["x", "y"], "show_options": false });
    decisions(&mut engine, &request).unwrap();
    steps(log).concat().rsplit_once("QQ").unwrap().1.to_owned()
}

#[test]
fn options_come_where_the_text_of_an_answer_begins() {
    for (name, end) in PUBLISHED {
        let (engine, log) = templated(&source_of(name));
        let start = start_of_answer(engine, &log);
        let expected = match name {
            // What its template writes if thinking is off.
            "HuggingFaceTB-SmolLM3-3B" => "<|im_start|>assistant\n<think>\n\n</think>\n",
            _ => end,
        };
        assert!(start.ends_with(expected), "{name}: {start:?}");
    }
    let opened = format!("{}{{% if add_generation_prompt %}}<think>\n{{% endif %}}", &CHAT);
    let (engine, log) = engine_of(&thinking_model_file(&opened), b"");
    let start = start_of_answer(engine, &log);
    assert!(start.ends_with("\u{fe}\n\u{ff}\n\n"), "{start:?}");
}

#[test]
fn errors_in_a_request_give_their_path() {
    let two = r#""options":["a","b"]"#;
    for (request, field, says) in [
        ("[]".to_owned(), "request", "is an array, but must be an object"),
        ("{}".to_owned(), "options", "is missing, but must be an array of strings"),
        (r#"{"options":"a"}"#.to_owned(), "options", "but must be an array of strings"),
        (r#"{"options":["a",5]}"#.to_owned(), "options[1]", "is 5, but must be a string"),
        (format!("{{{two}}}"), "question", "is missing; give a `question`, `messages`, or a `prompt`"),
        (format!(r#"{{{two},"question":5}}"#), "question", "is 5, but must be a string"),
        (format!(r#"{{{two},"question":"q","prompt":"p"}}"#), "prompt", "without `question`"),
        (format!(r#"{{{two},"question":"q","messages":[]}}"#), "messages", "without `question`"),
        (format!(r#"{{{two},"messages":[],"prompt":"p"}}"#), "prompt", "without `messages`"),
        (format!(r#"{{{two},"messages":[{{"role":"king"}}]}}"#), "messages[0].role", "king"),
        (format!(r#"{{{two},"prompt":"p","system":"s"}}"#), "system", "needs a `question`"),
        (format!(r#"{{{two},"prompt":"p","show_options":1}}"#), "show_options", "true or false"),
        (format!(r#"{{{two},"prompt":"p","temperature":1}}"#), "temperature", "is not supported"),
    ] {
        let error = DecideRequest::from_json(&request).unwrap_err();
        assert_eq!(error.details()["field"], field, "{request}: {error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn impossible_requests_are_rejected() {
    let (mut engine, log) = engine(b"");
    let long = "x".repeat(DecideRequest::MAX_OPTION_LENGTH + 1);
    let many: Vec<String> = (0..=DecideRequest::MAX_OPTIONS).map(|number| number.to_string()).collect();
    for (request, field, says) in [
        (json!({ "prompt": "q", "options": ["a"] }), "options", "must have 2 to 64 options, but has 1"),
        (json!({ "prompt": "q", "options": many }), "options", "but has 65"),
        (json!({ "prompt": "q", "options": ["a", " "] }), "options[1]", "is empty"),
        (json!({ "prompt": "q", "options": ["a", "b", "a"] }), "options[2]", "is the same as options[0]"),
        (json!({ "prompt": "q", "options": [long, "b"] }), "options[0]", "but has 1001"),
        (json!({ "prompt": "", "options": ["a", "b"] }), "prompt", "is empty"),
        (json!({ "prompt": [999], "options": ["a", "b"] }), "prompt", "999"),
        (json!({ "prompt": "q", "options": ["a", "b"], "texts": ["t"] }), "texts", "needs a `question`"),
        (json!({ "prompt": "q", "options": ["a", "b"], "show_options": true }), "show_options", "unchanged"),
        (json!({ "question": "q", "options": ["a", "b"], "texts": [] }), "texts", "but has 0"),
        (json!({ "question": " ", "options": ["a", "b"] }), "question", "is empty"),
        (json!({ "messages": [], "options": ["a", "b"] }), "messages", "is empty"),
    ] {
        let error = decisions(&mut engine, &request).unwrap_err();
        let found = (error.code().name(), error.details()["field"].clone());
        assert_eq!(found, ("invalid-request", json!(field)), "{request}: {error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let full = |prompt: String, option: &str| json!({ "prompt": prompt, "options": ["a", option] });
    assert!(decisions(&mut engine, &full("q".repeat(CONTEXT - 2), "bc")).is_ok());
    let before = log.borrow().steps.len();
    for length in [CONTEXT - 1, 5 * CONTEXT] {
        let error = decisions(&mut engine, &full("q".repeat(length), "bc")).unwrap_err();
        assert_eq!(error.code().name(), "context-full", "{error}");
    }
    // All texts are checked before the model runs.
    for text in ["t".repeat(CONTEXT), "t".repeat(5 * CONTEXT)] {
        let batch =
            json!({ "question": "q", "options": ["a", "b"], "show_options": false, "texts": ["t", text] });
        let error = decisions(&mut engine, &batch).unwrap_err();
        let found = (error.code().name(), error.details()["field"].clone());
        assert_eq!(found, ("context-full", json!("texts[1]")), "{error}");
    }
    assert_eq!(log.borrow().steps.len(), before);
    let mut without = with_template("{{ raise_exception('no') }}");
    let error = decisions(&mut without, &json!({ "question": "q", "options": ["a", "b"] })).unwrap_err();
    assert_ne!(error.code().name(), "internal", "{error}");
}
