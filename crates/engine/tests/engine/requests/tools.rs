//! The fields of a request about tools, documents and reasoning.

use crate::chats::user;
use crate::fake::engine;
use linnet_engine::{ReasoningEffort, Request, Tool, ToolChoice};
use serde_json::{Value, json};

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name } })
}

fn with(fields: &Value) -> Value {
    let mut request = json!({ "messages": [user("a")] });
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}

#[test]
fn fields_are_read() {
    let request = with(&json!({
        "tools": [{ "type": "function", "function": {
            "name": "weather", "description": "d", "parameters": { "type": "object" }, "strict": true,
        } }],
        "tool_choice": { "type": "function", "function": { "name": "weather" } },
        "parallel_tool_calls": false,
        "documents": [{ "text": "a" }],
        "chat_template_kwargs": { "style": "brief" },
        "reasoning_effort": "minimal",
        "enable_thinking": true,
        "add_generation_prompt": true,
    }));
    let request = Request::from_json(&request.to_string()).unwrap();
    assert_eq!(request.tools[0].name(), "weather");
    assert_eq!(request.tools[0].definition()["function"]["strict"], true);
    assert_eq!(request.tool_choice, ToolChoice::Function("weather".into()));
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(request.documents, [json!({ "text": "a" })]);
    assert_eq!(request.chat_template_kwargs["style"], "brief");
    assert_eq!(request.reasoning_effort, Some(ReasoningEffort::Minimal));
    assert_eq!((request.enable_thinking, request.add_generation_prompt), (Some(true), Some(true)));
    assert!(Tool::new(tool("weather")).is_ok() && Tool::new(tool("the weather")).is_err());
}

#[test]
fn reasoning_has_two_names() {
    for (fields, reasoning) in [
        (json!({ "reasoning": "a" }), "a"),
        (json!({ "reasoning_content": "b" }), "b"),
        (json!({ "reasoning": "a", "reasoning_content": "b" }), "b"),
    ] {
        let mut message = json!({ "role": "assistant", "content": "c" });
        message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let request = json!({ "messages": [user("a"), message] }).to_string();
        let messages = Request::from_json(&request).unwrap().messages.unwrap();
        assert_eq!(messages[1].reasoning_content.as_deref(), Some(reasoning), "{fields}");
    }
}

#[test]
fn wrong_fields_are_named() {
    let (engine, _) = engine(b"");
    let function = |fields: Value| json!({ "tools": [{ "type": "function", "function": fields }] });
    let chosen = |choice: Value| json!({ "tools": [tool("a")], "tool_choice": choice });
    let allowed = |allowed: Value| chosen(json!({ "type": "allowed_tools", "allowed_tools": allowed }));
    let many = |count: usize| (0..count).map(|index| tool(&format!("t{index}"))).collect::<Value>();
    for (fields, field, says) in [
        (json!({ "tools": {} }), "tools", "is an object, but must be an array of tools"),
        (json!({ "tools": [1] }), "tools[0]", "is 1, but must be a tool, which is an object with `type`"),
        (json!({ "tools": [{}] }), "tools[0].type", "is missing, but must be \"function\""),
        (
            json!({ "tools": [{ "type": "search" }] }),
            "tools[0].type",
            "is \"search\", but must be \"function\"",
        ),
        (json!({ "tools": [{ "type": "function" }] }), "tools[0].function", "is missing"),
        (function(json!({})), "tools[0].function.name", "is missing, but must be a name of 1 to 128 letters"),
        (function(json!({ "name": "a b" })), "tools[0].function.name", "is \"a b\", but must be a name"),
        (function(json!({ "name": "" })), "tools[0].function.name", "is \"\", but must be a name"),
        (function(json!({ "name": "x".repeat(129) })), "tools[0].function.name", "but must be a name"),
        (function(json!({ "name": "a", "description": 1 })), "tools[0].function.description", "is 1, but"),
        (function(json!({ "name": "a", "parameters": [] })), "tools[0].function.parameters", "is an array"),
        (function(json!({ "name": "a", "code": "" })), "tools[0].function.code", "is not supported"),
        (json!({ "tools": [tool("a"), tool("a")] }), "tools[1].function.name", "the name of an earlier tool"),
        (json!({ "tools": many(129) }), "tools", "has 129 tools, but at most 128 are allowed"),
        (json!({ "tool_choice": "required" }), "tool_choice", "asks for a call, but there are no `tools`"),
        (chosen(json!("any")), "tool_choice", "is \"any\", but must be \"none\", \"auto\", \"required\" or"),
        (chosen(tool("b")), "tool_choice.function.name", "is not the name of one of the `tools`"),
        (chosen(json!({})), "tool_choice.type", "is missing"),
        (
            allowed(json!({ "mode": "any", "tools": [tool("a")] })),
            "tool_choice.allowed_tools.mode",
            "is \"any\"",
        ),
        (allowed(json!({ "tools": [] })), "tool_choice.allowed_tools.tools", "is empty"),
        (
            allowed(json!({ "tools": [tool("a"), tool("b")] })),
            "tool_choice.allowed_tools.tools[1].function.name",
            "is not the name of one of the `tools`",
        ),
        (json!({ "parallel_tool_calls": 1 }), "parallel_tool_calls", "is 1, but must be true or false"),
        (json!({ "documents": ["a"] }), "documents[0]", "is \"a\", but must be a document"),
        (json!({ "documents": vec![json!({}); 1001] }), "documents", "at most 1000 are allowed"),
        (json!({ "chat_template_kwargs": [] }), "chat_template_kwargs", "is an array, but must be an object"),
        (
            json!({ "chat_template_kwargs": { "messages": [] } }),
            "chat_template_kwargs.messages",
            "is set by the engine",
        ),
        (
            json!({ "reasoning_effort": "max" }),
            "reasoning_effort",
            "must be one of none, minimal, low, medium",
        ),
        (json!({ "enable_thinking": "no" }), "enable_thinking", "is \"no\", but must be true or false"),
    ] {
        let request = Request::from_json(&with(&fields).to_string());
        let error = request.and_then(|request| engine.generate(&request)).err().expect(field);
        assert_eq!(error.code().name(), "invalid-request", "{fields}: {error}");
        assert_eq!(error.details()["field"], field, "{fields}: {error}");
        assert!(error.to_string().contains(says), "{fields}: {error}");
    }
}

#[test]
fn a_prompt_takes_nothing_that_only_a_template_shows() {
    let (engine, _) = engine(b"");
    for (field, value) in [
        ("tools", json!([tool("a")])),
        ("documents", json!([{ "text": "a" }])),
        ("chat_template_kwargs", json!({ "a": 1 })),
        ("reasoning_effort", json!("low")),
        ("enable_thinking", json!(true)),
    ] {
        let request = Request::from_json(&json!({ "prompt": "a", field: value }).to_string()).unwrap();
        let error = engine.generate(&request).err().expect(field);
        assert_eq!(error.to_string(), format!("`{field}` needs `messages`, not a `prompt`"));
    }
    let unset = json!({ "prompt": "a", "tools": [], "tool_choice": "none", "documents": null });
    engine.generate(&Request::from_json(&unset.to_string()).unwrap()).unwrap();
}
