//! Texts full of marks, broken calls, and long ones.

use std::time::{Duration, Instant};

use linnet_text::{
    CallFormat, CallKind, ChatEnd, ChatFormat, ChatParser, Dialect, FieldKind, HeadField, Marks,
    ReasoningFormat, TaggedArguments,
};
use serde_json::{Value, json};

use crate::turn::{Turn, characters, read, read_all_ways};

pub fn tools() -> Value {
    let parameters = json!({ "properties": { "a": { "type": "string" }, "n": { "type": "integer" } } });
    json!([
        { "type": "function", "function": { "name": "f", "parameters": parameters } },
        { "type": "function", "function": { "name": "ping", "parameters": {} } },
    ])
}

fn think() -> Option<ReasoningFormat> {
    Some(ReasoningFormat { marks: Marks::new("<think>", "</think>"), prompt_opens: false, anywhere: false })
}

pub fn format(calls: CallFormat) -> ChatFormat {
    ChatFormat {
        reasoning: think(),
        answer: Some(Marks::new("<answer>", "</answer>")),
        calls,
        ..ChatFormat::generic()
    }
}

pub fn calls(kind: CallKind, section: Marks, call: Marks) -> CallFormat {
    CallFormat { section, call, kind, unmarked: false, ..CallFormat::generic() }
}

/// One format of every kind.
pub fn formats() -> Vec<ChatFormat> {
    let head = |end: &str| vec![HeadField { kind: FieldKind::Name, end: end.to_owned() }];
    let none = Marks::default;
    let arguments = TaggedArguments {
        open: "<p=".into(),
        key_end: ">\n".into(),
        close: "</p>\n".into(),
        lines: true,
        json_strings: false,
        string_attributes: None,
        attributes_end: ">".into(),
    };
    let pairs = TaggedArguments {
        open: "<k>".into(),
        key_end: "</k>\n<v>".into(),
        close: "</v>\n".into(),
        lines: false,
        ..arguments.clone()
    };
    let attributes = TaggedArguments {
        open: "<p=\"".into(),
        key_end: "\"".into(),
        close: "</p>\n".into(),
        lines: false,
        string_attributes: Some(" s=\"true\"".into()),
        ..arguments.clone()
    };
    let bare = CallFormat { call: none(), unmarked: false, ..CallFormat::generic() };
    let quoted = Dialect::Quoted("<q>".into());
    vec![
        format(CallFormat::generic()),
        format(bare),
        format(calls(
            CallKind::Named { head: head("[ARGS]"), dialect: Dialect::Json },
            none(),
            Marks::new("[CALL]", ""),
        )),
        format(calls(
            CallKind::Named { head: head(""), dialect: quoted },
            none(),
            Marks::new("<call>call:", "</call>"),
        )),
        format(calls(
            CallKind::Tagged { head: head(">\n"), arguments },
            Marks::new("<calls>\n", "</calls>"),
            Marks::new("<call>\n<f=", "</f>\n</call>\n"),
        )),
        format(calls(CallKind::Pythonic, Marks::new("<calls>", "</calls>"), none())),
        format(calls(
            CallKind::Tagged { head: head("\n"), arguments: pairs },
            none(),
            Marks::new("<call>", "</call>"),
        )),
        format(calls(
            CallKind::Tagged { head: head("\">\n"), arguments: attributes },
            Marks::new("<calls>\n", "</calls>"),
            Marks::new("<f=\"", "</f>\n"),
        )),
        format(calls(CallKind::Harmony, none(), none())),
    ]
}

pub fn parse(format: &ChatFormat, text: &str) -> Turn {
    read_all_ways(format, Some(&tools()), false, text, ChatEnd::Stopped)
}

