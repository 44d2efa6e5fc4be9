//! Whole calls, reasoning and quotes in any order: what is read does not depend on the pieces.

use linnet_text::ChatEnd;

use crate::hostile::{Random, formats, tools};
use crate::turn::{characters, read};

/// A call of the tool `f` in each of the [`formats`].
const CALLS: [&str; 9] = [
    "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"x\"}}\n</tool_call>",
    "{\"name\": \"f\", \"arguments\": {\"a\": \"x\"}}",
    "[CALL]f[ARGS]{\"a\": \"x\"}",
    "<call>call:f{a:<q>x<q>}</call>",
    "<calls>\n<call>\n<f=f>\n<p=a>\nx\n</p>\n</f>\n</call>\n</calls>",
    "<calls>[f(a=\"x\")]</calls>",
    "<call>f\n<k>a</k>\n<v>x</v>\n</call>",
    "<calls>\n<f=\"f\">\n<p=\"a\" s=\"true\">x</p>\n</f>\n</calls>",
    "<|channel|>commentary to=functions.f<|message|>{\"a\": \"x\"}<|call|>",
];

const TEXTS: [&str; 16] = [
    "<think>",
    "<think>\n",
    "</think>",
    "\n</think>\n\n",
    "<answer>",
    "</answer>",
    "Maybe ",
    " x ",
    "x",
    "\n",
    " ",
    "`",
    "<",
    "<|channel|>analysis<|message|>",
    "<|channel|>final<|message|>",
    "<|end|><|start|>assistant",
];

/// `LINNET_FUZZ` is the number of texts.
#[test]
fn pieces_do_not_matter_around_calls() {
    let (formats, tools) = (formats(), tools());
    let mut random = Random(2);
    let rounds = std::env::var("LINNET_FUZZ").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(8000) {
        let kind = round % formats.len();
        let call = CALLS[kind];
        let mut text = String::new();
        for _ in 0..2 + random.below(6) {
            match random.below(8) {
                0..4 => text += call,
                4 => {
                    let at = random.below(call.len());
                    text += &call[..at];
                    text += TEXTS[random.below(TEXTS.len())];
                    text += &call[at..];
                }
                _ => text += TEXTS[random.below(TEXTS.len())],
            }
        }
        let inside = random.below(3) == 0;
        let end = if random.below(4) > 0 { ChatEnd::Stopped } else { ChatEnd::Length };
        let read = |pieces: &[&str]| read(&formats[kind], Some(&tools), inside, pieces.iter().copied(), end);
        let whole = read(&[&text]);
        let characters: Vec<&str> = characters(&text).collect();
        assert_eq!(read(&characters), whole, "in characters, inside {inside}, {end:?}: {text:?}");
        let mut rest = text.as_str();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + random.below(rest.len().min(40)));
            pieces.push(piece);
            rest = after;
        }
        assert_eq!(read(&pieces), whole, "in {pieces:?}, inside {inside}, {end:?}");
    }
}

#[test]
fn a_text_between_calls_in_reasoning_makes_each_a_quote_or_a_call_of_its_own() {
    for (format, call) in formats().iter().zip(CALLS) {
        // Without an opening mark it is no call inside reasoning, and harmony reasons in messages of its own.
        if call.starts_with('{') || call.starts_with("<|") {
            continue;
        }
        for after in ["", "\n", "\n</think>\n\n"] {
            let text = format!("<think>\nMaybe {call} x {call}{after}");
            let turn = crate::hostile::parse(format, &text);
            assert_eq!(turn.reasoning, format!("Maybe {call} x"), "{text:?}");
            assert_eq!((turn.content.as_str(), turn.calls.len()), ("", 1), "{text:?}");
        }
    }
}
