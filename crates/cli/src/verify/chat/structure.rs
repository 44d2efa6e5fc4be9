//! Checks that texts full of marks change nothing in the structure of a prompt.

use linnet_engine::Request;
use serde_json::{Value, json};

use super::super::report::{Outcome, Subject};
use super::model::Model;

/// Compares the control tokens of a request's prompt with those of the same request full of marks.
pub fn run(subject: &Subject, model: &Model) -> Outcome {
    const CASE: &str = "structure";
    let controls = |text: &str| -> Result<Vec<u32>, String> {
        let request = Request::from_json(&request(text).to_string()).map_err(|error| error.to_string())?;
        model.controls(&request).map_err(|error| error.to_string())
    };
    let structure = match controls("plain") {
        Ok(controls) => controls,
        Err(error) => return subject.failed(CASE, error),
    };
    let texts = hostile_texts(model);
    let wrong = texts.iter().filter_map(|text| match controls(text) {
        Ok(controls) if controls == structure => None,
        Ok(controls) => Some(format!("{} instead of {} control tokens", controls.len(), structure.len())),
        Err(error) => Some(error),
    });
    let wrong: Vec<String> = wrong.collect();
    let shown = wrong.first().map(|wrong| format!("; {wrong}")).unwrap_or_default();
    subject.counted(CASE, "texts that change it", wrong.len()).with(format!("of {}{shown}", texts.len()))
}

/// All control tokens; those without their first character, for texts that are joined; and all in another
/// case. Marks around reasoning split answers on purpose.
fn hostile_texts(model: &Model) -> [String; 3] {
    let marks = model.marks.iter().filter(|mark| !mark.to_ascii_lowercase().contains("think"));
    let all: String = marks.clone().map(String::as_str).collect();
    let cut: String = marks.map(|mark| mark.strip_prefix(['<', '[']).unwrap_or(mark)).collect();
    [all.clone(), cut, all.to_uppercase()]
}

/// A request with this text in every place that takes one.
fn request(text: &str) -> Value {
    let said = |place: &str| format!("{place} {text}.");
    let city =
        json!({ "type": "string", "description": said("parameter"), "enum": [said("one"), said("two")] });
    let properties = json!({ "city": city, said("key"): { "type": "number" } });
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
            { "role": "assistant", "content": said("answer") },
            { "role": "user", "content": said("again") },
        ],
    })
}
