//! What a file recommends for sampling, on a backend that returns logits and on one that samples.

use linnet_engine::{Engine, Event, Request};
use linnet_gguf::{Array, Value};
use linnet_graph::{DecodeRequest, SamplingParams};
use pollster::block_on;

use crate::fake::{FakeBackend, engine_of, model_file, model_file_with};

/// The tokens of an answer.
fn said(engine: &mut Engine<FakeBackend>, json: &str) -> Vec<u32> {
    let mut generation = engine.generate(&Request::from_json(json).unwrap()).unwrap();
    while !matches!(block_on(generation.next(engine)).unwrap(), Event::Done(_)) {}
    generation.generated().to_vec()
}

/// How the backend sampled the answer.
fn sampling(file: &[u8], json: &str) -> SamplingParams {
    let (mut engine, log) = engine_of(file, b"a");
    log.borrow_mut().draws = true;
    said(&mut engine, json);
    let sampling = log.borrow().sampling;
    sampling.unwrap()
}

#[test]
fn a_request_overrides_what_the_file_recommends() {
    let file = model_file_with(&[
        ("general.sampling.temp", Value::F32(0.25)),
        ("general.sampling.top_k", Value::I32(20)),
        ("general.sampling.top_p", Value::F32(0.5)),
        ("general.sampling.min_p", Value::F32(0.125)),
        ("general.sampling.penalty_repeat", Value::F32(1.5)),
        ("general.sampling.mirostat", Value::I32(2)),
    ]);
    let recommended = sampling(&file, r#"{"prompt":"q\n"}"#);
    assert_eq!((recommended.temperature, recommended.top_k, recommended.top_p), (0.25, 20, 0.5));
    assert_eq!((recommended.min_p, recommended.repetition_penalty), (0.125, 1.5));
    let mixed = sampling(&file, r#"{"prompt":"q\n","temperature":2,"top_k":0,"min_p":null}"#);
    assert_eq!((mixed.temperature, mixed.top_k, mixed.top_p, mixed.min_p), (2.0, 0, 0.5, 0.125));
    let default = sampling(&model_file(), r#"{"prompt":"q\n"}"#);
    assert_eq!((default.temperature, default.top_k, default.top_p, default.min_p), (0.8, 40, 0.95, 0.05));
}

#[test]
fn useless_recommendations_are_ignored() {
    let file = model_file_with(&[
        ("general.sampling.temp", Value::F32(f32::NAN)),
        ("general.sampling.top_k", Value::I32(-1)),
        ("general.sampling.top_p", Value::F32(-0.5)),
        ("general.sampling.min_p", Value::String("low".into())),
        ("general.sampling.penalty_repeat", Value::U8(0)),
        ("tokenizer.ggml.suppress_tokens", Value::String("b".into())),
    ]);
    let ours = sampling(&file, r#"{"prompt":"q\n"}"#);
    assert_eq!((ours.temperature, ours.top_k, ours.top_p, ours.min_p), (0.8, 0, 0.95, 0.05));
    assert_eq!(ours.repetition_penalty, 1.0);
}

#[test]
fn suppressed_tokens_are_not_said_on_any_backend() {
    let suppressing = |tokens: Vec<i32>| {
        let tokens = Value::Array(Array::I32(tokens));
        model_file_with(&[("tokenizer.ggml.suppress_tokens", tokens)])
    };
    let (b, few) = (98, suppressing(vec![98, -1, 98, 100_000]));
    // More than a backend that samples can suppress, and then the token 40.
    let many = suppressing((0..DecodeRequest::MAX_SUPPRESSED as i32 + 8).chain([98]).collect());
    for draws in [false, true] {
        for (file, other, asks) in [(&few, 0, draws), (&many, 40, false)] {
            for temperature in ["0", "0.1"] {
                let (mut engine, log) = engine_of(file, b"abc");
                log.borrow_mut().draws = draws;
                let request = |more: &str| {
                    let filters = r#""top_k":0,"top_p":1,"min_p":0,"seed":1"#;
                    format!(r#"{{"prompt":"q\n","temperature":{temperature},{filters}{more}}}"#)
                };
                let tokens = said(&mut engine, &request(""));
                assert_eq!((tokens[0], tokens[2]), (97, 99), "{tokens:?}");
                assert!(tokens[1] != b && (temperature != "0" || tokens[1] == other), "{tokens:?}");
                assert_eq!(!log.borrow().asked.is_empty(), asks, "whether the backend samples");
                let tokens = said(&mut engine, &request(r#","logit_bias":{"98":0}"#));
                assert_eq!(tokens[..3], [97, 98, 99], "a request may want the token");
            }
        }
    }
}
