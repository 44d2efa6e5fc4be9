//! Runs a small model from its file to its answer.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{self, command, linnet, parts};
use crate::reference::reference;

fn small_model(test: &str) -> PathBuf {
    let file = fixture::folder(test).join("small.gguf");
    fs::write(&file, fixture::model("llama")).unwrap();
    file
}

/// The ids that `chat` prints on its last line, and all output.
fn tokens(file: &std::path::Path, arguments: &[&str]) -> (Vec<u64>, String) {
    let all =
        ["chat", "--print-tokens"].iter().chain(arguments).map(|a| a.as_ref()).chain([file.as_os_str()]);
    let (status, stdout, stderr) = parts(&linnet(all));
    assert_eq!(status, Some(0), "{stderr}");
    let last = stdout.lines().last().unwrap();
    (serde_json::from_str(last).unwrap(), stdout)
}

#[test]
fn greedy_answers_do_not_depend_on_threads_or_flags() {
    let file = small_model("greedy");
    let common = ["--raw", "--prompt", "hi", "--ignore-eos", "--max-tokens", "12"];
    let with = |more: &[&str]| tokens(&file, &[&common[..], more].concat()).0;
    let greedy = with(&["--greedy"]);
    assert_eq!(greedy.len(), 12);
    for more in [&["--greedy", "--threads", "2"][..], &["--temperature", "0"], &["--top-k", "1"]] {
        assert_eq!(with(more), greedy, "{more:?}");
    }
    let seeded = with(&["--seed", "1"]);
    assert_eq!(with(&["--seed", "1"]), seeded);
    assert_ne!(with(&["--seed", "2"]), seeded, "12 equal samples of 40 tokens are too unlikely");
}

#[test]
fn a_model_in_parts_answers_as_in_one_file() {
    let folder = fixture::folder("parts");
    let files = fixture::split(&folder, &fixture::model("llama"));
    let arguments = ["--greedy", "--raw", "--prompt", "hi", "--ignore-eos", "--max-tokens", "12"];
    let whole = tokens(&small_model("whole"), &arguments).0;
    for file in &files {
        assert_eq!(tokens(file, &arguments).0, whole, "{}", file.display());
    }

    let chat = |file: &std::path::Path| {
        let all = ["chat", "--prompt", "hi"].iter().map(|a| a.as_ref()).chain([file.as_os_str()]);
        parts(&linnet(all))
    };
    let renamed = folder.join("first.gguf");
    fs::rename(&files[0], &renamed).unwrap();
    let (status, _, stderr) = chat(&renamed);
    assert!(status != Some(0) && stderr.contains("part 1 of 2"), "{stderr}");
    let (status, _, stderr) = chat(&files[1]);
    assert!(status != Some(0) && stderr.contains("small-00001-of-00002.gguf"), "{stderr}");
}

#[test]
fn experts_with_gate_and_up_in_one_matrix_answer_as_in_two() {
    let apart = reference().join("tiny/qwen3moe/model.gguf");
    if !apart.is_file() {
        println!("skipped: no {}", apart.display());
        return;
    }
    let fused = fixture::folder("fused").join("model.gguf");
    fs::write(&fused, fixture::fused(&fs::read(&apart).unwrap())).unwrap();
    let arguments = ["--greedy", "--raw", "--prompt", "The linnet is", "--ignore-eos", "--max-tokens", "24"];
    assert_eq!(tokens(&fused, &arguments).0, tokens(&apart, &arguments).0);
}

#[test]
fn a_conversation_remembers_its_turns() {
    let file = small_model("conversation");
    let arguments = ["chat", "--greedy", "--max-tokens", "3", "--ignore-eos", "--print-tokens"];
    let mut child = command(arguments.iter().map(|a| a.as_ref()).chain([file.as_os_str()]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hi\n\nho\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&output.stderr);
    let summaries: Vec<&str> = stderr.lines().filter(|l| l.starts_with("[prompt ")).collect();
    assert_eq!(summaries.len(), 2, "an empty line is not a message: {stderr}");
    assert!(summaries[0].starts_with("[prompt 19 tokens "), "user: hi<end>assistant: {stderr}");
}

#[test]
fn tools_come_from_a_file_in_the_form_of_openai() {
    let file = small_model("tools");
    let tools = file.with_file_name("tools.json");
    let chat = |content: &str, more: &[&str]| {
        fs::write(&tools, content).unwrap();
        let arguments = ["chat", "--prompt", "hi", "--greedy", "--max-tokens", "3", "--context", "64"];
        let all = arguments.iter().chain(more).map(|a| a.as_ref());
        parts(&linnet(all.chain(["--tools".as_ref(), tools.as_os_str(), file.as_os_str()])))
    };
    let (status, _, stderr) = chat("[]", &["--no-think"]);
    assert_eq!(status, Some(0), "{stderr}");
    // The description of a tool is longer than the context of this model.
    let tool = r#"[{ "type": "function", "function": { "name": "f", "parameters": {} } }]"#;
    let (status, _, stderr) = chat(tool, &["--effort", "low"]);
    assert!(status == Some(1) && stderr.starts_with("error [context-full]: "), "{stderr}");
    let (status, _, stderr) = chat(r#"[{ "type": "function", "function": {} }]"#, &[]);
    let message = "error [invalid-request]: `tools[0].function.name` is missing";
    assert!(status == Some(1) && stderr.starts_with(message), "{stderr}");
    assert_eq!(chat("[", &[]).0, Some(1));
    let (status, _, stderr) = chat("[]", &["--effort", "extreme"]);
    assert!(status == Some(2) && stderr.contains("[possible values: none, minimal, low"), "{stderr}");
}

#[test]
fn bench_measures_the_requested_tokens() {
    let file = small_model("bench");
    let arguments =
        ["bench", "--json", "--prompt-tokens", "40", "--tokens", "8", "--runs", "3", "--threads", "1"];
    let (status, stdout, stderr) =
        parts(&linnet(arguments.iter().map(|a| a.as_ref()).chain([file.as_os_str()])));
    assert_eq!(status, Some(0), "{stderr}");
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&json["backend"], &json["threads"], &json["tokens"]), (&"cpu".into(), &1.into(), &8.into()));
    assert_eq!(json["model"]["name"], "Small");
    for speed in [&json["prefill"], &json["decode"]] {
        let of = |key: &str| speed[key].as_f64().unwrap();
        assert!(of("min") > 0.0 && of("min") <= of("median") && of("median") <= of("max"), "{speed}");
        assert_eq!(speed["runs"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn inspect_shows_metadata_tensors_and_graph() {
    let file = small_model("inspect");
    let (status, stdout, _) = parts(&linnet(["inspect".as_ref(), file.as_os_str(), "--graph".as_ref()]));
    assert_eq!(status, Some(0));
    for part in [
        "llama.block_count = 1",
        "... (258 elements)]",
        "blk.0.ffn_down.weight",
        "[64, 32]",
        "recorded graph:",
        "fused graph:",
        " gated(Silu)",
        "reasoning: none\n",
        "tool calls: JSON objects between `<tool_call>` and `</tool_call>`\n",
    ] {
        assert!(stdout.contains(part), "no `{part}` in {stdout}");
    }
    assert!(!stdout.contains("INCOMPLETE"));
}
