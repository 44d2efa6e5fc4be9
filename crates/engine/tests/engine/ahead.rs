//! Answers of a backend that samples several tokens at once equal those of one that does not sample.

use linnet_engine::{Done, Engine, Event, FinishReason, Generation, Request};
use pollster::block_on;

use crate::fake::{CONTEXT, FakeBackend, engine_of, model_file, recurrent_model_file, windowed_model_file};

fn start(engine: &Engine<FakeBackend>, json: &str) -> Generation {
    engine.generate(&Request::from_json(json).unwrap()).unwrap()
}

/// The text and the end of an answer.
fn finish(generation: &mut Generation, engine: &mut Engine<FakeBackend>) -> (String, Done) {
    let mut text = String::new();
    loop {
        match block_on(generation.next(engine)).unwrap() {
            Event::Prefill { .. } => {}
            Event::Token { text: more, .. } => text.push_str(&more),
            Event::Done(done) => {
                text.push_str(&done.text);
                return (text, done);
            }
        }
    }
}

/// Text, tokens, reason and counts of each request, one after another on one engine.
fn answers(file: &[u8], draws: bool, requests: &[&str]) -> Vec<(String, Vec<u32>, FinishReason, usize)> {
    let (mut engine, log) = engine_of(file, b"one. two. three. four. five. six");
    log.borrow_mut().draws = draws;
    let answers = requests.iter().map(|request| {
        let mut generation = start(&engine, request);
        let (text, done) = finish(&mut generation, &mut engine);
        (text, generation.generated().to_vec(), done.finish_reason, done.usage.completion_tokens)
    });
    let answers = answers.collect();
    assert_eq!(log.borrow().asked.iter().any(|asked| *asked > 4), draws, "{:?}", log.borrow().asked);
    answers
}

#[test]
fn answers_do_not_depend_on_the_batch() {
    let requests = [
        r#"{"prompt":"a\n","temperature":0}"#,
        r#"{"prompt":"a\none. two. th","temperature":0}"#,
        r#"{"prompt":"b\n","temperature":0,"max_tokens":21}"#,
        r#"{"prompt":"b\n","temperature":0,"stop":["four"]}"#,
        r#"{"prompt":"a longer prompt\n","temperature":0.1,"seed":3}"#,
        r#"{"prompt":"c\n","temperature":0,"ignore_eos":true}"#,
    ];
    for file in [model_file(), recurrent_model_file(), windowed_model_file()] {
        let alone = answers(&file, false, &requests);
        assert_eq!(alone[3].0, "one. two. three. ");
        assert_eq!(alone[5].1.len(), CONTEXT + 1 - "c\n".len());
        assert_eq!(answers(&file, true, &requests), alone);
    }
}

#[test]
fn the_next_answer_continues_from_the_tokens_returned_before_a_cancel() {
    let (mut engine, log) = engine_of(&model_file(), b"abcdefghijklmnopqrstuvwxyz");
    log.borrow_mut().draws = true;
    let mut generation = start(&engine, r#"{"prompt":"q\n","temperature":0}"#);
    while generation.generated().len() < 10 {
        block_on(generation.next(&mut engine)).unwrap();
    }
    generation.cancel();
    let (text, done) = finish(&mut generation, &mut engine);
    assert_eq!((text.as_str(), done.finish_reason), ("", FinishReason::Cancelled));
    assert_eq!(generation.generated(), b"abcdefghij".map(u32::from));
    let before = log.borrow().steps.len();
    let mut next = start(&engine, r#"{"prompt":"q\nabcdefghij!","temperature":0,"max_tokens":1}"#);
    finish(&mut next, &mut engine);
    assert_eq!(log.borrow().steps[before..].concat(), [u32::from(b'!')]);
}

#[test]
fn two_answers_take_turns_with_several_tokens_at_once() {
    let (mut engine, log) = engine_of(&recurrent_model_file(), b"abcdefghijklmnopqrstuvwxyz");
    log.borrow_mut().draws = true;
    let mut answers = ["1", "2"].map(|prompt| {
        let request = format!("{{\"prompt\":\"{prompt}\\n\",\"temperature\":0}}");
        start(&engine, &request)
    });
    for _ in 0..9 {
        for answer in &mut answers {
            block_on(answer.next(&mut engine)).unwrap();
        }
    }
    for answer in &mut answers {
        assert_eq!(finish(answer, &mut engine).1.finish_reason, FinishReason::Stop);
        assert_eq!(answer.generated().len(), 27);
    }
}

#[test]
fn the_backend_stays_busy_while_tokens_are_returned() {
    let (mut engine, log) = engine_of(&model_file(), b"abcdefghijklmnopqrstuvwxyz");
    log.borrow_mut().draws = true;
    let mut generation = start(&engine, r#"{"prompt":"q\n","temperature":0,"max_tokens":20}"#);
    let mut ran_before = Vec::new();
    while generation.generated().len() < 20 {
        ran_before.push(log.borrow().steps.len() - generation.generated().len());
        block_on(generation.next(&mut engine)).unwrap();
    }
    // After the first token, every result is followed by steps of the next tokens, up to the last.
    assert!(ran_before[1..19].iter().all(|ran| *ran > 0), "{ran_before:?}");
    assert_eq!(log.borrow().asked.iter().sum::<usize>(), 20, "{:?}", log.borrow().asked);
}

#[test]
fn an_answer_reports_the_gpu_work_per_token() {
    let (mut engine, log) = engine_of(&model_file(), b"abcdefghijklmnopqrstuvwxyz");
    let request = r#"{"prompt":"q\n","temperature":0}"#;
    let mut alone = start(&engine, request);
    assert_eq!(finish(&mut alone, &mut engine).1.counters, None);
    log.borrow_mut().draws = true;
    let mut generation = start(&engine, request);
    let counters = finish(&mut generation, &mut engine).1.counters.unwrap();
    // Two were in flight when the first token arrived.
    let expected = (log.borrow().asked.len() - 2) as f64 / 26.0;
    assert_eq!((counters.submits, counters.buffers), (expected, 0.0));
}

#[test]
fn a_recurrent_model_restarts_after_running_past_a_stop_string() {
    let (mut engine, log) = engine_of(&recurrent_model_file(), b"one. two. three. four. five. six");
    log.borrow_mut().draws = true;
    let mut generation = start(&engine, r#"{"prompt":"b\n","temperature":0,"stop":["two"]}"#);
    assert_eq!(finish(&mut generation, &mut engine).0, "one. ");
    let mut next = start(&engine, r#"{"prompt":"b\none. two","temperature":0,"max_tokens":4}"#);
    assert_eq!(finish(&mut next, &mut engine).0, ". th");
}

#[test]
fn an_answer_with_another_seed_ignores_queued_tokens() {
    for file in [model_file(), recurrent_model_file()] {
        let (mut engine, log) = engine_of(&file, b"abcdefghijklmnopqrstuvwxyz");
        log.borrow_mut().draws = true;
        let mut first = start(&engine, r#"{"prompt":"q\n","temperature":1,"seed":1}"#);
        while first.generated().len() < 3 {
            block_on(first.next(&mut engine)).unwrap();
        }
        // The same tokens, as a prompt.
        let mut second = start(&engine, r#"{"prompt":"q\nabc","temperature":1,"seed":2}"#);
        for answer in [&mut second, &mut first] {
            assert!(finish(answer, &mut engine).0.ends_with("xyz"));
        }
    }
}