#[test]
fn malformed_calls_follow_the_rule() {
    let format = format(CallFormat::generic());
    let call = |text: &str| parse(&format, &format!("<tool_call>{text}</tool_call>"));
    for text in [
        "",
        "hello",
        "{}",
        "{\"arguments\": {}}",
        "{\"name\": 3}",
        "[]",
        "{\"name\": \"\"}",
        "{\"name\" \"f\"}",
    ] {
        let turn = call(text);
        assert!(turn.calls.is_empty(), "{turn:?}");
        assert_eq!(turn.content, format!("<tool_call>{text}</tool_call>"));
    }
    let arguments = |text: &str| {
        let turn = call(&format!("{{\"name\": \"f\", \"arguments\": {text}"));
        assert_eq!((turn.content.as_str(), turn.calls.len()), ("", 1), "{turn:?}");
        (turn.calls[0].arguments.clone(), turn.calls[0].valid.unwrap())
    };
    assert_eq!(arguments("{\"a\": [1, }}"), ("{\"a\": [1, }}".to_owned(), false));
    assert_eq!(arguments("{\"a\": 1,}}"), ("{\"a\": 1}".to_owned(), true));
    assert_eq!(arguments("{\"a\": nope}}"), ("{\"a\": nope}".to_owned(), false));
    assert_eq!(arguments("[1]}"), ("[1]".to_owned(), false));
    assert_eq!(arguments("{\"a\": \"x\ny\"}}"), ("{\"a\": \"x\\ny\"}".to_owned(), true));
    assert_eq!(arguments("{\"a\": 1}}}}"), ("{\"a\": 1}".to_owned(), true));
    assert_eq!(arguments("\"{\\\"a\\\": 1}\"}"), ("{\"a\": 1}".to_owned(), true));
    assert_eq!(arguments("{}, \"x\": [{}], \"id\": 7}"), ("{}".to_owned(), true));
}

