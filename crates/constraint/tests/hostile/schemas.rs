//! Schemas.

use linnet_text::{ConstraintSpec, Whitespace};
use serde_json::{Map, Value, json};

use super::Case;

pub fn schema(name: &str, schema: Value) -> Case {
    Case::new(name, ConstraintSpec::JsonSchema { schema, whitespace: Whitespace::Bounded })
}

/// An object of `count` entries.
fn map(count: usize, entry: impl Fn(usize) -> (String, Value)) -> Value {
    Value::Object((0..count).map(entry).collect::<Map<_, _>>())
}

fn list<T: Into<Value>>(count: usize, item: impl Fn(usize) -> T) -> Value {
    (0..count).map(|index| item(index).into()).collect::<Vec<Value>>().into()
}

/// A schema within another, `depth` times.
fn nested(depth: usize, inner: Value, outer: impl Fn(Value) -> Value) -> Value {
    (0..depth).fold(inner, |inner, _| outer(inner))
}

pub fn all() -> Vec<Case> {
    [references(), combinations(), objects(), arrays(), scalars()].concat()
}

fn references() -> Vec<Case> {
    let chain = |count: usize| {
        let mut defs = map(count, |at| (format!("d{at}"), json!({ "$ref": format!("#/$defs/d{}", at + 1) })));
        defs[format!("d{count}")] = json!({ "type": "string" });
        json!({ "$defs": defs, "$ref": "#/$defs/d0" })
    };
    // Each definition refers twice to the next.
    let doubling = |count: usize| {
        let next = |at: usize| json!({ "$ref": format!("#/$defs/d{}", at + 1) });
        let both = |at: usize| json!({ "anyOf": [next(at), { "type": "array", "items": next(at) }] });
        let mut defs = map(count, |at| (format!("d{at}"), both(at)));
        defs[format!("d{count}")] = json!({ "type": "string" });
        json!({ "$defs": defs, "$ref": "#/$defs/d0" })
    };
    let cycle = json!({ "$defs": {
        "a": { "type": "object", "properties": { "b": { "$ref": "#/$defs/b" } }, "minProperties": 1 },
        "b": { "type": "array", "items": { "$ref": "#/$defs/c" }, "minItems": 1 },
        "c": { "anyOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/b" }] },
    }, "$ref": "#/$defs/a", "additionalProperties": false });
    // A value is valid where it is not.
    let paradox = json!({ "not": { "$ref": "#" } });
    let crossing = json!({ "$defs": {
        "a": { "items": { "$ref": "#/$defs/b" }, "type": "array" },
        "b": { "items": { "allOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/b" }] } },
    }, "oneOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/b" }] });
    // Every level has more terms than the last.
    let growing = json!({ "$defs": map(40, |at| {
        let next = |by: usize| json!({ "$ref": format!("#/$defs/d{}", (at * 3 + by) % 40) });
        (format!("d{at}"), json!({ "items": { "allOf": [next(1), next(5)] }, "properties": {
            "x": { "allOf": [next(2), next(7), next(11)] }, "y": { "not": next(3) },
        } }))
    }), "$ref": "#/$defs/d0" });
    vec![
        schema("a chain of 100 references", chain(100)),
        schema("a chain of 10,000 references", chain(10_000)),
        schema("references that double 30 times", doubling(30)),
        schema("references that double 100 times", doubling(100)),
        schema("a cycle of references without an end", cycle),
        schema("a schema that is not itself", paradox),
        schema("references that cross", crossing),
        schema("references with growing goals", growing),
        schema("a reference into itself", json!({ "$ref": "#/properties/a", "properties": { "a": {} } })),
        schema(
            "a pointer of 100,000 characters",
            json!({ "$ref": format!("#/{}", "properties/".repeat(10_000)) }),
        ),
    ]
}

