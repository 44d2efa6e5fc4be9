//! Tools, calls and results in prompts.

use crate::chats::{Answer, assistant, published, source_of, try_request, user, with_template};
use crate::fake::{engine_of, model_file_with_tool_template};
use serde_json::{Value, json};

pub const CHATML: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}\
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

/// Mistral: the instructions are in the last question, and are missing while calls are answered.
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
    // With a required call, a model that would think first calls at once.
    let thinks = CHATML.replace("<|assistant|>", "<|assistant|><think>\n") + "{# </think> #}";
    let required = begun(json!("required"), &thinks);
    assert!(required.contains("<think>\n</think>\n\n<tool_call>"), "{required}");
}

/// Kimi: the id comes first, and contains the name.
const KIMI_STYLE: &str = "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}\
    {% for m in messages %}<|im_{{ m.role }}|>{{ m.content or '' }}{% if m.tool_calls %}\
    <|tool_calls_section_begin|>{% for c in m.tool_calls %}<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>\
    {{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}\
    <|tool_call_end|>{% endfor %}<|tool_calls_section_end|>{% endif %}\
    {% if m.role == 'tool' %}({{ m.tool_call_id }}){% endif %}<|im_end|>{% endfor %}\
    {% if add_generation_prompt %}<|im_assistant|>{% endif %}";

#[test]
fn a_required_call_begins_with_its_id_if_the_format_does() {
    let mut request = json!({
        "messages": [user("Hi"), call("call_1", "{}"), result("call_1", "no"), user("And now?")],
        "tools": [tool("weather"), tool("clock")],
        "tool_choice": { "type": "function", "function": { "name": "clock" } },
    });
    let prompt = try_request(&with_template(KIMI_STYLE), &request).unwrap();
    assert!(
        prompt.contains("<|tool_call_begin|>functions.weather:0<")
            && prompt.contains("(functions.weather:0)")
    );
    let begins = "<|im_assistant|><|tool_calls_section_begin|><|tool_call_begin|>functions.";
    assert!(prompt.ends_with(&format!("{begins}clock:1<|tool_call_argument_begin|>")), "{prompt}");
    let end = "<|tool_call_end|><|tool_calls_section_end|>";
    let answer = Answer::of(KIMI_STYLE, &request, &format!("{{}}{end}"));
    assert_eq!(answer.calls[&0], ["functions.clock:1", "clock", "{}"]);
    request["tool_choice"] = "required".into();
    assert!(try_request(&with_template(KIMI_STYLE), &request).unwrap().ends_with(begins));
    let output = format!("weather:1<|tool_call_argument_begin|>{{\"a\": 1}}{end}");
    let answer = Answer::of(KIMI_STYLE, &request, &output);
    assert_eq!(answer.calls[&0], ["functions.weather:1", "weather", "{\"a\": 1}"]);
}

/// Solar Open: reasoning, answer and calls are turns of their own.
const SOLAR_STYLE: &str = "{{ tools | tojson if tools }}{% for m in messages %}{% if m.reasoning_content %}\
    <|begin|>{{ m.role }}<|think|>{{ m.reasoning_content }}<|end|>{% endif %}\
    {% if m.content %}<|begin|>{{ m.role }}<|content|>{{ m.content }}<|end|>{% endif %}\
    {% if m.tool_calls %}<|begin|>{{ m.role }}<|tool_calls|>{% for c in m.tool_calls %}\
    <|tool_call:begin|>{{ c.id }}<|tool_call:name|>{{ c.function.name }}<|tool_call:args|>\
    {{ c.function.arguments | tojson }}<|tool_call:end|>{% endfor %}<|calls|>{% endif %}{% endfor %}\
    {{ '<|begin|>assistant' if add_generation_prompt }}";

