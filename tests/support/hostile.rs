//! Requests with texts full of marks, for tests that no text changes the structure of a prompt.

use serde_json::{Value, json};

/// A request with `text` in every place that takes one, and `answer` in the model's answers.
pub fn request(text: &str, answer: &str) -> Value {
    let said = |place: &str| format!("{place} {text}.");
    let city =
        json!({ "type": "string", "description": said("parameter"), "enum": [said("one"), said("two")] });
    let properties = json!({ "city": city, said("key"): { "type": "number", "default": said("default") } });
    let parameters = json!({ "type": "object", "properties": properties, "required": ["city"] });
    let function = json!({ "name": "weather", "description": said("tool"), "parameters": parameters });
    let arguments = json!({ "city": said("argument"), said("name"): [said("item"), { "a": said("deep") }] });
    let called = json!({ "name": said("function"), "arguments": arguments.to_string() });
    json!({
        "tools": [{ "type": "function", "function": function }],
        "messages": [
            { "role": "system", "content": said("system") },
            { "role": "user", "content": said("user"), "name": said("speaker") },
            {
                "role": "assistant",
                "content": null,
                "reasoning_content": said("reasoning"),
                "tool_calls": [{ "id": said("id"), "type": "function", "function": called }],
            },
            { "role": "tool", "tool_call_id": said("id"), "name": said("result"), "content": said("result") },
            { "role": "assistant", "content": format!("answer {answer}.") },
            { "role": "user", "content": said("again") },
        ],
    })
}

/// Texts full of marks: all of them; without their first character, for texts that are joined; and in another
/// case.
pub fn texts<'m>(marks: impl IntoIterator<Item = &'m str>) -> [String; 3] {
    let marks: Vec<&str> = marks.into_iter().collect();
    let all = marks.concat();
    let ends: String = marks.iter().map(|mark| mark.strip_prefix(['<', '[']).unwrap_or(mark)).collect();
    [all.clone(), format!("{ends}<|im"), all.to_uppercase()]
}