fn combinations() -> Vec<Case> {
    let types = ["string", "number", "object", "array", "boolean"];
    let lengths = |least: usize| json!({ "minLength": least, "maxLength": least + 3 });
    let any = |count: usize, from: usize| json!({ "anyOf": list(count, |at| lengths(at + from)) });
    let overlapping = |count: usize| {
        list(
            count,
            |at| json!({ "type": "object", "properties": { format!("p{at}"): { "type": "string" } } }),
        )
    };
    let required = |count: usize| list(count, |at| json!({ "required": [format!("p{at}")] }));
    vec![
        schema("200 x 200 alternatives", json!({ "allOf": [any(200, 0), any(200, 1)] })),
        schema("2^14 alternatives", json!({ "allOf": list(14, |at| any(2, at)) })),
        schema("2^100 alternatives", json!({ "allOf": list(100, |at| any(2, at)) })),
        schema("40 overlapping objects in oneOf", json!({ "oneOf": overlapping(40) })),
        schema("1,000 overlapping objects in oneOf", json!({ "oneOf": overlapping(1_000) })),
        schema("20,000 overlapping objects in anyOf", json!({ "anyOf": overlapping(20_000) })),
        schema("one of 24 requirements", json!({ "oneOf": required(24), "type": "object" })),
        schema("not all of 100 requirements", json!({ "not": { "allOf": required(100) } })),
        schema(
            "40 overlapping expressions in oneOf",
            json!({ "oneOf": list(40, |at| json!({ "pattern": format!("a.{{{at}}}b.*c") })) }),
        ),
        schema("120 nested negations", nested(120, json!({ "type": "string" }), |it| json!({ "not": it }))),
        schema(
            "40 nested oneOf",
            nested(40, json!({ "minimum": 1 }), |it| json!({ "oneOf": [it, { "type": "string" }] })),
        ),
        schema("2^12 schemas", nested(12, json!(true), |it| json!({ "allOf": [it, { "items": it }, {}] }))),
        schema(
            "40 conditions",
            json!({ "allOf": list(40, |at| json!({
                "if": { "properties": { format!("p{at}"): { "const": at } }, "required": [format!("p{at}")] },
                "then": { "required": [format!("q{at}")] }, "else": { "type": types[at % 5] },
            })) }),
        ),
    ]
}

