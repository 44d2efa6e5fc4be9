//! Names of tools that the request does not have.

use linnet_text::{ChatEnd, ChatFormat, ChatTemplate, LocalTime};
use serde_json::{Value, json};

use crate::turn::{Turn, read_all_ways};

/// The format of a template that writes calls like this; in `call`, `f` is a call's function.
fn detect(call: &str) -> ChatFormat {
    let source = format!(
        "{{{{ tools | tojson if tools }}}}{{% for m in messages %}}<|{{{{ m.role }}}}|>{{{{ m.content if m.content }}}}\
         {{% for c in m.tool_calls or [] %}}{{% set f = c.function %}}{call}{{% endfor %}}<|end|>{{% endfor %}}\
         {{{{ '<|assistant|>' if add_generation_prompt }}}}"
    );
    let template = ChatTemplate::new(&source, "<s>", "</s>").unwrap();
    ChatFormat::detect(&template, &source, LocalTime::EPOCH)
}

fn read(format: &ChatFormat, output: &str) -> Turn {
    let parameters = json!({ "properties": { "city": { "type": "string" }, "days": { "type": "integer" } } });
    let tools = json!([{ "function": { "name": "weather", "parameters": parameters } }]);
    read_all_ways(format, Some(&tools), false, output, ChatEnd::Stopped)
}

/// Calls as `name arguments`.
fn calls(turn: &Turn) -> Vec<String> {
    turn.calls.iter().map(|call| format!("{} {} {:?}", call.name, call.arguments, call.valid)).collect()
}

/// How a template writes a call, and a call of this name.
type Way = (&'static str, fn(&str) -> String);

/// Marks of letters that no text contains, and of ordinary words.
const WAYS: [Way; 6] = [
    (
        "<tool_call>{\"name\": \"{{ f.name }}\", \"arguments\": {{ f.arguments | tojson }}}</tool_call>",
        |name| format!("<tool_call>{{\"name\": \"{name}\", \"arguments\": {{\"days\":1}}}}</tool_call>"),
    ),
    (
        "<call>{{ f.name }}{% for k, v in f.arguments.items() %}<k>{{ k }}</k><v>{{ v }}</v>{% endfor %}</call>",
        |name| format!("<call>{name}<k>days</k><v>1</v></call>"),
    ),
    (">>>{{ f.name }}\n{{ f.arguments | tojson }}", |name| format!(">>>{name}\n{{\"days\":1}}")),
    ("Action: {{ f.name }}\nInput: {{ f.arguments | tojson }}\n", |name| {
        format!("Action: {name}\nInput: {{\"days\":1}}\n")
    }),
    (
        "Action: ```json\n[{\"tool_name\": \"{{ f.name }}\", \"parameters\": {{ f.arguments | tojson }}}]\n```",
        |name| {
            format!("Action: ```json\n[{{\"tool_name\": \"{name}\", \"parameters\": {{\"days\":1}}}}]\n```")
        },
    ),
    (" functools[{\"name\": \"{{ f.name }}\", \"arguments\": {{ f.arguments | tojson }}}]", |name| {
        format!(" functools[{{\"name\": \"{name}\", \"arguments\": {{\"days\":1}}}}]")
    }),
];

/// A client can say that there is no such tool, so the model can try another.
#[test]
fn a_call_of_an_unknown_tool_is_a_call_in_every_format() {
    for (way, call) in WAYS {
        let format = detect(way);
        for (text, names) in [
            (call("weather"), &["weather"][..]),
            (call("forecast"), &["forecast"]),
            (format!("I look.\n{}", call("forecast")), &["forecast"]),
        ] {
            let turn = read(&format, &text);
            let found: Vec<&str> = turn.calls.iter().map(|call| call.name.as_str()).collect();
            assert_eq!(found, names, "{text:?} {format:?}");
            assert!(turn.calls.iter().all(|call| call.valid == Some(true)), "{turn:?}");
            let days: Value = serde_json::from_str(&turn.calls[0].arguments).unwrap();
            assert_eq!(days, json!({ "days": 1 }));
            assert_eq!(turn.content, if text.starts_with('I') { "I look." } else { "" }, "{text:?}");
        }
    }
}

#[test]
fn ordinary_words_do_not_make_a_text_a_call() {
    for (way, texts) in [
        (
            WAYS[2].0,
            &[">>>print\nhello", ">>> x = 1\n{}", "2 >>>1", ">>>f\n{oops", ">>>f\n{\"a\": nope}"][..],
        ),
        (WAYS[3].0, &["Action: none.", "Action: run\nInput: none", "Action: run\nInput: {a}"]),
        (WAYS[4].0, &["Action: ```json\n[1, 2]\n```", "Action: ```json\n[{\"tool_name\": \"f\"}]\n```"]),
        (WAYS[5].0, &["Import functools[1].", "Use functools, e.g. functools[{\"name\": \"f\"}]."]),
    ] {
        let format = detect(way);
        for text in texts {
            let turn = read(&format, text);
            assert_eq!((turn.content.as_str(), calls(&turn)), (*text, vec![]), "{format:?}");
        }
    }
}
