//! Tools, calls and results in prompts.

use crate::chats::{assistant, published, source_of, try_request, user, with_template};
use crate::fake::{engine_of, model_file_with_tool_template};
use serde_json::{Value, json};

const CHATML: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}\
    {% if add_generation_prompt %}<|assistant|>{% endif %}";

/// Writes tools, calls and results as JSON.
const NATIVE: &str = "{% if tools %}tools={{ tools | tojson }};{% endif %}{% for m in messages %}\
    {{ m.role }}:{{ m.content }}{% for c in m.tool_calls or [] %}\
    [{{ c.id }} {{ c.function.name }} {{ c.function.arguments | tojson }}]{% endfor %}\
    {% if m.role == 'tool' %}<{{ m.tool_call_id }} {{ m.name }}>{% endif %};{% endfor %}";

pub fn tool(name: &str) -> Value {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    json!({
        "type": "function",
        "function": { "name": name, "description": "About weather.", "parameters": parameters },
    })
}

/// An answer that calls a tool.
pub fn call(id: &str, arguments: &str) -> Value {
    let function = json!({ "name": "weather", "arguments": arguments });
    let calls = json!([{ "id": id, "type": "function", "function": function }]);
    json!({ "role": "assistant", "content": null, "tool_calls": calls })
}

pub fn result(id: &str, text: &str) -> Value {
    json!({ "role": "tool", "tool_call_id": id, "content": text })
}

