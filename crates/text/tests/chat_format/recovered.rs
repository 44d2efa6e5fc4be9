//! What models write in place of their format: calls inside reasoning, stray marks, other spellings.

use linnet_text::{CallFormat, CallKind, ChatEnd, ChatFormat, ChatParser, JsonKeys, Marks, ReasoningFormat};
use serde_json::{Value, json};

use crate::hostile::{calls, format, formats, parse, tools};
use crate::turn::{Turn, characters, read_all_ways};

const CALL: &str = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"x\"}}\n</tool_call>";

fn parse_inside(format: &ChatFormat, text: &str, end: ChatEnd) -> Turn {
    read_all_ways(format, Some(&tools()), true, text, end)
}

/// Content, reasoning, and the names of calls.
fn parts(turn: &Turn) -> (&str, &str, Vec<&str>) {
    (
        turn.content.as_str(),
        turn.reasoning.as_str(),
        turn.calls.iter().map(|call| call.name.as_str()).collect(),
    )
}

#[test]
fn a_call_in_reasoning_that_ends_the_output_is_a_call() {
    let format = format(CallFormat::generic());
    for after in ["", "\n", "\n</think>", "\n</think>\n\n"] {
        let turn = parse_inside(&format, &format!("I call it.\n{CALL}{after}"), ChatEnd::Stopped);
        assert_eq!(parts(&turn), ("", "I call it.", vec!["f"]), "{after:?}");
        assert_eq!((turn.calls[0].arguments.as_str(), turn.calls[0].valid), ("{\"a\": \"x\"}", Some(true)));
    }
    let turn = parse(&format, &format!("<think>\nBoth.\n{CALL}\n{CALL}"));
    assert_eq!(parts(&turn), ("", "Both.", vec!["f", "f"]));
    let turn = parse_inside(&format, &CALL.replace("\n</tool_call>", ""), ChatEnd::Stopped);
    assert_eq!(parts(&turn), ("", "", vec!["f"]));
    let text = "Hm.<calls><call><f=f>\n<p=a>\nx\n</p>\n</f></call></calls>";
    let turn = parse_inside(&formats()[4], text, ChatEnd::Stopped);
    assert_eq!(parts(&turn), ("", "Hm.", vec!["f"]));
}

#[test]
fn a_call_in_reasoning_that_goes_on_is_a_quote() {
    let format = format(CallFormat::generic());
    let unknown = CALL.replace("\"f\"", "\"g\"");
    let cut = "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"";
    for quote in [
        "I write <tool_call> first",
        "I write <tool_call>{...}</tool_call>",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {...}}\n</tool_call>",
        "<tool_call> <tool_call",
        &format!("{CALL}\nThat is it"),
        &format!("{CALL}\n{CALL} twice"),
        &unknown,
        cut,
    ] {
        let turn = parse_inside(&format, &format!("{quote}\n</think>\n\nIt rains."), ChatEnd::Stopped);
        assert_eq!(parts(&turn), ("It rains.", quote, vec![]));
        let turn = parse_inside(&format, &format!("{quote}</think>{CALL}"), ChatEnd::Stopped);
        assert_eq!(parts(&turn), ("", quote, vec!["f"]));
        let turn = parse_inside(&format, quote, ChatEnd::Stopped);
        assert_eq!(parts(&turn), ("", quote, vec![]));
    }
    let turn = parse_inside(&format, &format!("{CALL}</think>{CALL}"), ChatEnd::Stopped);
    assert_eq!(parts(&turn), ("", CALL, vec!["f"]));
    // Without tools it is a text like any other.
    let turn = read_all_ways(&format, None, true, CALL, ChatEnd::Stopped);
    assert_eq!(parts(&turn), ("", CALL, vec![]));
}

#[test]
fn a_call_in_reasoning_that_the_limit_cuts_is_not_valid() {
    let format = format(CallFormat::generic());
    for (length, valid) in [(CALL.len(), Some(true)), (CALL.len() - 20, Some(false)), (20, None), (5, None)] {
        let turn = parse_inside(&format, &format!("Hm. {}", &CALL[..length]), ChatEnd::Length);
        assert_eq!((turn.content.as_str(), turn.reasoning.trim_end()), ("", "Hm."), "{length}");
        assert_eq!(turn.calls.first().map(|call| call.valid), valid.map(Some), "{length}");
    }
}

