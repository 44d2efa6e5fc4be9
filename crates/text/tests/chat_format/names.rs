//! Names of tools that the request does not have, and ids of calls, wherever the template writes them.

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

#[test]
fn an_id_may_be_anywhere_in_a_call() {
    for (way, call) in [
        (
            "<call id=\"{{ c.id }}\">{\"tool\": \"{{ f.name }}\", \"args\": {{ f.arguments | tojson }}}</call>",
            0,
        ),
        ("<call>{{ f.name }} {{ f.arguments | tojson }} <id>{{ c.id }}</id></call>", 1),
        (
            "<call><name>{{ f.name }}</name>{% for k, v in f.arguments.items() %}<arg name=\"{{ k }}\">{{ v }}</arg>\
             {% endfor %}<id>{{ c.id }}</id></call>",
            2,
        ),
        ("<|call|>{{ c.id }}: {{ f.name }}({{ f.arguments | tojson }})<|/call|>", 3),
        ("<|call|>{{ f.name }}({{ f.arguments | tojson }})#{{ c.id }}<|/call|>", 4),
        (
            "<calls><call n=\"{{ loop.index }}\">{\"id\": \"{{ c.id }}\", \"f\": \"{{ f.name }}\", \"a\": \
             {{ f.arguments | tojson }}}</call></calls>",
            5,
        ),
    ] {
        let format = detect(way);
        let text = |id: &str| match call {
            0 => format!("<call id=\"{id}\">{{\"tool\": \"weather\", \"args\": {{\"days\": 1}}}}</call>"),
            1 => format!("<call>weather {{\"days\": 1}} <id>{id}</id></call>"),
            2 => format!("<call><name>weather</name><arg name=\"days\">1</arg><id>{id}</id></call>"),
            3 => format!("<|call|>{id}: weather({{\"days\": 1}})<|/call|>"),
            4 => format!("<|call|>weather({{\"days\": 1}})#{id}<|/call|>"),
            _ => format!(
                "<calls><call n=\"1\">{{\"id\": \"{id}\", \"f\": \"weather\", \"a\": {{\"days\": 1}}}}</call></calls>"
            ),
        };
        let output = format!("{}{}", text("call_x1"), text("call_x2"));
        let turn = read(&format, &output);
        assert_eq!(calls(&turn), ["weather {\"days\": 1} Some(true)"; 2], "{output} {format:?}");
        let ids: Vec<&str> = turn.calls.iter().filter_map(|call| call.id.as_deref()).collect();
        assert_eq!((ids, turn.content.as_str()), (vec!["call_x1", "call_x2"], ""), "{output} {format:?}");
        assert_eq!(format.has_late_ids(), matches!(call, 1 | 2 | 4 | 5), "{way}");
        // Without the id, it is a call, too.
        if let 1 | 2 | 4 = call {
            let output = text("").replace("<id></id>", "").replace('#', "");
            assert_eq!(read(&format, &output).calls.len(), 1, "{output}");
        }
    }
}
