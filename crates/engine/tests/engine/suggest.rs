//! Suggestions from a model whose tokens are bytes: after a new line it continues with its answer.

use linnet_engine::{Engine, FinishReason, SuggestEvent, SuggestRequest, Suggestion, Suggestions};
use pollster::block_on;

use crate::fake::{
    CONTEXT, FakeBackend, engine, engine_of, model_file, recurrent_model_file, windowed_model_file,
};

fn start(engine: &Engine<FakeBackend>, prefix: &str, words: usize, within: Option<f64>) -> Suggestion {
    engine.suggest(&SuggestRequest { prefix: prefix.to_owned(), words, within }).unwrap()
}

fn finish(suggestion: &mut Suggestion, engine: &mut Engine<FakeBackend>) -> Suggestions {
    loop {
        if let SuggestEvent::Words(words) = block_on(suggestion.next(engine)).unwrap() {
            return words;
        }
    }
}

fn suggested(engine: &mut Engine<FakeBackend>, prefix: &str) -> Vec<(String, String)> {
    let words = finish(&mut start(engine, prefix, 1, None), engine).words;
    words.into_iter().map(|word| (word.word, word.completion)).collect()
}

fn pair(word: &str, completion: &str) -> Vec<(String, String)> {
    vec![(word.to_owned(), completion.to_owned())]
}

#[test]
fn words_are_whole_and_continue_the_typed_text() {
    for file in [model_file(), recurrent_model_file(), windowed_model_file()] {
        let (mut engine, _) = engine_of(&file, b"the bird's nest, high up");
        assert_eq!(suggested(&mut engine, "\n"), pair("the", "the"));
        assert_eq!(suggested(&mut engine, "\nT"), pair("The", "he"), "the typed case is kept");
        // A token is a byte here, so words do not include their spaces.
        assert_eq!(suggested(&mut engine, "\nthe b"), pair("bird's", "ird's"));
        assert_eq!(suggested(&mut engine, "\nthe bir"), pair("bird's", "d's"));
        assert_eq!(suggested(&mut engine, "\nthe bird's nest, hi"), pair("high", "gh"));
    }
}

#[test]
fn unlikely_words_are_left_out() {
    let (mut engine, _) = engine(b"abc def");
    let words = finish(&mut start(&engine, "\n", 5, None), &mut engine);
    let words: Vec<String> = words.words.into_iter().map(|word| word.word).collect();
    // `Bbc` would be a word too, but it is ten thousand times less likely.
    assert_eq!(words, ["abc"]);
}

#[test]
fn results_are_reused_for_the_next_letter() {
    let (mut engine, log) = engine(b"there");
    finish(&mut start(&engine, "so\n", 1, None), &mut engine);
    let before = log.borrow().steps.len();
    let again = finish(&mut start(&engine, "so\n", 1, None), &mut engine);
    assert_eq!((log.borrow().steps.len(), again.tokens), (before, 0));
    let next = finish(&mut start(&engine, "so\nt", 1, None), &mut engine);
    assert_eq!((next.words[0].word.as_str(), next.begun.as_str(), next.tokens), ("there", "t", 0));
}

/// Many models ignore the very first token: "Good mor" was completed to "more".
#[test]
fn where_nothing_marks_a_beginning_a_new_line_does() {
    for prefix in ["so\nt", "\nso\nt"] {
        let (mut engine, log) = engine(b"there");
        let words = finish(&mut start(&engine, prefix, 1, None), &mut engine);
        assert_eq!(words.words[0].word, "there");
        assert!(log.borrow().steps.concat().starts_with(&b"\nso\n".map(u32::from)), "{prefix:?}");
    }
}

#[test]
fn a_search_ends_when_cancelled_or_late() {
    let (mut engine, log) = engine(b"there");
    let mut told = start(&engine, "so\n", 3, None);
    assert_eq!(block_on(told.next(&mut engine)).unwrap(), SuggestEvent::Step);
    told.cancel();
    let words = finish(&mut told, &mut engine);
    assert_eq!((words.words.len(), words.finish_reason), (0, FinishReason::Cancelled));
    // Without any time, the model only runs for a first word.
    let before = log.borrow().steps.len();
    let late = finish(&mut start(&engine, "no\n", 3, Some(0.0)), &mut engine);
    assert_eq!(late.words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>(), ["there"]);
    assert_eq!(log.borrow().steps[before..].concat(), b"no\nthere".map(u32::from));
}

#[test]
fn errors_in_a_request_give_their_path() {
    for (request, field, says) in [
        ("[]", "request", "is an array, but must be an object"),
        ("{", "request", "is not valid JSON (line 1, column 1)"),
        ("{}", "prefix", "is missing, but must be a string"),
        (r#"{"prefix":5}"#, "prefix", "is 5, but must be a string"),
        (r#"{"prefix":"a","words":"3"}"#, "words", r#"is "3", but must be a whole number"#),
        (r#"{"prefix":"a","words":1.5}"#, "words", "is 1.5, but must be a whole number"),
        (r#"{"prefix":"a","within":"1 s"}"#, "within", r#"is "1 s", but must be a number of milliseconds"#),
        (r#"{"prefix":"a","within":-1}"#, "within", "is -1, but must be a number of milliseconds"),
        (r#"{"prefix":"a","count":3}"#, "count", "is not supported"),
    ] {
        let error = SuggestRequest::from_json(request).unwrap_err();
        assert_eq!(
            (error.code().name(), error.details()["field"].as_str()),
            ("invalid-request", Some(field)),
            "{request}"
        );
        assert!(error.to_string().contains(says), "{error}");
    }
    let request = SuggestRequest::from_json(r#"{"prefix":"a","words":null,"within":2}"#).unwrap();
    assert_eq!((request.prefix.as_str(), request.words, request.within), ("a", 3, Some(2.0)));
}

#[test]
fn impossible_requests_are_rejected() {
    let (engine, _) = engine(b"");
    let code = |prefix: String, words| {
        engine.suggest(&SuggestRequest { prefix, words, within: None }).err().map(|error| error.code().name())
    };
    assert_eq!(code("x ".repeat(CONTEXT), 3), Some("context-full"));
    assert_eq!(code(String::new(), 0), Some("invalid-request"));
    assert_eq!(code(String::new(), 11), Some("invalid-request"));
    assert_eq!(code(String::new(), 3), None);
}
