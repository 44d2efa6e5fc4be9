//! `linnet verify` on generated reference files, correct and corrupted.

use std::fs;
use std::path::Path;

use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::{self, linnet, parts};

fn verify(paths: &[&Path], more: &[&str]) -> (Option<i32>, String, String) {
    let models = paths[0].join("models");
    let arguments = [&["verify", "--models"][..], &[models.to_str().unwrap()], more].concat();
    parts(&linnet(arguments.iter().map(|a| a.as_ref()).chain(paths.iter().map(|p| p.as_os_str()))))
}

fn last_line(stdout: &str) -> &str {
    stdout.lines().last().unwrap_or_default()
}

#[test]
fn nothing_to_verify_is_exit_code_2_and_a_missing_path_1() {
    let folder = fixture::folder("verify_nothing");
    fs::write(folder.join("notes.json"), "{}").unwrap();
    assert_eq!(verify(&[&folder], &[]).0, Some(2));
    let (status, _, stderr) = verify(&[&folder.join("gone")], &[]);
    assert_eq!(status, Some(1));
    assert!(stderr.starts_with("error [not-found]: "), "{stderr}");
}

#[test]
fn decoded_values_are_compared_bit_for_bit() {
    let folder = fixture::folder("verify_dequant");
    let file = folder.join("F16.safetensors");
    let values: Vec<u8> = [1.0f32, -0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    let write = |bytes: &[u8]| {
        fixture::safetensors(&file, &[("bytes", Dtype::U8, bytes), ("values", Dtype::F32, &values)]);
    };
    write(&[0x00, 0x3C, 0x00, 0xB8]);
    let (status, stdout, _) = verify(&[&folder, &file], &[]);
    assert_eq!((status, last_line(&stdout)), (Some(0), "1 passed, 0 failed, 0 skipped"), "{stdout}");
    write(&[0x01, 0x3C, 0x00, 0xB8]);
    let (status, stdout, _) = verify(&[&file], &[]);
    assert_eq!((status, last_line(&stdout)), (Some(1), "0 passed, 1 failed, 0 skipped"), "{stdout}");
    assert!(stdout.starts_with("FAIL dequant F16 values: values that differ 1 (limit 0)"), "{stdout}");
    fs::write(&file, "no tensors").unwrap();
    assert_eq!(verify(&[&folder], &[]).0, Some(1), "a broken reference is not a pass");
}

#[test]
fn prompts_of_requests_are_compared() {
    let folder = fixture::folder("verify_chat");
    let template = "{% for t in tools or [] %}<{{ t.function.name }}>{% endfor %}\
                    {% for m in messages %}[{{ m.content }}]{% endfor %}";
    fs::write(folder.join("t.jinja"), template).unwrap();
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let messages = json!([{ "role": "user", "content": "hi" }]);
    let write = |rendered: &str| {
        let request = json!({ "messages": messages, "tools": true });
        let case = json!({ "name": "user", "request": request, "rendered": rendered });
        let family = json!({ "template": "t.jinja", "tools": tools, "render": [case] });
        fs::write(folder.join("family.json"), family.to_string()).unwrap();
        let said = json!({
            "name": "a", "tools": tools, "messages": messages, "add_generation_prompt": true,
            "prompts": { "t": { "rendered": rendered } },
        });
        let loops = json!({ "families": { "t": {} }, "loops": [said] });
        let beside = folder.join("openai");
        fs::create_dir_all(&beside).unwrap();
        fs::create_dir_all(folder.join("chat")).unwrap();
        fs::write(folder.join("chat/t.jinja"), template).unwrap();
        fs::write(beside.join("loops.json"), loops.to_string()).unwrap();
    };
    write("<f>[hi]");
    let (status, stdout, _) = verify(&[&folder], &[]);
    assert_eq!((status, last_line(&stdout)), (Some(0), "3 passed, 0 failed, 0 skipped"), "{stdout}");
    write("<f>[ho]");
    let (status, stdout, _) = verify(&[&folder], &[]);
    assert_eq!((status, last_line(&stdout)), (Some(1), "1 passed, 2 failed, 0 skipped"), "{stdout}");
    let line = "FAIL chat family render: wrong prompts 1 (limit 0); of 1; user: at character 5: expected";
    assert!(stdout.starts_with(line), "{stdout}");
}

#[test]
fn readings_of_answers_are_compared() {
    let folder = fixture::folder("verify_answers");
    let template = "{% for m in messages %}[{{ m.content.split('</think>') | last }}]{% endfor %}\
                    {% if add_generation_prompt %}<think>{% endif %}";
    fs::write(folder.join("t.jinja"), template).unwrap();
    let write = |content: &str, arguments: Value| {
        let calls = json!([{ "name": "f", "arguments": arguments }]);
        let right = json!({ "content": content, "reasoning_content": "why", "tool_calls": calls });
        let answer = json!({
            "name": "call", "request": { "tools": true, "thinking": true }, "end": "eos", "right": right,
            "output": "why</think>hi <tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>",
        });
        let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
        let family = json!({
            "template": "t.jinja", "tools": tools, "render": [], "parse": [answer],
            "must_reach_parser": ["<think>", "</think>", "<tool_call>"],
        });
        fs::write(folder.join("family.json"), family.to_string()).unwrap();
        let (status, stdout, _) = verify(&[&folder], &[]);
        (status, stdout.lines().find(|line| line.contains(" parse: ")).unwrap_or(&stdout).to_owned())
    };
    let (status, line) = write("hi", json!({ "a": 1 }));
    assert_eq!(line, "ok   chat family parse: answers read wrongly 0 (limit 0); of 1");
    assert_eq!(status, Some(0));
    for (content, arguments) in [("ho", json!({ "a": 1 })), ("hi", json!({ "a": 2 }))] {
        let (status, line) = write(content, arguments);
        let start = "FAIL chat family parse: answers read wrongly 1 (limit 0); of 1; call: Turn";
        assert!(status == Some(1) && line.starts_with(start), "{line}");
    }
}

#[test]
fn templates_are_compared_character_by_character() {
    let folder = fixture::folder("verify_templates");
    fs::write(folder.join("t.jinja"), "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}")
        .unwrap();
    let write = |rendered: &str| {
        let context = json!({"messages": [{"role": "user", "content": "hi"}], "add_generation_prompt": true});
        let case = json!({"name": "user", "context": context, "rendered": rendered});
        let golden =
            json!({"template": "t", "bos_token": "<s>", "now": "2026-01-02T12:34:56", "cases": [case]});
        fs::write(folder.join("t.json"), golden.to_string()).unwrap();
    };
    write("<s>[hi]");
    let (status, stdout, _) = verify(&[&folder], &["--json"]);
    assert_eq!(status, Some(0), "{stdout}");
    let outcomes: Value = serde_json::from_str(&stdout).unwrap();
    let expected = ["kind", "name", "case", "figure", "limit", "ok", "skipped", "detail"];
    assert!(expected.iter().all(|key| outcomes[0].get(key).is_some()), "{outcomes}");
    assert_eq!(outcomes.as_array().unwrap().len(), 1);
    write("<s>[hi] ");
    assert_eq!(verify(&[&folder], &[]).0, Some(1));
}

#[test]
fn goldens_of_embeddings_are_skipped() {
    let folder = fixture::folder("verify_embeddings");
    fs::write(folder.join("model.gguf"), fixture::model("llama")).unwrap();
    let row = 0.5_f32.to_le_bytes();
    fixture::safetensors(&folder.join("golden.safetensors"), &[("embd_1", Dtype::F32, &row)]);
    let (status, stdout, _) = verify(&[&folder], &[]);
    assert_eq!(last_line(&stdout), "0 passed, 0 failed, 1 skipped", "{status:?}");
    assert!(stdout.contains("embeddings"), "{stdout}");
}

/// A model with a golden file whose greedy tokens are correct and whose logits are not.
#[test]
fn a_model_is_compared_with_its_golden_file() {
    let folder = fixture::folder("verify_tiny");
    fs::write(folder.join("model.gguf"), fixture::model("llama")).unwrap();
    // As Python writes it, with NaN.
    let meta = r#"{"n_ctx": 64, "text": "hi", "add_special": true, "noise": NaN}"#;
    fs::write(folder.join("meta.json"), meta).unwrap();
    let prompt = [
        "chat",
        "--raw",
        "--prompt",
        "hi",
        "--greedy",
        "--ignore-eos",
        "--max-tokens",
        "8",
        "--print-tokens",
    ];
    let (_, stdout, stderr) =
        parts(&linnet(prompt.iter().map(|a| a.as_ref()).chain([folder.join("model.gguf").as_os_str()])));
    let greedy: Vec<i32> = serde_json::from_str(last_line(&stdout)).expect(&stderr);

    let ints = |values: &[i32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    let floats = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    let tokens = ints(&"hi".bytes().map(i32::from).collect::<Vec<_>>());
    let write = |greedy: &[i32], margin: f32| {
        let logits = floats(&vec![0.0; fixture::VOCABULARY as usize]);
        fixture::safetensors(
            &folder.join("golden.safetensors"),
            &[
                ("tokens_2", Dtype::I32, &tokens),
                ("tokens_text", Dtype::I32, &tokens),
                ("logits_2", Dtype::F32, &logits),
                ("greedy_2", Dtype::I32, &ints(greedy)),
                ("greedy_margin_2", Dtype::F32, &floats(&vec![margin; greedy.len()])),
            ],
        );
    };
    let case = |name: &str| -> bool {
        let (_, stdout, stderr) = verify(&[&folder], &["--json"]);
        let outcomes: Value = serde_json::from_str(&stdout).expect(&stderr);
        let found = outcomes.as_array().unwrap().iter().find(|o| o["case"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {outcomes}"))["ok"].as_bool().unwrap()
    };
    write(&greedy, 1.0);
    assert!(case("greedy_2") && case("tokens_text"));
    assert!(!case("logits_2"), "flat logits are not the model's");
    let mut other = greedy.clone();
    other[7] = (other[7] + 1) % 256;
    write(&other, 1.0);
    assert!(!case("greedy_2"), "one token differs");
    write(&other, 0.1);
    assert!(case("greedy_2"), "one token differs where the reference's margin is within the noise");
}

#[test]
fn a_published_model_that_is_absent_is_skipped_and_another_file_of_its_name_fails() {
    let folder = fixture::folder("verify_real");
    fs::create_dir_all(folder.join("real/m")).unwrap();
    let index = json!({"model": "m", "file": "m.gguf", "sha256": "00", "prompts": []});
    fs::write(folder.join("real/m/index.json"), index.to_string()).unwrap();
    let (status, stdout, _) = verify(&[&folder], &[]);
    assert_eq!((status, last_line(&stdout)), (Some(0), "0 passed, 0 failed, 1 skipped"), "{stdout}");

    fs::create_dir_all(folder.join("models")).unwrap();
    fs::write(folder.join("models/m.gguf"), fixture::model("llama")).unwrap();
    let (status, stdout, _) = verify(&[&folder], &[]);
    assert_eq!(status, Some(1), "{stdout}");
    assert!(stdout.contains("integrity"), "{stdout}");

    fs::write(folder.join("models/m.gguf"), fixture::model("martian")).unwrap();
    let (status, stdout, _) = verify(&[&folder], &[]);
    assert_eq!(status, Some(0), "{stdout}");
    assert!(stdout.contains("(unsupported-architecture: "), "{stdout}");
}
