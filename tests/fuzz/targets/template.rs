//! Any template compiles or not, and renders or fails, within its budget. After a NUL the input may have the context as
//! JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linnet_text::{ChatContext, ChatTemplate, LocalTime};
use serde_json::{Value, json};

fuzz_target!(|data: &str| {
    let (source, context) = data.split_once('\0').unwrap_or((data, ""));
    let Ok(template) = ChatTemplate::new(source, "<s>", "</s>") else { return };
    let messages: Value = serde_json::from_str(context).unwrap_or_else(|_| {
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "<think>é</think> 😀\n"},
            {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1.5, true]}}}]},
        ])
    });
    let mut context = ChatContext::new(messages, LocalTime::EPOCH);
    context.tools = Some(json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]));
    let _ = template.render(&context);
});
