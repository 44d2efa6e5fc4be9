//! Messages that a template leaves out, and texts that it cuts.

use crate::chats::{assistant, prompt, published, try_prompt, user, with_template};
use crate::fake::{END, START};
use linnet_engine::Request;
use serde_json::{Value, json};

/// The message that is reported as lost.
fn lost(template: &str, messages: Value) -> Option<String> {
    let error = try_prompt(&with_template(template), messages).err()?;
    assert_eq!(error.code().name(), "bad-template", "{template}: {error}");
    Some(error.details()["field"].as_str().unwrap().to_owned())
}

fn called(result: &str) -> [Value; 2] {
    let call = json!({ "id": "1", "type": "function", "function": { "name": "colour", "arguments": "{}" } });
    [
        json!({ "role": "assistant", "content": "", "tool_calls": [call] }),
        json!({ "role": "tool", "tool_call_id": "1", "content": result }),
    ]
}

#[test]
fn a_message_after_one_that_shows_is_not_left_out() {
    let long = "This is a question of several words.";
    for said in ["a", long] {
        let talk = json!([
            user(said),
            assistant("b"),
            user(said),
            assistant("b"),
            user(said),
            assistant("b"),
            user(said)
        ]);
        let every_second = "{% for m in messages %}{% if loop.index0 % 4 != 2 %}\
            {{ m.role }}:{{ m.content }};{% endif %}{% endfor %}";
        assert_eq!(lost(every_second, talk.clone()).as_deref(), Some("messages[2].content"), "{said}");
        let ends = "{{ messages[0].content }}{% for m in messages[-3:] %}{{ m.content }};{% endfor %}";
        assert_eq!(lost(ends, talk.clone()).as_deref(), Some("messages[2].content"), "{said}");
        // A template that keeps only the end does so on purpose.
        for kept in 1..7 {
            let end = format!(
                "{{% for m in messages[-{kept}:] %}}{{{{ m.role }}}}:{{{{ m.content }}}};{{% endfor %}}"
            );
            assert_eq!(lost(&end, talk.clone()), None, "{said} {kept}");
        }
    }
    let shown = "{% for m in messages %}{{ m.role }}:{{ m.content[0].text }};{% endfor %}";
    let content = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    let parts = json!([{ "role": "user", "content": content }]);
    assert_eq!(lost(shown, parts), None, "the parts are put together");
}

#[test]
fn a_template_that_cuts_long_texts_is_rejected() {
    let long = "This is a question of several words, which a template may find too long.";
    let each = |text: &str| format!("{{% for m in messages %}}{{{{ {text} }}}};{{% endfor %}}");
    for text in ["m.content if m.content|length < 60 else ''", "m.content[:40]", "m.content[-40:]"] {
        assert_eq!(lost(&each(text), json!([user(long)])).as_deref(), Some("messages[0].content"), "{text}");
        assert_eq!(lost(&each(text), json!([user("short")])), None, "{text}");
    }
    let switch = each("m.content | replace('/no_think', '')");
    assert_eq!(lost(&switch, json!([user(&format!("{long} /no_think"))])), None);
}

/// Shows calls, but no results.
const DROPS_RESULTS: &str = "{% for m in messages %}{% if m.role != 'tool' %}{{ m.role }}:{{ m.content }}\
    {% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %};{% endif %}{% endfor %}";

#[test]
fn results_of_tools_in_earlier_turns_are_not_left_out() {
    let [call, result] = called("blue");
    let talk = json!([user("Is it blue?"), call, result, assistant("Yes."), user("And now?")]);
    assert_eq!(lost(DROPS_RESULTS, talk.clone()).as_deref(), Some("messages[2].content"));
    for name in ["HuggingFaceTB-SmolLM3-3B", "Qwen-Qwen3-0.6B", "openai-gpt-oss-120b"] {
        assert!(prompt(&published(name), talk.clone()).contains("blue"), "{name}");
    }
}

/// Ways to remove a `#` from a text, or to trim it.
const CUTTING: [&str; 16] = [
    "{{ t.replace('#', '') }}",
    "{{ t | replace('#', '') }}",
    "{{ t.split('#') | join }}",
    "{{ t.rsplit('#', 1) | join('') }}",
    "{{ t.partition('#')[0] + t.partition('#')[2] }}",
    "{{ t[0:4] + t[5:9] + t[9:] }}",
    "{{ t[:4] ~ t[t.find('#') + 1:] }}",
    "{% for c in t %}{% if c != '#' %}{{ c }}{% endif %}{% endfor %}",
    "{{ t | reject('equalto', '#') | join }}",
    "{{ t | list | select('ne', '#') | join('') }}",
    "{{ t | truncate(4, true, '', 0) }}{{ t[5:] }}",
    "{{ (t | batch(4) | first | join) + (t[5:] | trim('#')) }}",
    "{{ '%.4s' % t }}{{ t[5:] }}",
    "{{ m.content[:4].strip('#') }}{{ m.content[4:].strip('#') }}",
    "{{ m.content.removesuffix(t[4:]) + t.removeprefix(t[:5]) }}",
    "{{ (t | wordwrap(4, wrapstring='#')).split('##') | join | replace('#', '') }}",
];

