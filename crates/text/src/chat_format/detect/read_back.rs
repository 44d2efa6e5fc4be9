//! Reads back what the template writes, so that a format that loses something is not taken.

use serde_json::{Map, Value, json};

use super::calls::{Call, Writer};
use super::{KEYS, NAMES, THOUGHT, with_thought};
use crate::chat_format::{ChatEnd, ChatEvent, ChatFormat, ChatParser, tags};

/// A turn as the template writes it, and what must be read from it.
struct Turn {
    output: String,
    /// Whether the prompt has begun its reasoning.
    inside: bool,
    read: Read,
}

/// What a parser reads from a turn.
#[derive(Debug, Default, PartialEq)]
struct Read {
    content: String,
    reasoning: String,
    /// The names of the calls, and their arguments if they are valid.
    calls: Vec<(String, Option<Value>)>,
}

/// Turns to read back; the first has one call.
pub(super) struct Turns {
    turns: Vec<Turn>,
    tools: Value,
}

/// The text beside a call.
const SAID: &str = "Vzsaid.";

impl Turns {
    /// Turns with one call, two, other values, no arguments, text, and reasoning, as far as the template writes
    /// them. Names, ids and values are not where [`super::shapes`] has seen them.
    pub(super) fn new(writer: &Writer<'_>, begun: &str, found: &ChatFormat) -> Self {
        let reasons = found.reasoning.is_some();
        let [text, number, object, flag] = KEYS;
        let simple = json!({ text: "zqother", number: 4 });
        let strings = json!({ text: "zq \"a\" 'b'\n<c> [d], {e" });
        let values = json!({ number: -3, object: { "zq": [1, "x, y"] }, flag: true });
        let second = |arguments: &Value| -> Call { (1, arguments.as_object().cloned().unwrap_or_default()) };
        let first: Call = (0, Map::from_iter([(text.to_owned(), "zqlast".into())]));
        let kinds: [(&str, bool, Vec<Call>); 7] = [
            ("", false, vec![second(&simple)]),
            ("", false, vec![second(&simple), first]),
            ("", false, vec![second(&strings)]),
            ("", false, vec![second(&values)]),
            ("", false, vec![second(&Value::Null)]),
            (SAID, false, vec![second(&simple)]),
            ("", true, vec![second(&simple)]),
        ];
        let turns = kinds.into_iter().filter(|(_, thinks, _)| reasons || !thinks).filter_map(|kind| {
            let (said, thinks, calls) = kind;
            let message = writer.message(said, &calls);
            let (output, inside) =
                writer.turn(if thinks { with_thought(message) } else { message }, found)?;
            let output = format!("{begun}{output}");
            let shown =
                |text: &'static str| if output.contains(text) { text.to_owned() } else { String::new() };
            let calls =
                calls.into_iter().map(|(index, arguments)| (NAMES[index].to_owned(), Some(arguments.into())));
            let read = Read { content: shown(SAID), reasoning: shown(THOUGHT), calls: calls.collect() };
            let is_whole = read.calls.iter().all(|(name, _)| output.contains(name.as_str()));
            is_whole.then_some(Turn { output, inside, read })
        });
        Self { turns: turns.collect(), tools: tools() }
    }

    /// How many turns are read wrongly. `None` if the first is among them, or if the reading of any depends on
    /// how the text is divided.
    pub(super) fn count_wrong(&self, format: &ChatFormat) -> Option<usize> {
        let mut wrong = 0;
        // Without an opening mark, a call must begin the answer.
        let is_bare =
            tags::split(&format!("{}{}", format.calls.section.open, format.calls.call.open)).is_empty();
        let turns = self.turns.iter().filter(|turn| !is_bare || turn.read.content.is_empty());
        for (index, turn) in turns.enumerate() {
            let output = turn.output.as_str();
            let pieces = output.char_indices().map(|(at, c)| &output[at..at + c.len_utf8()]);
            let whole = read(format, &self.tools, turn.inside, [output]);
            let divided = read(format, &self.tools, turn.inside, pieces);
            if whole != divided || index == 0 && whole != turn.read {
                return None;
            }
            wrong += usize::from(whole != turn.read);
        }
        (!self.turns.is_empty()).then_some(wrong)
    }
}

fn read<'t>(
    format: &ChatFormat,
    tools: &Value,
    inside: bool,
    pieces: impl IntoIterator<Item = &'t str>,
) -> Read {
    let mut read = Read::default();
    let mut text = String::new();
    let mut add = |event: ChatEvent<'_>| match event {
        ChatEvent::Content(text) => read.content.push_str(text),
        ChatEvent::Reasoning(text) => read.reasoning.push_str(text),
        ChatEvent::CallBegun { name, .. } => {
            text.clear();
            read.calls.push((name.to_owned(), None));
        }
        ChatEvent::Arguments { text: more, .. } => text.push_str(more),
        ChatEvent::CallEnded { valid, .. } => {
            if let Some((_, arguments)) = read.calls.last_mut().filter(|_| valid) {
                *arguments = serde_json::from_str(&text).ok();
            }
        }
    };
    let mut parser = ChatParser::new(format, Some(tools), inside);
    pieces.into_iter().for_each(|piece| parser.push(piece, &mut add));
    parser.finish(ChatEnd::Stopped, &mut add);
    read.content = read.content.trim().to_owned();
    read.reasoning = read.reasoning.trim().to_owned();
    read
}

/// The tools, with the types of all arguments.
fn tools() -> Value {
    let types = KEYS.iter().zip(["string", "integer", "object", "boolean"]);
    let properties: Map<String, Value> =
        types.map(|(key, kind)| ((*key).to_owned(), json!({ "type": kind }))).collect();
    let tool = |name: &&str| {
        let parameters = json!({ "type": "object", "properties": properties });
        json!({ "type": "function", "function": { "name": name, "parameters": parameters } })
    };
    NAMES.iter().map(tool).collect()
}
