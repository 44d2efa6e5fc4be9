//! What is rejected, where and why.

use linnet_text::{ConstraintErrorCode as Code, ConstraintSpec, GrammarSyntax};
use serde_json::{Value, json};

use super::{compiled, grammar, regex, schema};

fn rejected(spec: &ConstraintSpec, code: Code, path: &str) {
    let error = compiled(spec).expect_err(&format!("{spec:?}"));
    assert_eq!((error.code, error.path.as_str()), (code, path), "{error}");
}

#[test]
fn schemas_that_cannot_be_enforced_are_rejected_with_their_path() {
    let in_a = |inner: Value| schema(json!({ "type": "object", "properties": { "a": inner } }));
    rejected(
        &in_a(json!({ "unevaluatedItems": false })),
        Code::Unsupported,
        "/properties/a/unevaluatedItems",
    );
    rejected(&in_a(json!({ "$ref": "https://example.org/a" })), Code::Unsupported, "/properties/a/$ref");
    rejected(&in_a(json!({ "$ref": "#/$defs/b" })), Code::Invalid, "/properties/a/$ref");
    rejected(&in_a(json!({ "pattern": "(a)\\1" })), Code::Unsupported, "/properties/a/pattern");
    rejected(&in_a(json!({ "type": "text" })), Code::Invalid, "/properties/a/type");
    rejected(&in_a(json!({ "format": "iri" })), Code::Unsupported, "/properties/a/format");
    rejected(&in_a(json!({ "type": "array", "uniqueItems": true })), Code::Unsupported, "/properties/a");
    rejected(&in_a(json!({ "minLength": -1 })), Code::Invalid, "/properties/a/minLength");
    rejected(&schema(json!({ "$ref": "#" })), Code::Invalid, "");
    rejected(&schema(json!({ "type": "integer", "minimum": 5, "maximum": 4 })), Code::Unsatisfiable, "");
    let endless = json!({ "type": "object", "properties": { "n": { "$ref": "#" } }, "required": ["n"] });
    rejected(&schema(endless), Code::Unsatisfiable, "");
}

#[test]
fn expressions_and_grammars_are_rejected() {
    for pattern in ["(?=a)a", r"(a)\1", r"\ba", "(?<=a)b"] {
        rejected(&regex(pattern, ""), Code::Unsupported, "");
    }
    for pattern in ["(a", "a)", "[b-a]", "*a", "a**", "["] {
        rejected(&regex(pattern, ""), Code::Invalid, "");
    }
    rejected(&regex("a", "m"), Code::Unsupported, "");
    rejected(&regex("((a{1,100}){1,100}){1,100}", ""), Code::TooComplex, "");
    rejected(&regex("a{1,100000}", ""), Code::TooComplex, "");
    rejected(&regex(&format!("{}a{}", "(".repeat(50), "*)*b".repeat(50)), ""), Code::TooComplex, "");
    let twenty = (0..20).map(|at| json!({ "pattern": format!("a.{{{at}}}b|c.*d{at}") })).collect::<Vec<_>>();
    assert_eq!(compiled(&schema(json!({ "allOf": twenty }))).unwrap_err().code, Code::TooComplex);
    for groups in [
        format!("start: {}\"a\"{}", "(".repeat(500), ")".repeat(500)),
        (0..40).map(|at| format!("T{at}: T{} T{}\n", at + 1, at + 1)).collect::<String>()
            + "T40: \"a\"\nstart: T0",
    ] {
        rejected(&grammar(GrammarSyntax::Lark, &groups), Code::TooComplex, "");
    }
    for text in
        ["root ::= missing", "start ::= \"a\"", "root ::= \"a", "root ::= \"a\"{3,2}", "root ::= [b-a]"]
    {
        rejected(&grammar(GrammarSyntax::Gbnf, text), Code::Invalid, "");
    }
    for text in ["start: %json {\"type\": \"object\"}", "start: <|end|>", "%llguidance {}\nstart: \"a\""] {
        rejected(&grammar(GrammarSyntax::Lark, text), Code::Unsupported, "");
    }
    rejected(&ConstraintSpec::Choices { choices: Vec::new() }, Code::Unsatisfiable, "");
}
