//! Compares chat templates with jinja2 as configured by Hugging Face's transformers.

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError};
use serde_json::Value;

use crate::support::{json, reference};

fn context(case: &Value, now: LocalTime) -> ChatContext {
    let mut variables = case["context"].as_object().unwrap().clone();
    let messages = variables.shift_remove("messages").unwrap();
    let present = |value: Option<Value>| value.filter(|value| !value.is_null());
    ChatContext {
        messages,
        tools: present(variables.shift_remove("tools")),
        documents: present(variables.shift_remove("documents")),
        add_generation_prompt: variables.shift_remove("add_generation_prompt").unwrap().as_bool().unwrap(),
        extra: variables,
        now,
    }
}

fn check_template(name: &str, cases: usize) {
    let Some(templates) = reference("templates") else { return };
    let file = json(&templates.join(format!("{name}.json")));
    assert_eq!(file["now"], "2026-01-02T12:34:56");
    let now = LocalTime::new(2026, 1, 2, 12, 34, 56).unwrap();
    let text = |key: &str| file[key].as_str().unwrap();
    let source = std::fs::read_to_string(templates.join(format!("{name}.jinja"))).unwrap();
    let template = ChatTemplate::new(&source, text("bos_token"), text("eos_token")).unwrap();
    assert_eq!(file["cases"].as_array().unwrap().len(), cases);
    for case in file["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let rendered = template.render(&context(case, now));
        if let Some(expected) = case["rendered"].as_str() {
            assert_eq!(rendered.as_deref().map_err(ToString::to_string), Ok(expected), "{name}");
        } else if case["raised_by_template"] == true {
            let raised = case["error"].as_str().unwrap().strip_prefix("raise_exception: ").unwrap();
            match rendered {
                Err(TextError::RefusedByTemplate { message }) => assert_eq!(message, raised, "{name}"),
                other => panic!("{name}: {other:?} instead of {raised:?}"),
            }
        } else {
            println!("{name}: python: {}; here: {rendered:?}", case["error"]);
        }
    }
}

#[test]
fn smollm2() {
    check_template("SmolLM2-135M-Instruct", 19);
}

#[test]
fn smollm3() {
    check_template("HuggingFaceTB-SmolLM3-3B", 23);
}

#[test]
fn lfm2() {
    check_template("LFM2-8B-A1B", 19);
}

#[test]
fn qwen3() {
    check_template("Qwen-Qwen3-0.6B", 23);
}

#[test]
fn gemma2() {
    check_template("google-gemma-2-2b-it", 19);
}

#[test]
fn llama32() {
    check_template("meta-llama-Llama-3.2-3B-Instruct", 19);
}

#[test]
fn phi35() {
    check_template("microsoft-Phi-3.5-mini-instruct", 19);
}

#[test]
fn gpt_oss() {
    check_template("openai-gpt-oss-120b", 23);
}

/// Conversations longer than most contexts are within the budget: with many short messages, with long ones,
/// with many tools.
#[test]
fn long_conversations_are_within_the_budget() {
    let Some(templates) = reference("templates") else { return };
    let now = LocalTime::new(2026, 1, 2, 12, 34, 56).unwrap();
    let talk = |turns: usize, text: &str| {
        let messages = (0..turns).map(|turn| {
            let role = if turn % 2 == 0 { "user" } else { "assistant" };
            serde_json::json!({"role": role, "content": text})
        });
        Value::Array(messages.collect())
    };
    let tool = |index: usize| {
        serde_json::json!({"type": "function", "function": {
            "name": format!("tool_{index}"),
            "description": "Does one thing and tells how it went. ".repeat(20),
            "parameters": {
                "type": "object",
                "properties": {"place": {"type": "string", "description": "Where.", "enum": ["here", "there"]}},
                "required": ["place"],
            },
        }})
    };
    let tools: Value = (0..120).map(tool).collect();
    let words = "<think>All work</think> and no play makes Jack a dull boy.\n";
    let mut names: Vec<_> =
        std::fs::read_dir(&templates).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "jinja"));
    assert!(names.len() >= 8);
    for path in names {
        let source = std::fs::read_to_string(&path).unwrap();
        let template = ChatTemplate::new(&source, "<s>", "</s>").unwrap();
        for (what, messages, tools) in [
            ("many short messages", talk(1501, "Hi"), None),
            ("many messages", talk(401, &words.repeat(20)), None),
            ("a long message", talk(1, &words.repeat(20_000)), None),
            ("many tools", talk(101, &words.repeat(20)), Some(tools.clone())),
        ] {
            let mut context = ChatContext::new(messages, now);
            context.tools = tools;
            let rendered = template.render(&context);
            assert!(rendered.is_ok(), "{}: {what}: {rendered:?}", path.display());
        }
    }
}
