//! Masks, forced bytes and the ends of answers.

use std::sync::Arc;

use linnet_constraint::{Token, Vocabulary, compile};
use linnet_text::{Constraint, ConstraintErrorCode, ConstraintSpec};
use serde_json::json;

use super::{regex, schema};

/// `{"a":`, `{`, `"`, `a`, `":`, `1`, `}`, the second byte of é, its first, a control token, two ends.
fn vocabulary() -> Arc<Vocabulary> {
    let text = |text: &'static str| Token::Text(text.as_bytes());
    let tokens = [
        text("{\"a\":"),
        text("{"),
        text("\""),
        text("a"),
        text("\":"),
        text("1"),
        text("}"),
        Token::Text(b"\xa9"),
        Token::Text(b"\xc3"),
        Token::Never,
        Token::End,
        Token::End,
    ];
    Arc::new(Vocabulary::new(tokens).unwrap())
}

#[test]
fn masks_have_all_spellings_and_ends_only_where_the_text_is_complete() {
    let spec = schema(json!({ "type": "object", "properties": { "a": { "const": 1 } }, "required": ["a"],
        "additionalProperties": false }));
    let mut constraint = compile(&spec, &vocabulary()).unwrap();
    let mask = |constraint: &mut dyn Constraint| constraint.mask().unwrap().iter().collect::<Vec<_>>();
    assert_eq!(constraint.forced_bytes().unwrap(), b"{\"a\":1}");
    assert_eq!(mask(&mut constraint), [0, 1]);
    assert!(
        constraint.allows(1).unwrap() && !constraint.allows(6).unwrap() && !constraint.allows(9).unwrap()
    );
    constraint.commit(1).unwrap();
    assert_eq!(mask(&mut constraint), [2]);
    for token in [2, 3, 4, 5] {
        assert!(!constraint.is_accepting().unwrap() && !constraint.allows(10).unwrap());
        constraint.commit(token).unwrap();
    }
    assert_eq!(mask(&mut constraint), [6]);
    constraint.commit(6).unwrap();
    assert_eq!(mask(&mut constraint), [10, 11]);
    assert_eq!(constraint.commit(5).unwrap_err().code, ConstraintErrorCode::NotAllowed);
    constraint.commit(11).unwrap();
    assert!(constraint.is_accepting().unwrap() && constraint.forced_bytes().unwrap().is_empty());
}

#[test]
fn parts_of_characters_are_tokens() {
    let mut constraint = compile(&regex("é|a", ""), &vocabulary()).unwrap();
    assert_eq!(constraint.mask().unwrap().iter().collect::<Vec<_>>(), [3, 8]);
    constraint.commit(8).unwrap();
    assert!(!constraint.is_accepting().unwrap());
    assert_eq!(constraint.forced_bytes().unwrap(), b"\xa9");
    constraint.commit(7).unwrap();
    assert_eq!(constraint.mask().unwrap().iter().collect::<Vec<_>>(), [10, 11]);
}

#[test]
fn an_empty_text_may_end_at_once() {
    let choices = vec![String::new(), "a".to_owned()];
    let mut constraint = compile(&ConstraintSpec::Choices { choices }, &vocabulary()).unwrap();
    assert_eq!(constraint.mask().unwrap().iter().collect::<Vec<_>>(), [3, 10, 11]);
    let empty = ConstraintSpec::Choices { choices: vec![String::new()] };
    assert_eq!(compile(&empty, &vocabulary()).unwrap().mask().unwrap().iter().collect::<Vec<_>>(), [10, 11]);
}

#[test]
fn what_exceeds_a_limit_is_an_error_rather_than_a_refusal() {
    let long = schema(json!({ "type": "string", "minLength": 5_000_000, "maxLength": 9_999_999 }));
    let Ok(mut constraint) = compile(&long, &Arc::new(Vocabulary::bytes().unwrap())) else { return };
    for _ in 0..40 {
        let Ok(mask) = constraint.mask() else { break };
        let Some(token) = mask.iter().next() else { break };
        match constraint.allows(token) {
            Ok(allowed) => assert!(allowed),
            Err(error) => {
                assert_eq!(error.code, ConstraintErrorCode::TooComplex);
                assert_eq!(constraint.is_finished(), Err(error));
                break;
            }
        }
        constraint.commit(token).unwrap();
    }
}

#[test]
fn a_vocabulary_needs_an_end() {
    assert_eq!(Vocabulary::new([Token::Never]).unwrap_err().code, ConstraintErrorCode::Invalid);
}