fn with_tools(template: &str, request: Value) -> String {
    let mut request = request;
    request["tools"] = json!([tool("weather"), tool("clock")]);
    try_request(&with_template(template), &request).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn tools_are_shown_as_the_template_takes_them() {
    let request = json!({ "messages": [user("Hi")] });
    let whole = with_tools(NATIVE, request.clone());
    let shown = "tools=[{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"description\": ";
    assert!(whole.starts_with(shown), "{whole}");
    let bare = "{% for t in tools or [] %}{{ t.name }}({{ t.description }});{% endfor %}\
                {% for m in messages %}{{ m.content }}{% endfor %}";
    assert_eq!(with_tools(bare, request.clone()), "weather(About weather.);clock(About weather.);Hi");
    let in_system = "{% for m in messages %}{{ m.role }}:{{ m.content }}\
                     {% if m.tools %}<{{ m.tools }}>{% endif %};{% endfor %}";
    let prompt = with_tools(in_system, request);
    assert!(prompt.starts_with("system:<[{\"type\": \"function\", "), "{prompt}");
    assert!(prompt.ends_with(">;user:Hi;"), "{prompt}");
}

#[test]
fn a_tool_without_description_gets_what_the_template_needs() {
    let needs = "{% for t in tools or [] %}{{ t.function.name + ': ' + t.function.description }};{% endfor %}\
                 {% for m in messages %}{{ m.content }}{% endfor %}";
    let tools = json!([{ "type": "function", "function": { "name": "clock" } }]);
    let request = json!({ "messages": [user("Hi")], "tools": tools });
    assert_eq!(try_request(&with_template(needs), &request).unwrap(), "clock: ;Hi");
    // Otherwise it is shown as it was given.
    let prompt = try_request(&with_template(NATIVE), &request).unwrap();
    assert!(prompt.contains(r#"{"name": "clock"}"#), "{prompt}");
}

#[test]
fn the_choice_decides_which_tools_are_shown() {
    let function = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let allowed = json!({ "mode": "auto", "tools": [function("clock")] });
    for (choice, weather, clock) in [
        (json!("auto"), true, true),
        (json!("required"), true, true),
        (json!("none"), false, false),
        (function("weather"), true, false),
        (json!({ "type": "allowed_tools", "allowed_tools": allowed }), false, true),
    ] {
        for template in [NATIVE, CHATML] {
            let prompt = with_tools(template, json!({ "messages": [user("Hi")], "tool_choice": choice }));
            let shown = (prompt.contains("\"weather\""), prompt.contains("\"clock\""));
            assert_eq!(shown, (weather, clock), "{choice}: {prompt}");
        }
    }
}

#[test]
fn a_template_without_tools_gets_them_described() {
    let system = json!({ "role": "system", "content": "Be kind." });
    let messages = json!([
        system,
        user("Rain?"),
        call("1", r#"{"city": "Zürich", "days": 2}"#),
        result("1", "no"),
        result("2", "yes"),
        user("Why?"),
    ]);
    let prompt = with_tools(CHATML, json!({ "messages": messages }));
    assert!(prompt.starts_with("<|system|>Be kind.\n\n# Tools\n\nYou may call one or more functions"));
    assert!(prompt.contains("\n{\"type\": \"function\", \"function\": {\"name\": \"weather\", "), "{prompt}");
    let history = "<|user|>Rain?\n<|assistant|><tool_call>\n{\"name\": \"weather\", \"arguments\": \
                   {\"city\": \"Zürich\", \"days\": 2}}\n</tool_call>\n\
                   <|user|><tool_response>\nno\n</tool_response>\n<tool_response>\nyes\n</tool_response>\n\
                   Why?\n<|assistant|>";
    assert!(prompt.ends_with(history), "{prompt}");
    // Later turns without tools still show what was called.
    let later = try_request(&with_template(CHATML), &json!({ "messages": messages })).unwrap();
    assert!(later.starts_with("<|system|>Be kind.\n<|user|>Rain?") && later.ends_with(history), "{later}");
    let one = with_tools(CHATML, json!({ "messages": [user("Hi")], "parallel_tool_calls": false }));
    assert!(one.starts_with("<|system|># Tools\n\nYou may call one function to assist"), "{one}");
}

/// DeepSeek: the template shows calls, but no tools.
#[test]
fn a_template_that_shows_only_calls_is_asked_for_its_own_form() {
    let template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}\
        [CALL]{{ c.function.name }} {{ c.function.arguments | tojson }}[/CALL]{% endfor %}</>{% endfor %}";
    let prompt =
        with_tools(template, json!({ "messages": [user("Rain?"), call("1", "{}"), result("1", "no")] }));
    let form = "answer in exactly this form:\n\
                [CALL]<function-name> {\"<argument-name>\": \"<argument-value>\"}[/CALL]</>";
    assert!(prompt.starts_with("<system># Tools\n") && prompt.contains(form), "{prompt}");
    let history = "<user>Rain?</><assistant>[CALL]weather {}[/CALL]</><tool>no</>";
    assert!(prompt.ends_with(history), "{prompt}");
}

#[test]
fn a_named_template_is_used_for_tools() {
    let plain = "{% for m in messages %}{{ m.content }}{% endfor %}";
    let request = json!({ "messages": [user("Hi")] });
    let mut with_tools = request.clone();
    with_tools["tools"] = json!([tool("clock")]);
    for (named, start) in [(NATIVE, "tools="), ("{{ broken", "# Tools")] {
        let engine = engine_of(&model_file_with_tool_template(plain, named), b"").0;
        assert_eq!(try_request(&engine, &request).unwrap(), "Hi");
        let prompt = try_request(&engine, &with_tools).unwrap();
        assert!(prompt.starts_with(start), "{prompt}");
    }
}

/// Mistral: the instructions are in the last question, and nowhere while calls are answered.
#[test]
fn a_template_may_forget_the_instructions_while_a_call_is_answered() {
    let template = "{% for m in messages %}{% if m.role == 'user' %}\
        {% if loop.last %}{{ messages[0].content ~ ' ' }}{% endif %}{{ m.content }};\
        {% elif m.role != 'system' %}{{ m.content }}{{ m.tool_calls | tojson if m.tool_calls }};{% endif %}\
        {% endfor %}";
    let engine = with_template(template);
    let system = json!({ "role": "system", "content": "Be kind." });
    let prompt = |messages: Value| try_request(&engine, &json!({ "messages": messages }));
    assert_eq!(prompt(json!([system, user("Rain?")])).unwrap(), "Be kind. Rain?;");
    let talk = json!([system, user("Rain?"), call("1", "{}"), result("1", "no")]);
    assert!(prompt(talk).unwrap().starts_with("Rain?;"));
}

#[test]
fn tools_go_before_the_first_question_if_there_are_no_instructions() {
    let engine = published("google-gemma-2-2b-it");
    let messages = json!([user("Rain?"), call("1", "{}"), result("1", "no")]);
    let prompt = try_request(&engine, &json!({ "messages": messages, "tools": [tool("weather")] })).unwrap();
    assert!(prompt.contains("<start_of_turn>user\n# Tools\n"), "{prompt}");
    assert!(
        prompt.contains("</tool_call>\nRain?<end_of_turn>\n<start_of_turn>model\n<tool_call>"),
        "{prompt}"
    );
    let end =
        "<start_of_turn>user\n<tool_response>\nno\n</tool_response><end_of_turn>\n<start_of_turn>model\n";
    assert!(prompt.ends_with(end), "{prompt}");
}

#[test]
fn ids_get_the_form_that_the_template_demands() {
    let demands = "{% for m in messages %}{% for c in m.tool_calls or [] %}{% if c.id | length != 9 %}\
        {{ raise_exception('id') }}{% endif %}[{{ c.id }} {{ c.function.arguments | tojson }}]{% endfor %}\
        {% if m.role == 'tool' %}{% if m.tool_call_id | length != 9 %}{{ raise_exception('id') }}{% endif %}\
        <{{ m.tool_call_id }}>{% endif %}{{ m.content }};{% endfor %}";
    let prompt =
        |messages: Value| try_request(&with_template(demands), &json!({ "messages": messages })).unwrap();
    let mut two = call("call_xyz", "{}");
    two["tool_calls"].as_array_mut().unwrap().push(call("abcdefghi", "{}")["tool_calls"][0].clone());
    assert_eq!(
        prompt(json!([user("a"), two, result("abcdefghi", "1"), result("call_xyz", "2")])),
        "a;[id0000000 {}][abcdefghi {}];<abcdefghi>1;<id0000000>2;"
    );
    // An id that is taken is not given again, and results without an id are in the order of the calls.
    let mut unnamed = result("", "2");
    unnamed.as_object_mut().unwrap().remove("tool_call_id");
    assert_eq!(
        prompt(json!([user("a"), call("id0000000", "{}"), unnamed, call("x", "{}"), unnamed])),
        "a;[id0000000 {}];<id0000000>2;[id0000001 {}];<id0000001>2;"
    );
    // Other templates get the ids as they are.
    let kept = json!({ "messages": [user("a"), call("call_xyz", "{}"), result("call_xyz", "2")] });
    let kept = try_request(&with_template(NATIVE), &kept).unwrap();
    assert!(kept.contains("[call_xyz weather {}]") && kept.contains("<call_xyz "), "{kept}");
}

#[test]
fn documents_are_shown_or_refused() {
    let shows = "{% for d in documents or [] %}{{ d.title }}={{ d.text }};{% endfor %}\
                 {% for m in messages %}{{ m.content }}{% endfor %}";
    let documents = json!([{ "title": "a", "text": "b" }, { "title": "c", "text": "d" }]);
    let request = json!({ "messages": [user("Hi")], "documents": documents });
    assert_eq!(try_request(&with_template(shows), &request).unwrap(), "a=b;c=d;Hi");
    let error = try_request(&with_template(CHATML), &request).unwrap_err();
    assert_eq!(
        (error.code().name(), error.details()["field"].as_str()),
        ("invalid-request", Some("documents"))
    );
}

#[test]
fn a_whole_conversation_ends_with_its_last_message() {
    let engine = with_template(CHATML);
    let mut request = json!({ "messages": [user("Hi"), assistant("So")] });
    assert_eq!(try_request(&engine, &request).unwrap(), "<|user|>Hi\n<|assistant|>So");
    request["add_generation_prompt"] = false.into();
    assert_eq!(try_request(&engine, &request).unwrap(), "<|user|>Hi\n<|assistant|>So\n");
}

#[test]
fn a_required_call_begins_in_the_prompt() {
    let begun = |choice: Value, template: &str| {
        with_tools(template, json!({ "messages": [user("Hi")], "tool_choice": choice }))
    };
    let named = json!({ "type": "function", "function": { "name": "clock" } });
    for template in [CHATML.to_owned(), source_of("Qwen-Qwen3-0.6B")] {
        let required = begun(json!("required"), &template);
        assert!(required.ends_with("<tool_call>\n{\"name\": \""), "{required}");
        let named = begun(named.clone(), &template);
        assert!(named.ends_with("<tool_call>\n{\"name\": \"clock\", \"arguments\": "), "{named}");
        let auto = begun(json!("auto"), &template);
        assert!(!auto.ends_with("\"name\": \""), "{auto}");
    }
    // A model that would begin to think calls at once.
    let thinks = CHATML.replace("<|assistant|>", "<|assistant|><think>\n") + "{# </think> #}";
    let required = begun(json!("required"), &thinks);
    assert!(required.contains("<think>\n</think>\n\n<tool_call>"), "{required}");
}
