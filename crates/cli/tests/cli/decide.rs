//! Probabilities of options from a generated model.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::fixture::{self, linnet, parts};

fn decided(file: &Path, arguments: &[&str]) -> String {
    let all = ["decide"].iter().chain(arguments).map(|a| a.as_ref()).chain([file.as_os_str()]);
    let (status, stdout, stderr) = parts(&linnet(all));
    assert_eq!(status, Some(0), "{stderr}");
    stdout
}

#[test]
fn probabilities_are_printed_for_each_text() {
    let file = fixture::folder("decide").join("small.gguf");
    fs::write(&file, fixture::model("llama")).unwrap();
    let question = ["--question", "Is it?", "--option", "yes", "--option", "no"];
    let texts = ["--hide-options", "--text", "One", "--text", "Two"];
    let printed = decided(&file, &[&question[..], &texts].concat());
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].ends_with(" yes") && lines[1].ends_with(" no") && lines[2].is_empty(), "{printed}");
    assert_eq!(lines.len(), 5);
    let json = decided(&file, &[&question[..], &["--raw", "--json"]].concat());
    let decision: Value = serde_json::from_str(&json).unwrap();
    let sum: f64 = [0, 1].map(|at| decision["options"][at]["probability"].as_f64().unwrap()).iter().sum();
    assert!((sum - 1.0).abs() < 1e-12, "{decision}");
    let choice = if decision["options"][0]["probability"].as_f64() >= Some(0.5) { "yes" } else { "no" };
    assert_eq!(decision["choice"], choice);
}