#[test]
fn a_required_call_follows_a_text_that_has_begun() {
    let required = |template: &str, message: Value, output: &str| {
        let request = json!({
            "messages": [user("Hi"), message], "tools": [tool("clock")], "tool_choice": "required",
        });
        let prompt = try_request(&with_template(template), &request).unwrap();
        (prompt, Answer::of(template, &request, output))
    };
    let qwen = source_of("Qwen-Qwen3-0.6B");
    let gpt_oss = source_of("openai-gpt-oss-120b");
    let solar = SOLAR_STYLE.to_owned();
    let begin = "<|end|><|begin|>assistant<|tool_calls|><|tool_call:begin|>id0000000\
                 <|tool_call:name|>clock<|tool_call:args|>";
    let thought = json!({ "role": "assistant", "content": "", "reasoning_content": "Hm." });
    let call = "<tool_call>\n{\"name\": \"clock\", \"arguments\": ";
    let channel = "<|start|>assistant<|channel|>commentary to=functions.clock <|constrain|>json<|message|>";
    for (template, message, end, rest) in [
        (&qwen, assistant("One moment."), format!("One moment.\n{call}"), "{}}\n</tool_call>"),
        (&qwen, assistant("<think>\nHm."), format!("<think>\nHm.</think>\n\n{call}"), "{}}\n</tool_call>"),
        (&qwen, thought.clone(), format!("Hm.</think>\n\n{call}"), "{}}\n</tool_call>"),
        (&gpt_oss, assistant("One moment."), format!("One moment.<|end|>{channel}"), "{}<|call|>"),
        (&gpt_oss, thought.clone(), format!("Hm.<|end|>{channel}"), "{}<|call|>"),
        (&solar, thought, format!("<|think|>Hm.{begin}"), "{}<|tool_call:end|>"),
        (&solar, assistant("Yes."), format!("Yes.{begin}"), "{}<|tool_call:end|>"),
    ] {
        let (prompt, answer) = required(template, message, rest);
        assert!(prompt.ends_with(&end), "{prompt}");
        assert_eq!(answer.calls[&0][1..], ["clock", "{}"], "{end}");
        assert_eq!((answer.text.as_str(), answer.reasoning.as_str()), ("", ""), "{end}");
    }
}

/// No parser reads such calls, so the model must know the form that the parser reads.
#[test]
fn a_template_with_calls_of_an_unknown_form_gets_the_tools_described() {
    let template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ tools | tojson if tools and loop.first }}\
        {% for c in m.tool_calls %}call {{ c.function.name }}:{% for k, v in c.function.arguments | items %}\n- {{ k }}\
        {{ ': ' ~ v }}{% endfor %}{% endfor %}{% endfor %}<assistant>";
    let function = json!({ "name": "f", "parameters": {} });
    let tools = json!([{ "type": "function", "function": function }]);
    let request = json!({ "messages": [user("Rain?")], "tools": tools });
    let prompt = try_request(&with_template(template), &request).unwrap();
    assert!(prompt.contains("<tool_call>\n{\"name\": <function-name>"), "{prompt}");
}

/// The number of a required call is that of the first.
#[test]
fn a_required_call_begins_with_its_number_if_the_format_does() {
    let prompt = |call: &str, choice: &str| {
        let template = format!(
            "{{% for m in messages %}}<{{{{ m.role }}}}>{{{{ m.content }}}}{{% for c in m.tool_calls or [] %}}\
             {{% set f = c.function %}}{call}{{% endfor %}}{{% endfor %}}{{{{ tools | tojson }}}}<assistant>"
        );
        let choice = match choice {
            "clock" => json!({ "type": "function", "function": { "name": "clock" } }),
            choice => choice.into(),
        };
        let tools = [tool("weather"), tool("clock")];
        let request = json!({ "messages": [user("Hi")], "tools": tools, "tool_choice": choice });
        try_request(&with_template(&template), &request).unwrap()
    };
    let before = "<call {{ loop.index }}: {{ f.name }}>{{ f.arguments | tojson }}</call>";
    assert!(prompt(before, "required").ends_with("<assistant><call 1: "));
    assert!(prompt(before, "clock").ends_with("<assistant><call 1: clock>"));
    let after = "[CALL]{{ f.name }}:{{ loop.index0 }}[ARGS]{{ f.arguments | tojson }}[/CALL]";
    assert!(prompt(after, "required").ends_with("<assistant>[CALL]"));
    assert!(prompt(after, "clock").ends_with("<assistant>[CALL]clock:0[ARGS]"));
    let id =
        "<call id=\"{{ c.id }}\">{\"tool\": \"{{ f.name }}\", \"args\": {{ f.arguments | tojson }}}</call>";
    assert!(prompt(id, "required").ends_with("<assistant><call id=\"id0000000\">{\"tool\": \""));
    assert!(prompt(id, "clock").ends_with("<call id=\"id0000000\">{\"tool\": \"clock\", \"args\": "));
}
