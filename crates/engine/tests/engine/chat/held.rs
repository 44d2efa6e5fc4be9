//! Tool calls that must fit the schemas of their tools.

use serde_json::{Value, json};

use super::tools::CHATML;
use crate::chats::{Answer, source_of, try_request, user, with_template};
use linnet_engine::FinishReason;

/// A tool whose argument `n` is a digit.
fn digit(name: &str, strict: Option<bool>) -> Value {
    let n = json!({ "type": "integer", "minimum": 1, "maximum": 9 });
    let parameters = json!({
        "type": "object", "properties": { "n": n }, "required": ["n"], "additionalProperties": false,
    });
    let mut function = json!({ "name": name, "parameters": parameters });
    if let Some(strict) = strict {
        function["strict"] = strict.into();
    }
    json!({ "type": "function", "function": function })
}

fn request(tools: &[Value], choice: &str) -> Value {
    json!({ "messages": [user("Hi")], "tools": tools, "tool_choice": choice, "temperature": 0 })
}

fn calls(answer: &Answer) -> Vec<[&str; 2]> {
    answer.calls.values().map(|[_, name, arguments]| [name.as_str(), arguments.as_str()]).collect()
}

/// The digit of a call.
fn digit_of(arguments: &str) -> Option<i64> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let is_alone = arguments.as_object().is_some_and(|object| object.len() == 1);
    arguments["n"].as_i64().filter(|n| is_alone && (1..=9).contains(n))
}

#[test]
fn a_required_call_fits_the_schema_whatever_the_model_wants() {
    let request = request(&[digit("f", None), digit("gauge", None)], "required");
    for output in
        ["f\", \"arguments\": {\"m\": \"x\"}}", "Sure!", "gaudy", "gauge\", \"arguments\": {\"n\": 12345}}"]
    {
        let answer = Answer::of(CHATML, &request, output);
        let [name, arguments] = calls(&answer)[0];
        assert!(["f", "gauge"].contains(&name), "{name}");
        assert!(digit_of(arguments).is_some(), "{arguments}");
        assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
    }
    // The model may call again, but not go on in text.
    let one = "gauge\", \"arguments\": {\"n\": 7}}\n</tool_call>";
    let answer = Answer::of(CHATML, &request, &format!("{one}\n\nLet me see <"));
    assert_eq!((calls(&answer), answer.text.as_str()), (vec![["gauge", "{\"n\": 7}"]], ""));
    let answer = Answer::of(CHATML, &request, &format!("{one}\n<tool_call>\n{{\"name\": \"{one}."));
    assert_eq!((answer.calls.len(), answer.text.as_str()), (2, ""));
    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
}

#[test]
fn a_strict_tool_is_called_with_what_fits() {
    let request = request(&[digit("f", Some(true)), digit("free", None)], "auto");
    let wants = |text: &str| Answer::of(CHATML, &request, text);
    let answer = wants("Well. <tool_call>\n{\"name\": \"f\", \"arguments\": {\"n\": \"a\"}}\n</tool_call>");
    assert!(digit_of(calls(&answer)[0][1]).is_some() && answer.text == "Well.", "{:?}", answer.calls);
    // Text stays as the model wants it, also text that begins like a call.
    for text in ["No call.", "The mark <tool_ begins one.", "{\"a\": 1}", "[1, 2]"] {
        let answer = wants(text);
        assert_eq!((answer.text.as_str(), answer.calls.len()), (text, 0));
    }
    // Tools that are not strict have any arguments of the right types.
    let answer =
        wants("<tool_call>\n{\"name\": \"free\", \"arguments\": {\"n\": 12, \"m\": 1}}\n</tool_call>");
    assert_eq!(calls(&answer), [["free", "{\"n\": 12, \"m\": 1}"]]);
    // Each of several calls fits.
    let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"n\": 123}}\n</tool_call>";
    let answer = wants(&format!("{call}\n{call}"));
    assert_eq!(answer.calls.len(), 2);
    assert!(calls(&answer).iter().all(|[_, arguments]| digit_of(arguments).is_some()), "{:?}", answer.calls);
}

#[test]
fn without_strict_tools_calls_are_free() {
    for choice in ["auto", "none"] {
        let answer = Answer::of(CHATML, &request(&[digit("f", None)], choice), "Hello");
        assert_eq!((answer.text.as_str(), answer.calls.len()), ("Hello", 0));
    }
    let loose = request(&[digit("f", Some(false))], "required");
    let answer = Answer::of(CHATML, &loose, "{\"n\": 77, \"m\": [1]}}\n</tool_call>");
    assert_eq!(calls(&answer), [["f", "{\"n\": 77, \"m\": [1]}"]]);
}

#[test]
fn a_form_and_strict_tools_go_together() {
    let mut request = request(&[digit("f", Some(true))], "auto");
    request["choices"] = json!(["yes", "no"]);
    let answer = Answer::of(CHATML, &request, "yes");
    assert_eq!((answer.text.as_str(), answer.calls.len()), ("yes", 0));
    let answer = Answer::of(
        CHATML,
        &request,
        "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"n\": -1}}\n</tool_call>",
    );
    assert!(digit_of(calls(&answer)[0][1]).is_some() && answer.text.is_empty(), "{:?}", answer.calls);
}

#[test]
fn calls_in_the_formats_of_models_are_held() {
    let request = request(&[digit("f", None), digit("g", None)], "required");
    for (name, output) in [
        ("Qwen-Qwen3-0.6B", "g\", \"arguments\": {\"n\": \"seven\"}}\n</tool_call>"),
        ("meta-llama-Llama-3.2-3B-Instruct", "g\", \"parameters\": {\"n\": \"7\"}}"),
        ("LFM2-8B-A1B", "g(n=\"7\")]<|tool_call_end|>"),
        ("openai-gpt-oss-120b", "g <|constrain|>json<|message|>{\"n\": 700}<|call|>"),
    ] {
        let answer = Answer::of(&source_of(name), &request, output);
        let [called, arguments] = calls(&answer)[0];
        assert!(called == "g" && digit_of(arguments).is_some(), "{name}: {:?}", answer.calls);
    }
}

#[test]
fn a_schema_that_cannot_be_enforced_is_named() {
    let with = |strict: Option<bool>, choice: &str| {
        let mut tool = digit("f", strict);
        tool["function"]["parameters"]["properties"]["n"] = json!({ "type": "string", "format": "hostname" });
        try_request(&with_template(CHATML), &request(&[digit("a", strict), tool], choice))
    };
    for (strict, choice) in [(None, "required"), (Some(true), "auto")] {
        let error = with(strict, choice).unwrap_err();
        let details = error.details();
        let path = "/1/function/parameters/properties/n/format";
        assert_eq!(
            (error.code().name(), &details["field"], &details["path"]),
            ("bad-constraint", &json!("tools"), &json!(path))
        );
    }
    assert!(with(None, "auto").is_ok() && with(Some(false), "required").is_ok());
}

#[test]
fn an_answer_with_held_calls_must_be_able_to_end() {
    let mut request = request(&[digit("f", None)], "required");
    request["ignore_eos"] = true.into();
    let error = try_request(&with_template(CHATML), &request).unwrap_err();
    assert_eq!((error.code().name(), &error.details()["field"]), ("invalid-request", &json!("ignore_eos")));
}