fn objects() -> Vec<Case> {
    let property = |at: usize| (format!("property {at}"), json!({ "type": "integer", "minimum": at }));
    let patterns =
        |count: usize| map(count, |at| (format!("^.{{{at}}}a|b.{{{at}}}$"), json!({ "minLength": at })));
    let depends = |count: usize| {
        map(count, |at| (format!("p{at}"), json!([format!("p{}", at + 1), format!("p{}", at + 2)])))
    };
    let deep = nested(
        120,
        json!({}),
        |it| json!({ "type": "object", "properties": { "a": it }, "required": ["a"] }),
    );
    vec![
        schema("10,000 properties", json!({ "type": "object", "properties": map(10_000, property) })),
        schema(
            "1,000 required properties, counted",
            json!({ "type": "object", "properties": map(1_000, property), "minProperties": 500,
                "required": list(1_000, |at| format!("property {at}")) }),
        ),
        schema("10,000 required properties", json!({ "required": list(10_000, |at| format!("p{at}")) })),
        schema("6 patterns of names", json!({ "type": "object", "patternProperties": patterns(6) })),
        schema("30 patterns of names", json!({ "type": "object", "patternProperties": patterns(30) })),
        schema("12 dependencies", json!({ "dependentRequired": depends(12) })),
        schema("100 dependencies", json!({ "dependentRequired": depends(100) })),
        schema(
            "100 dependent schemas",
            json!({ "dependentSchemas": map(100, |at| (format!("p{at}"),
                json!({ "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }))) }),
        ),
        schema("objects in objects", deep),
        schema("a billion properties", json!({ "type": "object", "minProperties": 1_000_000_000 })),
        schema("at most a billion properties", json!({ "type": "object", "maxProperties": 1_000_000_000 })),
        schema(
            "names of a hard expression",
            json!({ "type": "object", "propertyNames": { "pattern": "^(a|b)*a(a|b){24}$" } }),
        ),
        schema(
            "names that are not of a hard expression",
            json!({ "type": "object", "propertyNames": { "not": { "pattern": "a(a|b){40}c" } } }),
        ),
        schema(
            "a name of 1,000,000 characters",
            json!({ "type": "object", "properties": { "n".repeat(1_000_000): {} }, "required": ["x"] }),
        ),
    ]
}

fn arrays() -> Vec<Case> {
    let contains = |count: usize| {
        json!({ "type": "array", "allOf": list(count, |at| json!({
            "contains": { "const": at }, "minContains": at + 1, "maxContains": at + 4 })) })
    };
    vec![
        schema("a billion elements", json!({ "type": "array", "minItems": 1_000_000_000 })),
        schema(
            "a billion rows of a billion elements",
            nested(
                8,
                json!({ "type": "null" }),
                |it| json!({ "type": "array", "items": it, "minItems": 999_999_999, "maxItems": 1_000_000_000 }),
            ),
        ),
        schema(
            "a billion counted elements",
            json!({ "contains": {}, "minContains": 1_000_000_000, "type": "array" }),
        ),
        schema("4 counts of elements", contains(4)),
        schema("20 counts of elements", contains(20)),
        schema(
            "different elements",
            json!({ "type": "array", "uniqueItems": true, "items": { "enum": list(10, |it| it) } }),
        ),
        schema(
            "10,000 first elements",
            json!({ "type": "array", "prefixItems": list(10_000, |_| json!({ "type": "null" })) }),
        ),
        schema(
            "not 2,000 first elements",
            json!({ "not": { "prefixItems": list(2_000, |at| json!({ "const": at })) } }),
        ),
        schema(
            "arrays in arrays",
            nested(120, json!({ "const": 1 }), |it| json!({ "type": "array", "items": it, "minItems": 1 })),
        ),
    ]
}

fn scalars() -> Vec<Case> {
    let long = "ab".repeat(200_000);
    vec![
        schema("100,000 values", json!({ "enum": list(100_000, |at| format!("value {at} of many")) })),
        schema("100,000 numbers", json!({ "enum": list(100_000, |at| at) })),
        schema(
            "not 5,000 values",
            json!({ "type": "string", "not": { "enum": list(5_000, |at| format!("v{at}")) } }),
        ),
        schema(
            "values in two lists",
            json!({ "allOf": list(2, |by| {
                json!({ "enum": list(20_000, |at| format!("value {}", at + by * 10_000)) })
            }) }),
        ),
        schema("a value of 400,000 characters", json!({ "const": long })),
        schema("not a value of 400,000 characters", json!({ "not": { "const": long } })),
        schema("values in values", json!({ "not": { "const": nested(100, json!(1), |it| json!([it, 2])) } })),
        schema("multiples of many", json!({ "allOf": list(20, |at| json!({ "multipleOf": 999_983 - at })) })),
        schema(
            "multiples of small parts",
            json!({ "multipleOf": 0.000_000_07, "minimum": 1e-300, "maximum": 1e300 }),
        ),
        schema(
            "a thousand bounds",
            json!({ "allOf": list(1_000, |at| json!({ "not": { "minimum": at, "maximum": at } })) }),
        ),
        schema(
            "lengths of a million",
            json!({ "type": "string", "minLength": 999_999, "maxLength": 1_000_000, "pattern": "a.*b" }),
        ),
        schema(
            "20 expressions at once",
            json!({ "allOf": list(20, |at| json!({ "pattern": format!("a.{{{at}}}b|c.*d{at}") })) }),
        ),
        schema(
            "expressions that are not",
            json!({ "allOf": list(12, |at| json!({ "not": { "pattern": format!("[ab]{{{at}}}.*{at}$") } })) }),
        ),
        schema(
            "an expression of Unicode",
            json!({ "pattern": "^(\\p{L}\\p{N}|\\P{Script=Greek}.{3,60}){1,50}$" }),
        ),
        schema(
            "formats at once",
            json!({ "allOf": [{ "format": "email" }, { "format": "uri" }, { "format": "date-time" }] }),
        ),
    ]
}
