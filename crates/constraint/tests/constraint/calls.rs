//! Tool calls in the formats of many models: whatever a model writes within the constraint, the parser reads as calls
//! that fit the tools' schemas.

use std::path::Path;
use std::sync::Arc;

use linnet_constraint::{Automaton, Token, Vocabulary, compile};
use linnet_text::{
    CalledTool, ChatEnd, ChatFormat, ChatParser, ChatTemplate, Constraint, ConstraintSpec, ControlToken,
    LocalTime, Whitespace,
};
use serde_json::{Value, json};

use super::turn::Turn;
use super::{accepts, compiled};

/// Ids of control tokens begin here: after those of bytes, and after the one that ends an answer.
const CONTROLS: u32 = 257;

/// How many answers are written in each format.
const ANSWERS: u64 = 40;

fn detect(source: &str) -> ChatFormat {
    let template = ChatTemplate::new(source, "<s>", "</s>").unwrap();
    ChatFormat::detect(&template, source, LocalTime::EPOCH)
}

/// Templates of models, from the fixtures and the reference results.
fn published() -> Vec<(String, ChatFormat)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = [root.join("tests/fixtures/templates"), root.join("../shared/reference/chat")];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jinja"));
    paths.sort();
    let named = paths.iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, detect(&std::fs::read_to_string(path).unwrap()))
    });
    named.collect()
}

fn parameters(name: &str) -> Value {
    match name {
        "weather" => {
            let place = json!({ "zip": { "type": "string", "maxLength": 4 }, "on": { "type": "boolean" } });
            let half = json!({ "type": "number", "multipleOf": 0.5, "maximum": 3, "minimum": 0 });
            json!({
                "type": "object",
                "properties": {
                    "city": { "type": "string", "maxLength": 6 },
                    "days": { "type": "integer", "minimum": 0, "maximum": 20 },
                    "unit": { "enum": ["c", "it's \"f\""] },
                    "place": {
                        "type": "object", "properties": place, "required": ["zip"], "additionalProperties": false,
                    },
                    "tags": { "type": "array", "items": { "enum": ["a", "<b>", null] }, "maxItems": 2 },
                    "note": { "type": ["string", "null"], "maxLength": 3 },
                    "any": { "anyOf": [{ "type": "string", "maxLength": 3 }, half] },
                },
                "required": ["city", "unit"], "additionalProperties": false,
            })
        }
        "clock" => json!({ "type": "object", "additionalProperties": false }),
        _ => json!({
            "type": "object", "properties": { "id": { "type": "integer", "minimum": 1, "maximum": 9 } },
            "required": ["id"], "additionalProperties": false,
        }),
    }
}

const NAMES: [&str; 3] = ["weather", "clock", "weather_at"];

/// Random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// An answer of random tokens within a constraint, as the detokenizer prints it; and the parts of it before each token.
fn written(automaton: &Automaton, controls: &[String], random: &mut Random) -> String {
    let mut automaton = automaton.clone();
    let mut text = Vec::new();
    for _ in 0..2000 {
        if automaton.is_finished().unwrap() {
            break;
        }
        let mask: Vec<u32> = automaton.mask().unwrap().iter().collect();
        assert!(!mask.is_empty(), "nothing continues {:?}", String::from_utf8_lossy(&text));
        let ascii: Vec<u32> = mask.iter().copied().filter(|token| *token < 128 || *token >= 256).collect();
        let some = if ascii.is_empty() { &mask } else { &ascii };
        let token = some[random.below(some.len())];
        assert!(automaton.allows(token).unwrap(), "the mask and single tokens agree");
        automaton.commit(token).unwrap();
        match token {
            256 => break,
            CONTROLS.. => {
                text.extend(ChatParser::CONTROL.to_string().bytes());
                text.extend(controls[(token - CONTROLS) as usize].bytes());
            }
            byte => text.push(byte as u8),
        }
    }
    assert!(automaton.is_accepting().unwrap(), "too long: {}", String::from_utf8_lossy(&text));
    String::from_utf8(text).unwrap()
}

fn vocabulary(controls: usize) -> Arc<Vocabulary> {
    let bytes: Vec<u8> = (0..=255).collect();
    let tokens = bytes.chunks(1).map(Token::Text).chain([Token::End]);
    Arc::new(Vocabulary::new(tokens.chain((0..controls).map(|_| Token::Control))).unwrap())
}

/// Writes answers in a format, with these marks as control tokens; returns the number of calls.
fn check_format(name: &str, format: &ChatFormat, controls: &[String]) -> Option<usize> {
    let tools = NAMES
        .iter()
        .map(|name| CalledTool {
            name: (*name).to_owned(),
            parameters: parameters(name),
            path: String::new(),
        })
        .collect();
    let tokens: Vec<ControlToken> = controls
        .iter()
        .zip(CONTROLS..)
        .map(|(text, id)| ControlToken { id, text: text.clone(), ends: false })
        .collect();
    let shown = NAMES.map(|name| json!({ "function": { "name": name, "parameters": parameters(name) } }));
    let shown = Value::from(shown.to_vec());
    let schemas = NAMES.map(|name| {
        compiled(&ConstraintSpec::JsonSchema { schema: parameters(name), whitespace: Whitespace::Any })
            .unwrap()
    });
    let spec = format.calls_spec(tools, Some(3), tokens);
    spec.parts()?;
    let spec = ConstraintSpec::Calls(Box::new(spec));
    let automaton =
        compile(&spec, &vocabulary(controls.len())).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut count = 0;
    for _ in 0..ANSWERS {
        let text = written(&automaton, controls, &mut random);
        let parser = ChatParser::new(format, Some(&shown), false).with_control_tokens(controls.to_vec());
        let turn = Turn::read(parser, [text.as_str()], ChatEnd::Stopped);
        assert!(turn.is_well_formed() && !turn.calls.is_empty(), "{name}: {text:?} is read as {turn:?}");
        assert_eq!(turn.content.trim(), "", "{name}: {text:?}");
        for call in &turn.calls {
            let at = NAMES.iter().position(|name| *name == call.name);
            let at = at.unwrap_or_else(|| panic!("{name}: {:?} in {text:?}", call.name));
            assert_eq!(call.valid, Some(true), "{name}: {text:?}");
            assert!(accepts(&schemas[at], &call.arguments), "{name}: {} in {text:?}", call.arguments);
        }
        count += turn.calls.len();
    }
    Some(count)
}

/// The marks that a vocabulary may have as control tokens.
fn control_marks(format: &ChatFormat) -> Vec<String> {
    let is_token = |mark: &String| {
        let ends =
            (mark.starts_with('<') && mark.ends_with('>')) || (mark.starts_with('[') && mark.ends_with(']'));
        ends && mark.len() > 2 && !mark.contains(char::is_whitespace)
    };
    format.marks().into_iter().filter(is_token).collect()
}

#[test]
fn calls_in_the_formats_of_models_fit_the_schemas() {
    let mut formats = published();
    formats.push(("generic".to_owned(), ChatFormat::generic()));
    let mut held = Vec::new();
    for (name, format) in &formats {
        let plain = check_format(name, format, &[]);
        let tokens = check_format(name, format, &control_marks(format));
        assert_eq!(plain.is_some(), tokens.is_some());
        println!("{name}: {plain:?} calls in text, {tokens:?} with tokens: {:?}", format.calls.kind);
        held.extend(plain.map(|_| name));
    }
    assert!(held.len() >= 8, "{held:?}");
}
