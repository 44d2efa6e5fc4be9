//! Probabilities of options from SmolLM2 on the CPU: they are those of its answers.

use std::fs;
use std::path::{Path, PathBuf};

use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_engine::{
    DecideEvent, DecideRequest, Decision, Engine, Event, LoadOptions, Loader, Platform, Request,
};
use linnet_graph::{Bytes, KvFormat};
use linnet_text::{EncodeOptions, LocalTime};
use pollster::block_on;
use serde_json::{Value, json};

/// `None` if the model is not here.
fn smollm2() -> Option<Engine<CpuBackend>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let folder = std::env::var_os("LINNET_MODELS").map_or(beside, PathBuf::from);
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    let Ok(file) = fs::read(&path) else {
        println!("skipped: SmolLM2 not found at {}", path.display());
        return None;
    };
    let platform = Platform { now_ms: || 0.0, local_time: || LocalTime::EPOCH, random_seed: || 7 };
    let options = LoadOptions {
        context_length: Some(512),
        max_logits: 1,
        kv: KvFormat::F16,
        memory_limit: None,
        platform,
    };
    let mut loader = Loader::new(CpuBackend::new(CpuOptions::default()), options);
    block_on(loader.push(Bytes::Heap(&file))).unwrap();
    Some(block_on(loader.finish()).unwrap())
}

fn decide(engine: &mut Engine<CpuBackend>, request: &Value) -> Vec<Decision> {
    let mut decider = engine.decide(&DecideRequest::from_json(&request.to_string()).unwrap()).unwrap();
    loop {
        if let DecideEvent::Decided(decided) = block_on(decider.next(engine)).unwrap() {
            return decided.decisions;
        }
    }
}

/// The log probability of a text after a prompt, from the log probabilities of completions that are forced to write
/// its tokens.
fn forced_logprob(engine: &mut Engine<CpuBackend>, request: &Value, text: &str) -> f64 {
    let request = |more: &[(&str, Value)]| {
        let mut request = request.clone();
        more.iter().for_each(|(field, value)| request[*field] = value.clone());
        Request::from_json(&request.to_string()).unwrap()
    };
    let mut tokens = engine.generate(&request(&[])).unwrap().prompt().to_vec();
    let options = EncodeOptions { add_special: false, parse_special: false };
    let mut sum = 0.0;
    for token in engine.tokenizer().encode(text, options).unwrap() {
        let bias = json!({ token.to_string(): 100 });
        let fields =
            json!({ "prompt": tokens, "logprobs": 0, "max_tokens": 1, "temperature": 0, "logit_bias": bias });
        let mut generation = engine.generate(&Request::from_json(&fields.to_string()).unwrap()).unwrap();
        let logprobs = loop {
            match block_on(generation.next(engine)).unwrap() {
                Event::Token { logprobs, .. } => break logprobs.unwrap(),
                Event::Prefill { .. } => {}
                Event::Done(done) => panic!("{done:?}"),
            }
        };
        assert_eq!(logprobs.chosen.token, token);
        sum += f64::from(logprobs.chosen.logprob);
        tokens.push(token);
    }
    sum
}

#[test]
fn decisions_of_smollm2_are_the_log_probabilities_of_its_answers() {
    let Some(mut engine) = smollm2() else { return };
    let messages = json!([{ "role": "user", "content": "What is the capital of France?" }]);
    let options = ["Berlin", "Paris", "The capital of France is Paris", "New York City"];
    let request = json!({ "messages": messages, "options": options, "show_options": false });
    let decision = decide(&mut engine, &request).remove(0);
    assert_eq!(decision.choice, "The capital of France is Paris");
    let sum: f64 = decision.options.iter().map(|option| option.probability).sum();
    assert!((sum - 1.0).abs() < 1e-12, "{decision:?}");
    for option in &decision.options {
        let expected = forced_logprob(&mut engine, &json!({ "messages": messages }), &option.option);
        assert!((option.logprob - expected).abs() < 1e-3, "{option:?}, not {expected}");
    }
    let request = json!({ "prompt": "The capital of France is", "options": [" London", " Paris"] });
    let decision = decide(&mut engine, &request).remove(0);
    assert_eq!(decision.choice, " Paris");
    assert!(decision.options[1].probability > 0.9, "{decision:?}");
    for option in &decision.options {
        let prompt = json!({ "prompt": "The capital of France is" });
        let expected = forced_logprob(&mut engine, &prompt, &option.option);
        assert!((option.logprob - expected).abs() < 1e-3, "{option:?}, not {expected}");
    }
}

#[test]
fn smollm2_decides_about_texts() {
    let Some(mut engine) = smollm2() else { return };
    let texts =
        ["I love this phone, it is great!", "Terrible. It broke on the first day, I want my money back."];
    let question = "Is this review positive or negative?";
    let batch = json!({ "question": question, "options": ["positive", "negative"], "texts": texts });
    let decisions = decide(&mut engine, &batch);
    assert_eq!(decisions[0].choice, "positive", "{decisions:?}");
    // This small model only leans the right way.
    let negative = [0, 1].map(|text| decisions[text].options[1].probability);
    assert!(negative[1] > negative[0], "{decisions:?}");
    assert!(
        decisions[1].timings.tokens < decisions[0].timings.tokens,
        "the question runs once: {decisions:?}"
    );
    for (text, decision) in texts.iter().zip(&decisions) {
        let one = json!({ "question": question, "options": ["positive", "negative"], "texts": [text] });
        let alone = decide(&mut engine, &one).remove(0);
        let same = (alone.options[0].probability - decision.options[0].probability).abs();
        assert!(same < 1e-3, "{alone:?}, not {decision:?}");
    }
}
