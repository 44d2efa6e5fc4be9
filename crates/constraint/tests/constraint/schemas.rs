//! JSON schemas.

use linnet_text::{ConstraintSpec, Whitespace};
use serde_json::json;

use super::{check, schema};

#[test]
fn properties_come_in_the_order_of_the_schema() {
    let spec = schema(json!({
        "type": "object", "properties": { "b": { "type": "integer" }, "a": { "enum": ["x", "xy"] } },
        "required": ["a"], "additionalProperties": false,
    }));
    let right = [r#"{"a":"x"}"#, r#"{"b":-12,"a":"xy"}"#];
    check(
        &spec,
        &right,
        &["{}", r#"{"a":"x","b":1}"#, r#"{"a":"z"}"#, r#"{"a":"x",}"#, r#"{"a":"x","c":1}"#],
    );
}

#[test]
fn logic_is_exact() {
    let one_of = schema(json!({ "type": "integer", "oneOf": [{ "multipleOf": 3 }, { "multipleOf": 5 }] }));
    check(&one_of, &["3", "5", "-10"], &["15", "0", "7", "3.5"]);
    let not = schema(json!({ "type": ["string", "number"], "not": { "enum": ["no", 1] } }));
    check(&not, &["\"yes\"", "\"\"", "2", "0.5"], &["\"no\"", "1", "1.0", "true"]);
    let condition = schema(json!({
        "type": "object", "properties": { "kind": { "enum": ["card", "cash"] }, "number": { "type": "string" } },
        "required": ["kind"], "if": { "properties": { "kind": { "const": "card" } } },
        "then": { "required": ["number"] },
    }));
    check(&condition, &[r#"{"kind":"cash"}"#, r#"{"kind":"card","number":"1"}"#], &[r#"{"kind":"card"}"#]);
}

#[test]
fn arrays_count_their_elements() {
    let contains = schema(
        json!({ "items": { "type": "integer" }, "type": "array", "contains": { "minimum": 10 }, "maxContains": 2 }),
    );
    check(&contains, &["[10]", "[1,12,3,11]"], &["[]", "[1]", "[10,11,12]"]);
    let unique = schema(json!({ "type": "array", "items": { "enum": [1, 2, "a"] }, "uniqueItems": true }));
    check(&unique, &["[]", "[2,1,\"a\"]"], &["[1,1]", "[2,1,2]"]);
    let long = schema(json!({ "type": "array", "items": { "const": 0 }, "minItems": 5, "maxItems": 11 }));
    let text = |count| format!("[{}]", vec!["0"; count].join(","));
    let [four, five, eleven, twelve] = [4, 5, 11, 12].map(text);
    check(&long, &[&five, &eleven], &[&four, &twelve]);
}

#[test]
fn bounds_may_be_large() {
    let text = |count| format!("[{}]", vec!["0"; count].join(","));
    let [none, few, many] = [0, 3, 40].map(text);
    let up_to = |max: u64| schema(json!({ "type": "array", "items": { "const": 0 }, "maxItems": max }));
    check(&up_to(1_000_000_000), &[&none, &few, &many], &[]);
    for max in [1, 2, 3, 6, 7, 8, 33] {
        let [most, more] = [max, max + 1].map(|count| text(count as usize));
        check(&up_to(max), &[&none, &most], &[&more]);
    }
}

#[test]
fn names_follow_their_rules() {
    let patterns = schema(json!({
        "type": "object", "patternProperties": { "^n": { "type": "integer" }, "s$": { "minimum": 5 } },
        "additionalProperties": false,
    }));
    check(
        &patterns,
        &["{}", r#"{"n":1}"#, r#"{"ns":5}"#, r#"{"xs":"a"}"#],
        &[r#"{"n":"a"}"#, r#"{"ns":4}"#, r#"{"x":1}"#],
    );
    let some = schema(json!({ "type": "object", "not": { "additionalProperties": { "type": "string" } } }));
    check(&some, &[r#"{"a":1}"#, r#"{"a":"x","b":null}"#], &["{}", r#"{"a":"x"}"#]);
    let sizes = schema(json!({ "type": "object", "minProperties": 1, "maxProperties": 2 }));
    check(&sizes, &[r#"{"a":1}"#, r#"{"a":1,"b":2}"#], &["{}", r#"{"a":1,"b":2,"c":3}"#]);
}

#[test]
fn references_may_be_recursive() {
    let tree = schema(json!({
        "$defs": { "node": {
            "type": "object", "properties": { "kids": { "type": "array", "items": { "$ref": "#/$defs/node" } } },
            "additionalProperties": false,
        } },
        "$ref": "#/$defs/node",
    }));
    check(&tree, &["{}", r#"{"kids":[{},{"kids":[]}]}"#], &["[]", r#"{"kids":[1]}"#]);
}

#[test]
fn white_space_is_bounded() {
    let spec = |whitespace| ConstraintSpec::JsonObject { whitespace };
    check(&spec(Whitespace::Compact), &[r#"{"a":[1,2]}"#], &[r#"{ "a":1}"#, "[]", "1"]);
    let pretty = "{\n  \"a\": [\n    1,\n    2\n  ]\n}";
    check(
        &spec(Whitespace::Bounded),
        &[pretty, r#"{"a": 1, "b": {}}"#],
        &["{\"a\":[1,\n\n2]}", "{\"a\":  1}", "{\"a\" : 1}"],
    );
    check(&spec(Whitespace::Any), &["{\n\n\t \"a\" :  1 \r\n}"], &["{a:1}"]);
}

#[test]
fn draft_7_is_read_where_it_is_named() {
    let spec = schema(json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [{ "const": 1 }],
        "additionalItems": { "type": "string" },
    }));
    check(&spec, &["[]", "[1]", "[1,\"a\"]"], &["[2]", "[1,2]"]);
}