#[test]
fn reads_tagged_values_by_the_types_of_the_schema() {
    let formats = formats();
    let turn = parse(
        &formats[4],
        "<calls>\n<call>\n<f=f>\n<p=a>\n1\n</p>\n<p=n>\n2\n</p>\n<p=z>\nx\n</p>\n</f>\n</call>\n</calls>",
    );
    assert_eq!(turn.calls[0].arguments, r#"{"a": "1", "n": 2, "z": "x"}"#);
    let turn = parse(&formats[4], "<f=f>\n<p=n>\nnot a number\n</p>\n</f>");
    assert_eq!(turn.calls[0].arguments, r#"{"n": "not a number"}"#);
}

#[test]
fn a_call_that_the_limit_cuts_is_not_valid() {
    let begun = "<calls>\n<call>\n<f=f>\n<p=a>\n1\n</p>\n";
    for rest in ["", "<", "<p", "<p=n", "</", "</f>"] {
        let text = format!("{begun}{rest}");
        let turn = read_all_ways(&formats()[4], Some(&tools()), false, &text, ChatEnd::Length);
        let call = &turn.calls[0];
        assert_eq!((turn.content.as_str(), turn.calls.len()), ("", 1), "{rest}");
        assert!(call.valid == Some(false) || rest == "</f>", "{rest}: {call:?}");
    }
    let turn =
        parse(&formats()[0], "<tool_call>{\"id\": null, \"name\": \"f\", \"arguments\": {}}</tool_call>");
    assert_eq!(turn.calls[0].id, None);
}

/// Nothing shows of a mark, a name, a key or a literal that the length limit cuts.
#[test]
fn the_limit_cuts_marks_and_names() {
    let formats = formats();
    let read =
        |format: &ChatFormat, text: &str| read_all_ways(format, Some(&tools()), false, text, ChatEnd::Length);
    let bare = &formats[1];
    let python = &format(calls(CallKind::Pythonic, Marks::default(), Marks::default()));
    let dropped = format(calls(CallKind::Pythonic, Marks::new("<calls>", ""), Marks::default()));
    let dropped =
        &ChatFormat { dropped: ["<|start|>", "<|start|>bot"].map(str::to_owned).to_vec(), ..dropped };
    for (format, text, content) in [
        (bare, "{\"name\": \"pin", ""),
        (bare, "{\"na", ""),
        (bare, "{\"name\": \"ping\", \"arg", ""),
        (bare, "{", "{"),
        (bare, "{\"name\": \"Ann", "{\"name\": \"Ann"),
        (python, "[pin", ""),
        (python, "[1, 2", "[1, 2"),
        (dropped, "x<|start|>bo", "x"),
        (&formats[8], "to", ""),
    ] {
        let turn = read(format, text);
        assert_eq!((turn.content.as_str(), turn.calls.len()), (content, 0), "{text}");
    }
    for (format, text, arguments) in [
        (python, "[f(n=-", "{\"n\": -"),
        (python, "[f(a=\"x\", n=Tr", "{\"a\": \"x\", \"n\": "),
        (&formats[3], "<call>call:f{a", "{"),
        (&formats[3], "<call>call:f{a:<q", "{\"a\":"),
        (&formats[3], "<call>call:f{a:<q>x<q", "{\"a\":\"x"),
        (&formats[6], "<call>f\n<k>a</k>\n<v><![CD", "{\"a\": "),
    ] {
        assert_eq!(read(format, text).calls[0].arguments, arguments, "{text}");
    }
    let turn = read(bare, "{\"name\": \"ping\", \"arguments\": {}}, {");
    assert_eq!((turn.content.trim(), turn.calls.len()), ("", 1));
}

/// Pieces of every format's texts.
const SHARDS: [&str; 48] = [
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<tool_call>",
    "</tool_call>",
    "[CALL]",
    "[ARGS]",
    "<call>",
    "call:",
    "</call>",
    "<calls>",
    "</calls>",
    "<f=",
    ">\n",
    "<p=",
    "</p>",
    "</f>",
    "<f=\"f\">",
    "<p=\"a\" s=\"true\">",
    "<k>a",
    "</k>\n<v>",
    "</v>",
    "```json\n",
    "\\",
    "'",
    "<q>",
    "<|channel|>",
    "<|message|>",
    "<|end|>",
    "<|start|>assistant",
    "analysis",
    " to=functions.f",
    "f",
    "ping",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "a=",
    ",",
    ":",
    "{\"name\": \"f\", \"arguments\": {",
    "\"",
    "\n",
    "é<",
];

/// A sequence of numbers that looks random.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// `LINNET_FUZZ` is the number of texts.
#[test]
fn pieces_do_not_matter_in_any_text() {
    let formats = formats();
    let tools = tools();
    let mut random = Random(1);
    let rounds = std::env::var("LINNET_FUZZ").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(4000) {
        let format = &formats[round % formats.len()];
        let length = 1 + random.below(12);
        let text: String = (0..length).map(|_| SHARDS[random.below(SHARDS.len())]).collect();
        let inside = random.below(4) == 0;
        let end = if random.below(2) == 0 { ChatEnd::Stopped } else { ChatEnd::Length };
        let tools = (random.below(8) > 0).then_some(&tools);
        let whole = read(format, tools, inside, [&*text], end);
        assert_eq!(read(format, tools, inside, characters(&text), end), whole, "{format:?}\n{text:?}");
        let at = (0..=random.below(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        assert_eq!(
            read(format, tools, inside, [&text[..at], &text[at..]], end),
            whole,
            "{at} {format:?}\n{text:?}"
        );
    }
}

#[test]
fn white_space_between_tags_is_bounded() {
    let call = |spaces: usize| {
        let turn = parse(&formats()[6], &format!("<call>f\n<k>a</k>{}<v>x</v></call>", " ".repeat(spaces)));
        turn.calls[0].valid
    };
    assert_eq!((call(200), call(300)), (Some(true), Some(false)));
}

#[test]
fn nothing_is_held_back_that_cannot_be_a_mark() {
    for format in formats() {
        let text = "A < b, [c] {d} <e> (f) \"g\"; 4 > 3, and so on.";
        let mark = format.marks().iter().map(String::len).max().unwrap_or(0);
        let (mut turn, mut parser) = (Turn::default(), ChatParser::new(&format, Some(&tools()), false));
        for (read, piece) in characters(text).enumerate() {
            parser.push(piece, &mut |event| turn.add(event));
            assert!(turn.content.len() + mark > read, "{:?} of {:?}", turn.content, &text[..read]);
        }
    }
}

#[test]
fn time_is_linear() {
    const LENGTH: usize = 200_000;
    let started = Instant::now();
    for format in formats() {
        for shard in
            SHARDS.iter().chain(&["<tool_call>{\"arguments\":", "<|start|>x", "<calls><call><f=f>", " ", "a"])
        {
            let text = shard.repeat(LENGTH / 8 / shard.len());
            read(&format, Some(&tools()), false, [&*text], ChatEnd::Stopped);
            read(&format, Some(&tools()), true, characters(&text), ChatEnd::Length);
        }
    }
    assert!(started.elapsed() < Duration::from_secs(300), "{:?}", started.elapsed());
}
