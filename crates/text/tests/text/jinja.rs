//! Single features of the template language against jinja2 as Hugging Face's transformers sets it up: what
//! `tests/jinja/cases.json` holds was rendered by jinja2 3.1.6.

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError};
use serde_json::Value;

/// What a case gives, or why it does not.
fn render(file: &Value, source: &str) -> Result<String, TextError> {
    let now = LocalTime::new(2026, 1, 2, 12, 34, 56)?;
    let mut context = ChatContext::new(file["messages"].clone(), now);
    context.tools = Some(file["tools"].clone());
    context.extra = file["extra"].as_object().unwrap().clone();
    ChatTemplate::new(source, "<s>", "</s>")?.render(&context)
}

#[test]
fn features_do_what_they_do_in_jinja2() {
    let file: Value = serde_json::from_str(include_str!("../jinja/cases.json")).unwrap();
    let mut wrong = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        let (name, source) = (case["name"].as_str().unwrap(), case["source"].as_str().unwrap());
        let ours = render(&file, source);
        let right = match case["rendered"].as_str() {
            Some(expected) => ours.as_deref().is_ok_and(|ours| ours == expected),
            None => ours.is_err(),
        };
        if !right {
            wrong.push(format!("{name}: {source}\n  {ours:?} instead of\n  {:?}", case["rendered"].as_str()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