#[test]
fn a_stray_closing_mark_is_not_shown() {
    let format = format(CallFormat::generic());
    for text in [
        "</think>\n\nIt rains.",
        "\n</think>\n\n</think>It rains.",
        "<think>\n</think>\n</think>\nIt rains.",
        "<think></think>It rains.\n</think>",
    ] {
        assert_eq!(parse(&format, text).content.trim_end(), "It rains.", "{text:?}");
    }
    assert_eq!(parse(&format, "I think.\n</think>\n\nIt rains.").content, "I think.\n\n\nIt rains.");
    for text in ["The tag `</think>` ends it.", "```\n<think>\nHm.\n</think>\n```", "a <think>\n</think>"] {
        assert_eq!(parse(&format, text).content, text);
    }
    let reasoning = ReasoningFormat { marks: Marks::new("[T]", "[/t]"), prompt_opens: false, anywhere: true };
    let format = ChatFormat { reasoning: Some(reasoning), ..format };
    assert_eq!(parse(&format, "[T]Hm.[/t]It rains.[/t]").content, "It rains.");
}

/// The arguments of the only call.
fn arguments(format: &ChatFormat, text: &str) -> Result<Value, String> {
    let turn = parse(format, text);
    assert_eq!((turn.content.as_str(), turn.calls.len()), ("", 1), "{turn:?}");
    let arguments = turn.calls[0].arguments.clone();
    match turn.calls[0].valid {
        Some(true) => Ok(serde_json::from_str(&arguments).unwrap()),
        _ => Err(arguments),
    }
}

fn pythonic() -> ChatFormat {
    format(calls(CallKind::Pythonic, Marks::new("<calls>", "</calls>"), Marks::default()))
}

