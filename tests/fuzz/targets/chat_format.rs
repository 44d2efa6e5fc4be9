//! Detecting the format of any template gives a format, and its parser reads any text: in pieces as whole, and
//! within time per byte. Before the first NUL is the template, empty for one of the built-in formats; after it
//! the text. The text's first byte decides about tools, reasoning, and the size of the pieces.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use linnet_text::{ChatEnd, ChatEvent, ChatFormat, ChatParser, ChatTemplate, LocalTime};
use serde_json::{Value, json};

static TOOLS: LazyLock<Value> = LazyLock::new(|| {
    let properties = json!({
        "a": { "type": "string" }, "n": { "type": "integer" }, "o": { "type": "object" }, "x": {},
    });
    let tool =
        |name: &str| json!({ "function": { "name": name, "parameters": { "properties": properties } } });
    ["f", "ping", "get_weather"].into_iter().map(tool).collect()
});

/// Templates whose formats are of different kinds.
static FORMATS: LazyLock<Vec<ChatFormat>> = LazyLock::new(|| {
    let calls = [
        "<tool_call>\n{{ f | tojson }}\n</tool_call>",
        "[CALL]{{ f.name }}[ARGS]{{ f.arguments | tojson }}",
        "<call>\n<f={{ f.name }}>\n{% for k, v in f.arguments.items() %}<p={{ k }}>\n{{ v }}\n</p>\n{% endfor %}\
         </f></call>",
        "{{ f.name }}({% for k, v in f.arguments.items() %}{{ k }}={{ v | tojson }},{% endfor %})",
        "{{ f | tojson }}",
        "{# <|channel|> <|message|> #}",
    ];
    calls.map(|calls| {
        let source = format!(
            "{{% for m in messages %}}<{{{{ m.role }}}}>{{% if m.reasoning_content %}}<think>\
             {{{{ m.reasoning_content }}}}</think>{{% endif %}}{{{{ m.content or '' }}}}\
             {{% for c in m.tool_calls or [] %}}{{% set f = c.function %}}{calls}{{% endfor %}}</s>{{% endfor %}}"
        );
        let template = ChatTemplate::new(&source, "<s>", "</s>").expect("a good template");
        ChatFormat::detect(&template, &source, LocalTime::EPOCH)
    })
    .into()
});

/// What is read: content, reasoning, and calls, each as one text.
#[derive(Debug, Default, PartialEq)]
struct Turn([String; 3]);

impl Turn {
    fn add(&mut self, event: ChatEvent<'_>) {
        let [content, reasoning, calls] = &mut self.0;
        match event {
            ChatEvent::Content(text) => content.push_str(text),
            ChatEvent::Reasoning(text) => reasoning.push_str(text),
            ChatEvent::CallBegun { index, name, id } => calls.push_str(&format!("\n{index} {name} {id:?}: ")),
            ChatEvent::Arguments { text, .. } => calls.push_str(text),
            ChatEvent::CallEnded { id, valid, .. } => calls.push_str(&format!(" {id:?} {valid}")),
        }
    }
}

fuzz_target!(|data: &str| {
    let (source, text) = data.split_once('\0').unwrap_or(("", data));
    let first = usize::from(text.bytes().next().unwrap_or(0));
    let detected;
    let format = if source.is_empty() {
        &FORMATS[first % FORMATS.len()]
    } else {
        let Ok(template) = ChatTemplate::new(source, "<s>", "</s>") else { return };
        detected = ChatFormat::detect(&template, source, LocalTime::EPOCH);
        &detected
    };
    let tools = (first & 8 == 0).then_some(&*TOOLS);
    let end = if first & 16 == 0 { ChatEnd::Stopped } else { ChatEnd::Length };
    let read = |size: usize| {
        let mut turn = Turn::default();
        let mut parser = ChatParser::new(format, tools, first & 32 != 0);
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
            parser.push(piece, &mut |event| turn.add(event));
            rest = after;
        }
        parser.finish(end, &mut |event| turn.add(event));
        turn
    };
    let whole = read(usize::MAX);
    assert_eq!(read(1), whole);
    assert_eq!(read(2 + first % 13), whole);
});
