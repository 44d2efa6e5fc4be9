//! Arguments between tags: their types, and where their values end.

use linnet_text::{ChatEnd, ChatFormat};
use serde_json::{Value, json};

use crate::hostile::formats;
use crate::turn::{Turn, read_all_ways};

/// Formats with a line for each tag and value, with pairs of tags, and with the types in attributes.
const LINES: usize = 4;
const PAIRS: usize = 6;

fn tools() -> Value {
    let optional = json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] });
    let parameters = json!({
        "properties": {
            "code": { "type": "string" },
            "n": { "type": "integer" },
            "list": { "type": "array" },
            "zip": { "type": ["string", "null"] },
            "any": optional,
            "one": { "oneOf": [{ "type": "null" }, { "$ref": "#/$defs/text" }] },
            "all": { "allOf": [{ "description": "A text." }, { "$ref": "#/$defs/text" }] },
            "open": { "type": "string", "nullable": true },
            "pick": { "enum": ["1", null] },
            "either": { "type": ["string", "integer"] },
            "loop": { "$ref": "#/$defs/loop" },
        },
        "$defs": {
            "text": { "type": "string" },
            "loop": { "anyOf": [{ "$ref": "#/$defs/loop" }, { "$ref": "#/$defs/loop" }] },
        },
    });
    json!([{ "type": "function", "function": { "name": "f", "parameters": parameters } }])
}

fn parse(format: &ChatFormat, text: &str) -> Turn {
    read_all_ways(format, Some(&tools()), false, text, ChatEnd::Stopped)
}

fn argument(kind: usize, key: &str, value: &str) -> String {
    match kind {
        LINES => format!("<p={key}>\n{value}\n</p>\n"),
        _ => format!("<k>{key}</k>\n<v>{value}</v>\n"),
    }
}

fn call(kind: usize, arguments: &str) -> String {
    match kind {
        LINES => format!("<calls>\n<call>\n<f=f>\n{arguments}</f>\n</call>\n</calls>"),
        _ => format!("<call>f\n{arguments}</call>"),
    }
}

/// The only call's arguments, if it is valid.
fn arguments(turn: &Turn) -> Option<Value> {
    assert_eq!((turn.content.as_str(), turn.calls.len()), ("", 1), "{turn:?}");
    let call = &turn.calls[0];
    (call.valid == Some(true)).then(|| serde_json::from_str(&call.arguments).unwrap())
}

#[test]
fn optional_strings_are_strings() {
    for kind in [LINES, PAIRS] {
        for key in ["zip", "any", "one", "open", "pick"] {
            for value in ["12345", "true", "nul", "nulls", "null x", "{\"a\": 1}", ""] {
                let turn = parse(&formats()[kind], &call(kind, &argument(kind, key, value)));
                assert_eq!(arguments(&turn), Some(json!({ key: value })), "{key}");
            }
            let turn = parse(&formats()[kind], &call(kind, &argument(kind, key, "null")));
            assert_eq!(arguments(&turn), Some(json!({ key: null })), "{key}");
        }
        for (key, value, expected) in [
            ("all", "12", json!("12")),
            ("all", "null", json!("null")),
            ("either", "12", json!(12)),
            ("loop", "12", json!(12)),
            ("loop", "x", json!("x")),
        ] {
            let turn = parse(&formats()[kind], &call(kind, &argument(kind, key, value)));
            assert_eq!(arguments(&turn), Some(json!({ key: expected })), "{key}");
        }
    }
}

#[test]
fn optional_strings_show_while_they_are_written() {
    let text = call(LINES, "<p=zip>\nnullable text");
    let text = text.split("</f>").next().unwrap();
    let tools = tools();
    let mut parser = linnet_text::ChatParser::new(&formats()[LINES], Some(&tools), false);
    let mut turn = Turn::default();
    parser.push(text, &mut |event| turn.add(event));
    assert_eq!(turn.calls[0].arguments, "{\"zip\": \"nullable text");
}

#[test]
fn a_text_between_arguments_makes_the_call_invalid() {
    for kind in [LINES, PAIRS] {
        let n = argument(kind, "n", "3");
        for text in [
            argument(kind, "code", "if a</p></v> then"),
            argument(kind, "list", "[1, 2] extra") + &n,
            argument(kind, "code", "x") + "extra " + &n,
            argument(kind, "code", "x") + "extra",
            argument(kind, "code", "<![CDATA[x]]> extra") + &n,
        ] {
            let text = call(kind, &text);
            let turn = parse(&formats()[kind], &text);
            assert_eq!(arguments(&turn), None, "{text}");
        }
        // White space, other marks and the end may follow.
        let valid = Some(json!({ "n": 3 }));
        for text in
            [call(kind, &(n.clone() + "\n\n")), call(kind, &n).split("</f>").next().unwrap().to_owned()]
        {
            assert_eq!(arguments(&parse(&formats()[kind], &text)), valid, "{text}");
        }
        let two = call(kind, &n).replace("</f>\n", "").replace("</call>\n", "").replace("</call>", "");
        let turn = parse(&formats()[kind], &(two + &call(kind, &n)));
        assert_eq!(turn.calls.iter().map(|call| call.valid).collect::<Vec<_>>(), [Some(true), Some(true)]);
    }
    let text = call(LINES, "<p=code>\nif a</p> then\n</f>\n</p>\n<p=n>\n3\n</p>\n");
    let turn = parse(&formats()[LINES], &text);
    assert_eq!((turn.calls.len(), turn.calls[0].valid), (1, Some(false)));
    assert!(turn.calls[0].arguments.starts_with("{\"code\": \"if a\"then"), "{turn:?}");
}

#[test]
fn a_value_without_its_closing_tag_ends_at_the_next_argument() {
    let both = Some(json!({ "code": "x\ny", "n": 3 }));
    let n = argument(LINES, "n", "3");
    let read = |arguments: &str| parse(&formats()[LINES], &call(LINES, arguments));
    assert_eq!(arguments(&read(&format!("<p=code>\nx\ny\n{n}"))), both);
    assert_eq!(arguments(&read("<p=code>\nx\ny\n<p=n>\n3\n")), both);
    assert_eq!(arguments(&read(&format!("{n}<p=code>\nx\ny\n"))), Some(json!({ "n": 3, "code": "x\ny" })));
    let pairs = "<k>code</k>\n<v>x\ny\n<k>n</k>\n<v>3</v>";
    assert_eq!(arguments(&parse(&formats()[PAIRS], &call(PAIRS, pairs))), both);
    // A key that the tool does not have or that was given, or within a line, is a part of the value.
    for value in
        ["x\n<p=z>\n3", "x\n<p=code>\n3", "say <p=n>\n3", "x\n</f>\ny", "x\n</f>\n</call>\ny", "x</f></call>"]
    {
        let turn = read(&argument(LINES, "code", value));
        assert_eq!(arguments(&turn), Some(json!({ "code": value })));
    }
    // Whether the closing mark belongs to the value cannot be told.
    let turn = parse(&formats()[LINES], &(call(LINES, "<p=code>\nx\n") + "Done."));
    assert_eq!((turn.calls.len(), turn.calls[0].valid), (1, Some(true)));
    let turn = parse(&formats()[PAIRS], &(call(PAIRS, "<k>code</k>\n<v>x\n") + "Done."));
    assert_eq!((turn.calls.len(), turn.calls[0].valid), (1, Some(false)));
}
