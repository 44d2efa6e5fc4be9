//! Compares with the cases of `chat/` in the reference.

use std::path::{Path, PathBuf};

use linnet_text::{ChatEnd, ChatFormat, ChatTemplate, LocalTime};
use serde_json::Value;

use crate::turn::{Call, Turn, read_all_ways};

/// The folder of the cases, in `LINNET_REFERENCE` or in `../shared/reference` next to the workspace.
fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let reference = std::env::var_os("LINNET_REFERENCE").map_or_else(beside, PathBuf::from);
    let folder = reference.join("chat");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: chat not found at {}", folder.display());
    None
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

/// Whether the turn is one of those that are right for the case.
fn is_right(case: &Value, turn: &Turn) -> bool {
    let right = &case["right"];
    if right.is_null() {
        // Nothing may be lost, and nothing repaired.
        return turn.calls.iter().all(|call| call.valid == Some(false) || call.arguments.starts_with('{'))
            && (!turn.content.is_empty() || !turn.calls.is_empty());
    }
    let also = case["also_right"].as_array().into_iter().flatten();
    let may_be_cut = case["incomplete_last_call_allowed"] == true || case["end"] == "length";
    let mut calls: &[Call] = &turn.calls;
    if may_be_cut
        && let [before @ .., last] = calls
        && last.valid == Some(false)
    {
        calls = before;
    }
    [right].into_iter().chain(also).any(|right| {
        let expected = right["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
        turn.content.trim() == text(right, "content").trim()
            && turn.reasoning.trim() == text(right, "reasoning_content").trim()
            && calls.len() == expected.len()
            && calls.iter().zip(expected).all(|(call, expected)| {
                call.valid == Some(true)
                    && call.name == text(expected, "name")
                    && serde_json::from_str::<Value>(&call.arguments).ok().as_ref()
                        == Some(&expected["arguments"])
                    && expected["id"].as_str().is_none_or(|id| call.id.as_deref() == Some(id))
            })
    })
}

#[test]
fn parses_every_case() {
    let Some(folder) = folder() else { return };
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut wrong = 0;
    for path in files {
        let family: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let source = std::fs::read_to_string(folder.join(text(&family, "template"))).unwrap();
        let template =
            ChatTemplate::new(&source, text(&family, "bos_token"), text(&family, "eos_token")).unwrap();
        let format = ChatFormat::detect(&template, &source, LocalTime::EPOCH);
        let mut wrong_here = Vec::new();
        for mark in family["must_reach_parser"].as_array().unwrap() {
            let mark = mark.as_str().unwrap();
            if !format.needs(mark) {
                wrong_here.push(format!("does not need {mark}"));
            }
        }
        let cases = family["parse"].as_array().unwrap();
        for case in cases {
            let request = &case["request"];
            let tools = (request["tools"] == true).then_some(&family["tools"]);
            let prompt = match (request["thinking"] != false, tools) {
                (true, Some(_)) => "thinking_on",
                (true, None) => "thinking_on_no_tools",
                (false, _) => "thinking_off",
            };
            let prompt = text(&family["generation_prompt"], prompt);
            let end = if case["end"] == "length" { ChatEnd::Length } else { ChatEnd::Stopped };
            let inside = format.ends_inside_reasoning(prompt);
            let turn = read_all_ways(&format, tools, inside, text(case, "output"), end);
            if !is_right(case, &turn) {
                wrong_here.push(format!(
                    "{}: {turn:?}\n    of {:?}",
                    text(case, "name"),
                    text(case, "output")
                ));
            }
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        println!(
            "{name}: {} of {} cases right",
            cases.len() - wrong_here.len().min(cases.len()),
            cases.len()
        );
        if !wrong_here.is_empty() {
            println!("  {format:?}");
        }
        for line in &wrong_here {
            println!("  {line}");
        }
        wrong += wrong_here.len();
    }
    assert_eq!(wrong, 0);
}
