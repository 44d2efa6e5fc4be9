//! Compares the prompts of requests.

use linnet_engine::Request;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::report::{Outcome, Subject};
use super::super::templates::difference;
use super::model::Model;

/// Maximum number of failing cases to show.
const SHOWN: usize = 3;

/// What a reference says of a prompt.
#[derive(Debug, Deserialize)]
pub struct Expected {
    rendered: Option<String>,
    /// llama.cpp's prompt, where it differs.
    llama_cpp: Option<String>,
}

/// The checked prompts.
#[derive(Debug, Default)]
pub struct Prompts {
    count: usize,
    wrong: Vec<String>,
    /// Those with tools that the template cannot show.
    without_tools: usize,
}

impl Prompts {
    /// Renders a request and compares the prompt.
    ///
    /// A template without tools rendered its reference as if there were none, and the engine describes them.
    /// So such a request is compared without its tools, and without calls that the template cannot show. Its
    /// whole prompt must contain them all. That is the only check if the reference lost a result.
    ///
    /// No reference has the description: its words are the engine's own, and copying them here would compare
    /// them with themselves. What is left must be equal in every byte.
    pub fn check(&mut self, name: &str, model: &Model, request: Map<String, Value>, expected: &Expected) {
        self.count += 1;
        let is_whole = model.templates.shows_tools() || !uses_tools(&request);
        // Where the template refuses, llama.cpp may do better.
        let rendered = expected.rendered.as_ref().or(expected.llama_cpp.as_ref());
        let mut why = None;
        let mut compared = request.clone();
        if !is_whole {
            self.without_tools += 1;
            why = missing(model, &request);
            remove_tools(&mut compared, model.templates.shows_calls());
            if rendered.is_some_and(|rendered| results(&request).any(|text| !rendered.contains(text))) {
                self.wrong.extend(why.map(|why| format!("{name}: {why}")));
                return;
            }
        }
        let ours = prompt(model, compared);
        let why = why.or(match (rendered, ours) {
            (Some(expected), Ok(ours)) if ours == *expected => None,
            (Some(expected), Ok(ours)) => Some(difference(&ours, expected)),
            (Some(_), Err(error)) => Some(error),
            (None, Ok(_)) if is_whole => Some("rendered, but the template rejects it".to_owned()),
            (None, _) => None,
        });
        self.wrong.extend(why.map(|why| format!("{name}: {why}")));
    }

    /// The result of all.
    pub fn outcome(self, subject: &Subject) -> Outcome {
        let shown: String = self.wrong.iter().take(SHOWN).map(|wrong| format!("; {wrong}")).collect();
        let described = match self.without_tools {
            0 => String::new(),
            count => format!(", {count} with tools that the template cannot show"),
        };
        let detail = format!("of {}{described}{shown}", self.count);
        subject.counted("render", "wrong prompts", self.wrong.len()).with(detail)
    }
}

fn prompt(model: &Model, request: Map<String, Value>) -> Result<String, String> {
    let request = Request::from_json(&Value::Object(request).to_string()).map_err(|e| e.to_string())?;
    model.prompt(&request).map_err(|error| error.to_string())
}

fn messages(request: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    request.get("messages").and_then(Value::as_array).into_iter().flatten()
}

fn calls(message: &Value) -> impl Iterator<Item = &Value> {
    message.get("tool_calls").and_then(Value::as_array).into_iter().flatten()
}

fn uses_tools(request: &Map<String, Value>) -> bool {
    request.contains_key("tools") || messages(request).any(|message| calls(message).next().is_some())
}

fn results(request: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let results = messages(request).filter(|message| message["role"] == "tool");
    results.filter_map(|result| result["content"].as_str())
}

fn remove_tools(request: &mut Map<String, Value>, keep_calls: bool) {
    request.remove("tools");
    request.remove("tool_choice");
    if keep_calls {
        return;
    }
    let messages = request.get_mut("messages").and_then(Value::as_array_mut);
    for message in messages.into_iter().flatten().filter_map(Value::as_object_mut) {
        if message.remove("tool_calls").is_some() && message.get("content").is_none_or(Value::is_null) {
            message.insert("content".to_owned(), "".into());
        }
    }
}

/// What is missing in the prompt of a request with tools that the template cannot show: names of tools and
/// calls, and results.
fn missing(model: &Model, request: &Map<String, Value>) -> Option<String> {
    let prompt = match prompt(model, request.clone()) {
        Ok(prompt) => prompt,
        Err(error) => return Some(error),
    };
    let none = request.get("tool_choice").is_some_and(|choice| choice == "none");
    let tools = request.get("tools").filter(|_| !none).and_then(Value::as_array);
    let tools = tools.into_iter().flatten();
    let called = tools.chain(messages(request).flat_map(calls));
    let names = called.filter_map(|tool| tool["function"]["name"].as_str());
    let mut texts = names.chain(results(request));
    texts.find(|text| !prompt.contains(text)).map(|text| format!("the prompt lacks {text:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tools_are_removed_for_templates_without_them() {
        let call = json!({ "function": { "name": "f", "arguments": "{}" } });
        let request = json!({
            "tools": [],
            "messages": [{ "role": "assistant", "content": null, "tool_calls": [call] }],
        });
        let mut request = request.as_object().unwrap().clone();
        assert!(uses_tools(&request));
        remove_tools(&mut request, false);
        assert!(!uses_tools(&request));
        assert_eq!(Value::Object(request), json!({ "messages": [{ "role": "assistant", "content": "" }] }));
    }
}
