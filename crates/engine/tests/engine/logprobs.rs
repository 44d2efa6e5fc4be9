//! Log probabilities and logit biases, on a backend that returns logits and on one that samples.

use std::cell::RefCell;
use std::rc::Rc;

use linnet_engine::{Engine, Event, Logprobs, Request, TokenLogprob};
use pollster::block_on;

use crate::fake::{CONTEXT, END, FakeBackend, Log, engine};

fn on_both(answer: &[u8]) -> [(Engine<FakeBackend>, Rc<RefCell<Log>>); 2] {
    [false, true].map(|draws| {
        let (engine, log) = engine(answer);
        log.borrow_mut().draws = draws;
        (engine, log)
    })
}

/// The token events of an answer.
fn tokens(engine: &mut Engine<FakeBackend>, json: &str) -> Vec<Event> {
    let mut generation = engine.generate(&Request::from_json(json).unwrap()).unwrap();
    let mut events = Vec::new();
    loop {
        match block_on(generation.next(engine)).unwrap() {
            Event::Prefill { .. } => {}
            Event::Done(_) => return events,
            token => events.push(token),
        }
    }
}

#[test]
fn each_token_has_its_log_probability() {
    for (mut engine, log) in on_both("é!".as_bytes()) {
        let events = tokens(&mut engine, r#"{"prompt":"q\n","temperature":0,"logprobs":2}"#);
        // The fake's logits are 10 for the next token and 0 for all others.
        let whole = (10f64.exp() + 257.0).ln();
        assert_eq!(events.len(), 3);
        for ((event, byte), place) in events.iter().zip("é!".bytes()).zip([0, 0, 1]) {
            let Event::Token { token, left: 0, logprobs: Some(Logprobs { chosen, offset, top }), .. } = event
            else {
                panic!("{event:?}")
            };
            assert_eq!(*offset, place);
            assert_eq!((*token, chosen.token, &chosen.bytes[..]), (byte.into(), byte.into(), &[byte][..]));
            let close =
                |found: &TokenLogprob, logit: f64| (f64::from(found.logprob) - (logit - whole)).abs() < 1e-5;
            assert!(close(chosen, 10.0) && top[0] == *chosen && close(&top[1], 0.0), "{event:?}");
            assert_eq!((top.len(), top[1].token), (2, 0));
        }
        assert_eq!(log.borrow().asked, [0; 0], "nothing is chosen where nobody sees the logits");
        let json = serde_json::to_value(&events[0]).unwrap();
        assert_eq!(json["logprobs"]["bytes"], serde_json::json!([0xc3]));
        assert!(json.get("left").is_none());
    }
}

#[test]
fn log_probabilities_come_from_the_unchanged_logits() {
    let (mut engine, _) = engine(b"abc");
    let plain = tokens(&mut engine, r#"{"prompt":"q\n","temperature":0,"logprobs":3,"max_tokens":1}"#);
    let changed = r#"{
        "prompt": "q\n", "temperature": 0.1, "seed": 1, "top_k": 1, "logit_bias": {"97": -5}, "logprobs": 3,
        "max_tokens": 1
    }"#;
    assert_eq!(tokens(&mut engine, changed), plain);
}

#[test]
fn a_bias_works_on_every_backend() {
    for (mut engine, log) in on_both(b"abc") {
        let said = |engine: &mut Engine<FakeBackend>, json: &str| -> Vec<u32> {
            let token = |event| match event {
                Event::Token { token, .. } => token,
                other => panic!("{other:?}"),
            };
            tokens(engine, json).into_iter().map(token).collect()
        };
        let forced = r#"{"prompt":"q\n","temperature":0,"logit_bias":{"120":100},"max_tokens":3}"#;
        assert_eq!(said(&mut engine, forced), [120; 3]);
        let banned = r#"{"prompt":"q\n","temperature":0,"logit_bias":{"257":-100},"max_tokens":5}"#;
        assert_eq!(said(&mut engine, banned), [97, 98, 99, 0, 0], "the end is banned");
        assert_eq!(log.borrow().asked, [0; 0]);
        // Tokens queued for one answer do not serve another with a bias.
        let mut queued =
            engine.generate(&Request::from_json(r#"{"prompt":"q\n","temperature":0}"#).unwrap()).unwrap();
        block_on(queued.next(&mut engine)).unwrap();
        let behind = r#"{"prompt":"q\na","temperature":0,"logit_bias":{"120":100},"max_tokens":1}"#;
        assert_eq!(said(&mut engine, behind), [120]);
    }
    let (engine, _) = engine(b"");
    let beyond = Request::from_json(r#"{"prompt":"q","logit_bias":{"258":1}}"#).unwrap();
    let error = engine.generate(&beyond).err().unwrap();
    assert_eq!(
        (error.code().name(), error.details()["field"].as_str()),
        ("invalid-request", Some("logit_bias"))
    );
    assert!(error.to_string().contains("258"), "{error}");
}

#[test]
fn tokens_report_their_batch() {
    let [(mut alone, _), (mut several, _)] = on_both(b"abcdefghijklmnopqrstuvwxyz");
    let left = |engine: &mut Engine<FakeBackend>| -> Vec<usize> {
        let left = |event| match event {
            Event::Token { left, .. } => left,
            other => panic!("{other:?}"),
        };
        tokens(engine, r#"{"prompt":"q\n","temperature":0}"#).into_iter().map(left).collect()
    };
    assert_eq!(left(&mut alone), [0; 26]);
    let left = left(&mut several);
    assert!(left.iter().max() > Some(&4), "{left:?}");
    assert!(left.windows(2).all(|pair| pair[0] == 0 || pair[1] == pair[0] - 1), "{left:?}");
}

#[test]
fn counting_matches_a_request_without_running_it() {
    let (engine, log) = engine(b"");
    let count = |json: &str| engine.count_tokens(&Request::from_json(json).unwrap());
    let chat = r#"{"messages":[{"role":"user","content":"<|end|>"}]}"#;
    let request = Request::from_json(chat).unwrap();
    assert_eq!(count(chat).unwrap(), engine.generate(&request).unwrap().prompt().len());
    assert_eq!(count(r#"{"prompt":"four"}"#).unwrap(), 4);
    assert_eq!(count(r#"{"prompt":""}"#).unwrap(), 0);
    assert_eq!(count(&format!(r#"{{"prompt":"{}"}}"#, "x".repeat(5 * CONTEXT))).unwrap(), 5 * CONTEXT);
    assert_eq!(count(&format!(r#"{{"prompt":[{END},1]}}"#)).unwrap(), 2);
    assert_eq!(count(r#"{"prompt":[999]}"#).unwrap_err().code().name(), "invalid-request");
    assert_eq!(count("{}").unwrap_err().code().name(), "invalid-request");
    assert!(log.borrow().steps.is_empty());
}