#[test]
fn reads_the_strings_and_numbers_of_python() {
    let value = |text: &str| {
        arguments(&pythonic(), &format!("<calls>[f(a={text})]</calls>")).map(|it| it["a"].clone())
    };
    for (text, expected) in [
        (r#""\x41\u00e9\U0001F600\ud83d\ude00""#, "Aé😀😀"),
        (r#"'it\'s \"\\n\" \101\0\033[0m'"#, "it's \"\\n\" A\0\u{1b}[0m"),
        ("\"\"\"a \"quoted\"\nline\"\"\"", "a \"quoted\"\nline"),
        ("'''it's'''", "it's"),
        ("\"\"", ""),
        (r#"r"C:\temp\n""#, r"C:\temp\n"),
        ("f'{x}'", "{x}"),
        (r#""\d\a""#, "\\d\u{7}"),
    ] {
        assert_eq!(value(text), Ok(expected.into()), "{text}");
    }
    for (text, expected) in [
        ("[1, 2, ]", "[1, 2]"),
        ("(1,)", "[1]"),
        ("{'b': True, 'c': [None],}", "{\"b\": true, \"c\": [null]}"),
        ("1_000", "1000"),
        ("-.5", "-0.5"),
        ("+3.", "3.0"),
    ] {
        assert_eq!(value(text), Ok(serde_json::from_str(expected).unwrap()), "{text}");
    }
    for text in [r#""\N{BULLET}""#, r#""\xg1""#, r#""\U00110000""#, "[1,, 2]", "nope"] {
        assert!(value(text).is_err(), "{text}");
    }
}

#[test]
fn reads_calls_in_json_in_place_of_python() {
    let expected = json!({ "a": "it's", "n": null, "on": true });
    for text in [
        "<calls>[{\"name\": \"f\", \"arguments\": {\"a\": \"it's\", \"n\": null, \"on\": true}}]</calls>",
        "<calls>{\"name\": \"f\", \"arguments\": {\"a\": \"it's\", \"n\": null, \"on\": true}}</calls>",
    ] {
        assert_eq!(arguments(&pythonic(), text), Ok(expected.clone()));
    }
    let two =
        "<calls>[{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"ping\", \"arguments\": {}}]</calls>Done.";
    assert_eq!(parts(&parse(&pythonic(), two)), ("Done.", "", vec!["f", "ping"]));
}

#[test]
fn reads_json_in_single_quotes() {
    let format = format(CallFormat::generic());
    let text =
        "<tool_call>{'name': 'f', 'arguments': {'a': 'say \"it\\'s\"', 'on': True, 'n': None}}</tool_call>";
    let expected = json!({ "a": "say \"it's\"", "on": true, "n": null });
    assert_eq!(arguments(&format, text), Ok(expected));
    let text = "<tool_call>{\"name\": \"f\", \"arguments\": {'a': 'it's'}}</tool_call>";
    assert!(arguments(&format, text).is_err());
}

#[test]
fn the_first_of_each_key_counts() {
    let format = format(CallFormat::generic());
    let arguments_of = "\"arguments\": {\"a\": \"x\"}";
    for call in [
        format!(
            "{{\"type\": \"function\", \"name\": \"f\", \"function\": {{\"name\": \"f\", {arguments_of}}}}}"
        ),
        format!(
            "{{\"function\": {{\"name\": \"f\", \"x\": {{\"name\": \"g\"}}, {arguments_of}}}, \"name\": \"g\"}}"
        ),
        format!("{{{arguments_of}, \"function\": {{\"name\": \"f\"}}}}"),
        format!("{{\"name\": \"f\", {arguments_of}, \"name\": \"g\", \"id\": \"1\", \"id\": \"2\"}}"),
        format!("{{\"name\": \"f\"\"name\": \"f\", {arguments_of}}}"),
        format!("{{\"name\": \"f\", {arguments_of}, \"parameters\": {{}}, \"arguments\": \"{{}}\"}}"),
    ] {
        let text = format!("<tool_call>\n{call}\n</tool_call>");
        assert_eq!(arguments(&format, &text), Ok(json!({ "a": "x" })), "{text}");
        let turn = parse(&format, &text);
        assert_eq!(parts(&turn), ("", "", vec!["f"]));
        assert_eq!(turn.calls[0].id.as_deref().unwrap_or("1"), "1");
    }
}

#[test]
fn text_around_calls_stays_apart() {
    let format = format(CallFormat::generic());
    for (text, content) in [
        (format!("I look.\n\n{CALL}\n\nDone **now**."), "I look.\n\nDone **now**."),
        (format!("I look.{CALL}{CALL}Done.{CALL}\n"), "I look.\n\nDone."),
        (format!("{CALL}Done."), "Done."),
        (format!("<think>{CALL} no</think>{CALL}Done."), "Done."),
        (format!("<think>Hm.</think>I look.{CALL}"), "I look."),
    ] {
        assert_eq!(parse(&format, &text).content, content, "{text:?}");
    }
}

#[test]
fn reads_json_that_is_almost_right() {
    let format = format(CallFormat::generic());
    for (text, expected) in [
        ("null", json!({})),
        ("None", json!({})),
        ("{\"a\": [1, 2,], }", json!({ "a": [1, 2] })),
        ("{\"a\": \"it\\'s\"}", json!({ "a": "it's" })),
    ] {
        let text = format!("<tool_call>{{\"name\": \"f\", \"arguments\": {text},}}</tool_call>");
        assert_eq!(arguments(&format, &text), Ok(expected), "{text}");
    }
    let text = "<tool_call>{\"name\": \" \", \"arguments\": {}}</tool_call>";
    assert_eq!(parts(&parse(&format, text)), (text, "", vec![]));
}

#[test]
fn reads_a_name_before_its_object() {
    let format = &formats()[2];
    for text in ["[CALL]f{\"a\": \"x\"}", "[CALL]f {\"a\": \"x\"}", "[CALL]f[ARGS]{\"a\": \"x\"}"] {
        assert_eq!(arguments(format, text), Ok(json!({ "a": "x" })), "{text}");
    }
    let text = "[CALL]g{\"a\": \"x\"}";
    assert_eq!(parts(&parse(format, text)), (text, "", vec![]));
}

#[test]
fn reads_names_that_are_keys() {
    let keys = JsonKeys { name: String::new(), arguments: String::new(), ..json_keys() };
    let format = format(calls(CallKind::Json(keys), Marks::new("<calls>", "</calls>"), Marks::default()));
    let x = "{\"a\": \"x\"}";
    for text in [
        format!("[{{\"f\": {x}, \"ping\": {{}}}}]"),
        format!("[{{\"f\": {x}}}, {{\"ping\": {{}}}}]"),
        format!("[{{\"name\": \"f\", \"arguments\": {x}}}, {{\"ping\": null}}]"),
        format!("{{\"f\": {x}, \"note\": 1, \"ping\": {{}}}}"),
    ] {
        let turn = parse(&format, &format!("<calls>{text}</calls>"));
        assert_eq!(parts(&turn), ("", "", vec!["f", "ping"]), "{text}");
        let arguments: Vec<&str> = turn.calls.iter().map(|call| call.arguments.as_str()).collect();
        assert_eq!(arguments, [x, "{}"], "{text}");
        assert!(turn.calls.iter().all(|call| call.valid == Some(true)));
    }
}

fn json_keys() -> JsonKeys {
    match CallFormat::generic().kind {
        CallKind::Json(keys) => keys,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_the_generic_call_without_its_marks() {
    let format = format(CallFormat::generic());
    let call = "{\"name\": \"f\", \"arguments\": {\"a\": \"x\"}}";
    for text in [
        call.to_owned(),
        format!("\n[{call}]"),
        format!("```json\n{call}\n```"),
        format!("```\n{call}```\n"),
        format!("```json\n<tool_call>\n{call}\n</tool_call>\n```"),
    ] {
        assert_eq!(parts(&parse(&format, &text)), ("", "", vec!["f"]), "{text}");
    }
    let turn = parse(&format, &format!("I look.\n```json\n{call}\n```\nDone."));
    assert_eq!(parts(&turn), ("I look.\n\nDone.", "", vec!["f"]));
    for text in [
        "{\"name\": \"Ada\", \"age\": 36}",
        "{\"name\": \"g\", \"arguments\": {}}",
        "{\"name\": \"f\", \"age\": 36}",
        "```json\n{\"name\": \"demo\"}\n```\nDone.",
        "```python\nf()\n```",
        "{a} [b]",
    ] {
        assert_eq!(parts(&parse(&format, text)), (text, "", vec![]));
    }
    // A model with a format of its own quotes calls in code blocks.
    let own = ChatFormat { calls: CallFormat { unmarked: false, ..CallFormat::generic() }, ..format };
    assert_eq!(parse(&own, &format!("```json\n{call}\n```")).calls.len(), 0);
}

#[test]
fn reasoning_may_follow_text_if_the_format_says_so() {
    let reasoning = ReasoningFormat { marks: Marks::new("[T]", "[/T]"), prompt_opens: false, anywhere: true };
    let format = ChatFormat { reasoning: Some(reasoning), ..format(CallFormat::generic()) };
    assert_eq!(parts(&parse(&format, "One.[T]Hm.[/T]Two.")), ("One.Two.", "Hm.", vec![]));
}

#[test]
fn control_tokens_count_only_as_tokens() {
    let calls = |kind| calls(kind, Marks::new("<calls>", "</calls>"), Marks::default());
    let format = format(calls(CallKind::Pythonic));
    let read = |text: &str, tools: Option<&Value>| {
        let guarded = |mark: &str| format!("\u{fdd0}{mark}");
        let marks = ["<calls>", "</calls>", "<think>"];
        let text = marks
            .iter()
            .fold(text.to_owned(), |text, mark| text.replace(&mark.replace('<', "#"), &guarded(mark)));
        let read = |pieces: Vec<&str>| {
            let parser = ChatParser::new(&format, tools, false);
            let mut parser = parser.with_control_tokens(marks.map(str::to_owned));
            let mut turn = Turn::default();
            pieces.iter().for_each(|piece| parser.push(piece, &mut |event| turn.add(event)));
            parser.finish(ChatEnd::Stopped, &mut |event| turn.add(event));
            turn
        };
        let whole = read(vec![&text]);
        assert_eq!(read(characters(&text).collect()), whole);
        whole
    };
    let tools = tools();
    let turn = read("#think>Hm.</think>I call.#calls>[f(a=\"<calls>#calls>\")]#/calls>", Some(&tools));
    assert_eq!(parts(&turn), ("I call.", "Hm.", vec!["f"]));
    assert_eq!(turn.calls[0].arguments, "{\"a\": \"<calls><calls>\"}");
    for text in ["Write <calls>[f(a=1)]</calls>.", "<think>a</think>"] {
        assert_eq!(parts(&read(text, Some(&tools))), (text, "", vec![]));
    }
    assert_eq!(read("Write #/calls> last.", Some(&tools)).content, "Write </calls> last.");
    // Without tools, the marks are left out, and the call is text.
    assert_eq!(parts(&read("#calls>[f(a=1)]#/calls>", None)), ("[f(a=1)]", "", vec![]));

    let harmony = "|channel|>analysis#|message|>Hm. <|end|>#|end|>#|start|>assistant#|channel|>commentary \
                   to=functions.f #|constrain|>json#|message|>{\"a\": \"<|call|>\"}#|call|>";
    let format = crate::hostile::format(CallFormat { kind: CallKind::Harmony, ..calls(CallKind::Harmony) });
    // A vocabulary may have only some of them.
    let mut parser =
        ChatParser::new(&format, Some(&tools), false).with_control_tokens(["<|end|>".to_owned()]);
    let mut turn = Turn::default();
    let text = "<|channel|>final<|message|>Hi.\u{fdd0}<|end|>";
    characters(text).for_each(|piece| parser.push(piece, &mut |event| turn.add(event)));
    assert_eq!(parts(&turn), ("Hi.", "", vec![]));
    let tokens = ["<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|constrain|>", "<|call|>"];
    let mut parser =
        ChatParser::new(&format, Some(&tools), false).with_control_tokens(tokens.map(str::to_owned));
    let mut turn = Turn::default();
    let text = format!("#{harmony}").replace('#', "\u{fdd0}<");
    characters(&text).for_each(|piece| parser.push(piece, &mut |event| turn.add(event)));
    parser.finish(ChatEnd::Stopped, &mut |event| turn.add(event));
    assert_eq!(parts(&turn), ("", "Hm. <|end|>", vec!["f"]));
    assert_eq!(turn.calls[0].arguments, "{\"a\": \"<|call|>\"}");
}
