//! Compares single template features with jinja2 as configured by Hugging Face's transformers: jinja2 3.1.6
//! rendered `tests/jinja/cases.json`.

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError};
use serde_json::Value;

/// The rendered case, or its error.
fn render(file: &Value, source: &str) -> Result<String, TextError> {
    let now = LocalTime::new(2026, 1, 2, 12, 34, 56)?;
    let mut context = ChatContext::new(file["messages"].clone(), now);
    context.tools = Some(file["tools"].clone());
    context.extra = file["extra"].as_object().unwrap().clone();
    ChatTemplate::new(source, "<s>", "</s>")?.render(&context)
}

#[test]
fn features_match_jinja2() {
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

/// An absent variable is undefined, as in llama.cpp, and none, as in transformers: templates check for
/// either.
#[test]
fn absent_variables_are_undefined_and_none() {
    for (source, expected) in [
        (
            "{{ tools is defined }}{{ tools is undefined }}{{ tools is none }}{{ tools is not none }}",
            "FalseTrueTrueFalse",
        ),
        ("{{ tools is iterable and tools | length > 0 }}", "False"),
        (
            "{{ 'tools' if tools else 'no' }}{{ tools == none }}{{ tools != none }}{{ none == tools }}",
            "noTrueFalseTrue",
        ),
        ("{{ documents|default('d') }}{{ tools|length }}{{ 'x' in tools }}[{{ tools }}]", "d0False[]"),
        (
            "{% if tools is not none and tools|length %}a{% endif %}{% if tools is defined and tools %}b{% endif %}",
            "",
        ),
        (
            "{% if not tools is defined %}{% set tools = none %}{% endif %}{{ tools is none }}{{ tools }}",
            "TrueNone",
        ),
        (
            "{{ tools is string }}{{ tools is mapping }}{{ tools is sequence }}{{ tools is callable }}",
            "FalseFalseFalseFalse",
        ),
        ("{{ tools|tojson }}", "null"),
        ("{% for tool in tools %}{{ tool }}{% endfor %}{{ tools|list }}{{ tools|map('upper')|join }}", "[]"),
        ("{{ tools.x is defined }}{{ (tools or []) + [1] }}", "False[1]"),
    ] {
        let context = ChatContext::new(Value::Array(Vec::new()), LocalTime::EPOCH);
        let rendered = ChatTemplate::new(source, "", "").and_then(|template| template.render(&context));
        assert_eq!(rendered.as_deref().map_err(ToString::to_string), Ok(expected), "{source}");
    }
}
