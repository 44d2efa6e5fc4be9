//! Detecting the format of any template gives a format, and its parser reads any text: in pieces as whole, and
//! within time per byte. Before the first NUL is the template; without one, the first characters of the text draw
//! a format of any kind. The text's first byte decides about tools, reasoning, and the size of the pieces.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use linnet_text::{
    CallFormat, CallKind, ChatEnd, ChatEvent, ChatFormat, ChatParser, ChatTemplate, Dialect, FieldKind,
    HeadField, JsonKeys, LocalTime, Marks, ReasoningFormat, TaggedArguments,
};
use serde_json::{Value, json};

static TOOLS: LazyLock<Value> = LazyLock::new(|| {
    let properties = json!({
        "a": { "type": "string" }, "n": { "type": "integer" }, "o": { "type": "object" }, "x": {},
    });
    let tool =
        |name: &str| json!({ "function": { "name": name, "parameters": { "properties": properties } } });
    ["f", "ping", "get_weather"].into_iter().map(tool).collect()
});

/// Texts for all places of a format, so that a text is often in several of them.
const TEXTS: [&str; 16] = [
    "",
    "",
    "<a>",
    "</a>",
    "<b>\n",
    "\n</b>",
    "[C]",
    "[D]",
    "<|e|>\n<f>",
    "</f><|e|>",
    "word:",
    "<g name=\"",
    "\">\n",
    "<h=",
    ">",
    "</h>",
];

/// Texts that may be control tokens.
const CONTROLS: [&str; 6] = ["<a>", "[C]", "<q>", "<|e|>", "<|message|>", "<|end|>"];

/// The number of characters that draw a format.
const DRAWN: usize = 32;

/// Draws a format from characters.
struct Draw<'a>(std::str::Chars<'a>);

impl Draw<'_> {
    fn below(&mut self, limit: usize) -> usize {
        self.0.next().map_or(0, |c| c as usize) % limit
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    fn text(&mut self) -> String {
        TEXTS[self.below(TEXTS.len())].to_owned()
    }

    fn marks(&mut self) -> Marks {
        Marks::new(&self.text(), &self.text())
    }

    fn dialect(&mut self) -> Dialect {
        match self.below(4) {
            0 => Dialect::Python,
            1 => Dialect::Quoted("<q>".into()),
            2 => Dialect::Quoted("|\"|".into()),
            _ => Dialect::Json,
        }
    }

    fn head(&mut self) -> Vec<HeadField> {
        let number = FieldKind::Number { first: 0 };
        let kinds = [FieldKind::Name, FieldKind::Id, FieldKind::NameInId, number];
        let count = 1 + self.below(2);
        (0..count).map(|_| HeadField { kind: kinds[self.below(4)], end: self.text() }).collect()
    }

    fn kind(&mut self) -> CallKind {
        match self.below(5) {
            0 => CallKind::Json(JsonKeys {
                head: if self.below(4) == 0 { self.head() } else { Vec::new() },
                start: String::new(),
                name: ["name", "function", ""][self.below(3)].into(),
                arguments: ["arguments", "parameters", ""][self.below(3)].into(),
                id: self.coin().then(|| "id".into()),
                dialect: self.dialect(),
            }),
            1 => CallKind::Named { head: self.head(), dialect: self.dialect() },
            2 => CallKind::Tagged {
                head: self.head(),
                arguments: TaggedArguments {
                    open: self.text(),
                    key_end: self.text(),
                    close: self.text(),
                    lines: self.coin(),
                    json_strings: self.coin(),
                    string_attributes: self.coin().then(|| " s=\"true\"".into()),
                    attributes_end: if self.coin() { ">".into() } else { self.text() },
                },
            },
            3 => CallKind::Pythonic,
            _ => CallKind::Harmony,
        }
    }

    fn format(mut self) -> ChatFormat {
        let reasoning = self.coin().then(|| ReasoningFormat {
            marks: self.marks(),
            prompt_opens: false,
            anywhere: self.coin(),
        });
        let calls = CallFormat {
            section: self.marks(),
            call: self.marks(),
            kind: self.kind(),
            late_id: (self.below(4) == 0).then(|| self.marks()),
            separator: self.text(),
            other_opens: if self.coin() { vec![self.text()] } else { Vec::new() },
            unmarked: self.coin(),
        };
        let answer = self.coin().then(|| self.marks());
        let dropped = if self.coin() { vec![self.text()] } else { Vec::new() };
        ChatFormat { reasoning, answer, calls, dropped, ..ChatFormat::generic() }
    }
}

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
    let (format, text) = match data.split_once('\0') {
        None => {
            let drawn = data.char_indices().nth(DRAWN).map_or(data.len(), |(at, _)| at);
            (Draw(data[..drawn].chars()).format(), &data[drawn..])
        }
        Some((source, text)) => {
            let Ok(template) = ChatTemplate::new(source, "<s>", "</s>") else { return };
            (ChatFormat::detect(&template, source, LocalTime::EPOCH), text)
        }
    };
    let first = usize::from(text.bytes().next().unwrap_or(0));
    let tools = (first & 8 == 0).then_some(&*TOOLS);
    let end = if first & 16 == 0 { ChatEnd::Stopped } else { ChatEnd::Length };
    let read = |size: usize| {
        let mut turn = Turn::default();
        let mut parser = ChatParser::new(&format, tools, first & 32 != 0);
        if first & 4 != 0 {
            parser = parser.with_control_tokens(CONTROLS.map(str::to_owned));
        }
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