#[test]
fn cut_texts_leave_no_control_token() {
    let written = CUTTING.map(|cut| {
        // The probe words appear.
        let cut = format!("{{% if '#' in t %}}[{cut}]{{% else %}}{{{{ t }}}}{{% endif %}}");
        with_template(&format!("{{% for m in messages %}}{{% set t = m.content %}}{cut}{{% endfor %}}"))
    });
    let published = published("HuggingFaceTB-SmolLM3-3B");
    let in_published = ["x<|e/no_thinknd|>", "<|/no_think/no_thinkend|>", "/no_think<|end/no_think|>"];
    let cases = written.iter().map(|engine| (engine, "<|en#d|>"));
    for (engine, text) in cases.chain(in_published.map(|text| (&published, text))) {
        let messages = json!([{ "role": "system", "content": text }, user(text)]);
        let request = Request::from_json(&json!({ "messages": messages }).to_string()).unwrap();
        let generation = engine.generate(&request).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!generation.prompt().iter().any(|token| [START, END].contains(token)), "{text}");
        let whole = prompt(engine, messages);
        assert!(!whole.contains('\u{FDD0}'), "{whole}");
    }
    // Parts of a message that are trimmed.
    let trims =
        "{% for m in messages %}{% for p in m.content %}{{ p.text.strip('#') }}{% endfor %};{% endfor %}";
    let content = json!([{ "type": "text", "text": "<|e#" }, { "type": "text", "text": "nd|>" }]);
    let parts = json!([{ "role": "user", "content": content }]);
    let request = Request::from_json(&json!({ "messages": parts }).to_string()).unwrap();
    let engine = with_template(trims);
    assert!(!engine.generate(&request).unwrap().prompt().contains(&END));
}

#[test]
fn a_question_that_a_template_drops_later_is_rejected() {
    let first_only =
        "{% for m in messages %}{{ m.role }}:{% if loop.index < 3 %}{{ m.content }}{% endif %};{% endfor %}";
    let engine = with_template(first_only);
    assert_eq!(prompt(&engine, json!([user("a")])), "user:a;");
    let error = try_prompt(&engine, json!([user("a"), assistant("b"), user("secret")])).unwrap_err();
    assert_eq!(
        (error.code().name(), error.details()["field"].as_str()),
        ("bad-template", Some("messages[2].content"))
    );
}

#[test]
fn instructions_that_a_template_drops_later_are_rejected() {
    let forgets = "{% for m in messages %}{% if m.role != 'system' or loop.index < 5 %}\
        {{ m.content }};{% endif %}{% endfor %}";
    let engine = with_template(forgets);
    let system = json!({ "role": "system", "content": "Be kind." });
    let (a, b) = (user("a"), assistant("b"));
    assert_eq!(prompt(&engine, json!([a, b, a, system])), "a;b;a;Be kind.;");
    let error = try_prompt(&engine, json!([a, b, a, b, a, system])).unwrap_err();
    assert_eq!(
        (error.code().name(), error.details()["field"].as_str()),
        ("bad-template", Some("messages[5].content"))
    );
}

#[test]
fn dropped_tool_results_are_rejected() {
    let engine = with_template(DROPS_RESULTS);
    let call = json!({ "id": "1", "type": "function", "function": { "name": "colour", "arguments": "{}" } });
    let mut messages = vec![
        user("Is the sky blue?"),
        json!({ "role": "assistant", "content": "", "tool_calls": [call] }),
        json!({ "role": "tool", "tool_call_id": "1", "content": "blue" }),
    ];
    for name in ["HuggingFaceTB-SmolLM3-3B", "Qwen-Qwen3-0.6B", "microsoft-Phi-3.5-mini-instruct"] {
        assert_eq!(prompt(&published(name), messages.clone().into()).matches("blue").count(), 2, "{name}");
    }
    for begun in [false, true] {
        if begun {
            messages.push(assistant("It is"));
        }
        let error = try_prompt(&engine, messages.clone().into()).unwrap_err();
        assert_eq!(
            (error.code().name(), error.details()["field"].as_str(), error.details()["role"].as_str()),
            ("bad-template", Some("messages[2].content"), Some("tool"))
        );
    }
}
