//! Formats of templates that nobody has seen: found by rendering alone, they read back what the template
//! itself writes.

use linnet_text::{CallKind, ChatContext, ChatEnd, ChatFormat, ChatTemplate, Dialect, LocalTime, Marks};
use serde_json::{Map, Value, json};

use crate::turn::{Turn, read_all_ways};

/// Ways to write the calls `m.tool_calls`, by name; in each, `f` is a call's function.
fn ways_to_call() -> Vec<(String, String)> {
    let ways: Map<String, Value> = serde_json::from_str(include_str!("calls.json")).unwrap();
    ways.into_iter().map(|(name, template)| (name, template.as_str().unwrap().to_owned())).collect()
}

/// Ways to write reasoning and answers: before, between, after, and the start of the answer.
const TURNS: [(&str, [&str; 3], &str); 10] = [
    ("no reasoning", ["", "", ""], ""),
    ("think", ["<think>\n", "\n</think>\n\n", ""], ""),
    ("opened by the prompt", ["<think>", "</think>", ""], "<think>"),
    ("brackets", ["[THINK]", "[/THINK]", ""], ""),
    ("words", ["<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>", "<|END_RESPONSE|>"], ""),
    ("thought", ["<|begin_of_thought|>", "<|end_of_thought|>\n", ""], ""),
    ("channel", ["<|channel>thought\n", "<channel|>", ""], ""),
    ("plan", ["<|plan|>", "<|/plan|>", ""], ""),
    ("plan, opened by the prompt", ["<|plan|>\n", "\n<|/plan|>\n", ""], "<|plan|>\n"),
    ("element", ["<reasoning>", "</reasoning>\n", ""], ""),
];

/// What is before and after a turn: the marks of a role, with the assistant's name, and the end.
const ROLES: [(&str, &str, &str); 3] = [
    ("<|im_start|>{}\n", "assistant", "<|im_end|>\n"),
    ("[|{}|]", "bot", "[|endofturn|]\n"),
    ("<|role|>{}<|says|>", "model", ""),
];

/// The source of a template, and the end of its turns.
fn template(
    calls: &str,
    [open, between, close]: [&str; 3],
    prompt: &str,
    role: usize,
) -> (String, &'static str) {
    let (mark, name, end) = ROLES[role % ROLES.len()];
    let (assistant, other) = (mark.replace("{}", name), mark.replace("{}", "{{ m.role }}"));
    let reasoning = if open.is_empty() {
        String::new()
    } else {
        let close = between.split("<|START").next().unwrap();
        format!("{{% if m.reasoning_content %}}{open}{{{{ m.reasoning_content }}}}{close}{{% endif %}}")
    };
    let wrapper = between.find("<|START").map_or("", |at| &between[at..]);
    let source = format!(
        "{{% for m in messages %}}{{% if m.role == 'assistant' %}}{assistant}{reasoning}\
         {{% if m.content %}}{wrapper}{{{{ m.content }}}}{close}{{% endif %}}\
         {{% if m.tool_calls %}}{calls}{{% endif %}}{end}\
         {{% else %}}{other}{{{{ m.content }}}}\
         {{{{ tools | tojson if tools and loop.first }}}}{end}{{% endif %}}{{% endfor %}}\
         {{% if add_generation_prompt %}}{assistant}{prompt}{{% endif %}}"
    );
    (source, end)
}

fn tools() -> Value {
    let properties = json!({
        "path": { "type": "string" }, "text": { "type": "string" }, "count": { "type": "integer" },
        "deep": { "type": "object" }, "on": { "type": "boolean" },
    });
    let tool = |name: &str| {
        let parameters = json!({ "type": "object", "properties": properties });
        json!({ "type": "function", "function": { "name": name, "description": "A tool.", "parameters": parameters } })
    };
    ["write_file", "get-weather", "ping"].into_iter().map(tool).collect()
}

/// The calls of a message.
type Calls = Vec<(&'static str, Value)>;

fn conversations() -> Vec<(&'static str, Calls)> {
    vec![
        ("", vec![("write_file", json!({ "path": "a.txt", "count": 3 }))]),
        ("Let me see.", vec![("write_file", json!({ "text": "two\nlines \"quoted\" \\ é😀", "on": true }))]),
        ("", vec![("get-weather", json!({ "path": "Zürich" })), ("write_file", json!({ "count": -1 }))]),
        ("", vec![("ping", json!({})), ("ping", json!({})), ("ping", json!({}))]),
        ("", vec![("write_file", json!({ "deep": { "a": [1, { "b": "}" }], "c": "x, y" }, "text": "42" }))]),
        ("It is dry.", vec![]),
        ("{a} [b] <c> ```d```", vec![]),
    ]
}

/// A template, and how it writes a turn.
struct Written {
    template: ChatTemplate,
    format: ChatFormat,
    named_ids: bool,
    /// The opening mark of reasoning at the end of the prompt, and the closing one.
    reasoning: [&'static str; 2],
    /// The end of a turn.
    end: &'static str,
}

impl Written {
    /// The prompt, and what the template writes for a turn.
    fn turn(&self, content: &str, reasoning: &str, calls: &Calls) -> (String, String) {
        let question = json!({ "role": "user", "content": "Question?" });
        let calls = calls.iter().enumerate().map(|(index, (name, arguments))| {
            let id =
                if self.named_ids { format!("functions.{name}:{index}") } else { format!("id000000{index}") };
            json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
        });
        let mut message =
            json!({ "role": "assistant", "content": content, "tool_calls": calls.collect::<Value>() });
        if !reasoning.is_empty() {
            message["reasoning_content"] = reasoning.into();
        }
        let render = |messages: Value, asks| {
            let mut context = ChatContext::new(messages, LocalTime::EPOCH);
            context.tools = Some(tools());
            context.add_generation_prompt = asks;
            self.template.render(&context).unwrap()
        };
        let prompt = render(json!([question]), true);
        let turn = render(json!([question, message]), false);
        // Without reasoning, the prompt's opening mark is closed at once.
        let [open, close] = self.reasoning;
        let turn = match turn.strip_prefix(&prompt) {
            Some(rest) => rest.to_owned(),
            None => format!("{close}{}", turn.strip_prefix(prompt.strip_suffix(open).unwrap()).unwrap()),
        };
        (prompt, turn.strip_suffix(self.end).unwrap().to_owned())
    }
}

fn check(
    format: &ChatFormat,
    prompt: &str,
    output: &str,
    content: &str,
    reasoning: &str,
    calls: &Calls,
) -> Result<Turn, String> {
    let inside = format.ends_inside_reasoning(prompt);
    let turn = read_all_ways(format, Some(&tools()), inside, output, ChatEnd::Stopped);
    let same = turn.calls.len() == calls.len()
        && turn.calls.iter().zip(calls).all(|(call, (name, arguments))| {
            call.valid == Some(true)
                && call.name == *name
                && serde_json::from_str::<Value>(&call.arguments).ok().as_ref() == Some(arguments)
        });
    if same && turn.content.trim() == content && turn.reasoning.trim() == reasoning {
        return Ok(turn);
    }
    Err(format!("{turn:?}\n    of {output:?}"))
}

#[test]
fn reads_back_what_an_unknown_template_writes() {
    let (mut right, mut all) = (0, 0);
    for (index, (name, calls)) in ways_to_call().iter().enumerate() {
        for (turn, (style, marks, prompt)) in TURNS.iter().enumerate() {
            // Every way to write calls with two styles of reasoning.
            if turn != 0 && turn != 1 + index % (TURNS.len() - 1) {
                continue;
            }
            let (source, end) = template(calls, *marks, prompt, index + turn);
            let template = ChatTemplate::new(&source, "<s>", "</s>").unwrap();
            let format = ChatFormat::detect(&template, &source, LocalTime::EPOCH);
            let reasoning = [*prompt, marks[1]];
            let written = Written { template, format, named_ids: name == "only ids", reasoning, end };
            let mut wrong = Vec::new();
            for (content, calls) in conversations() {
                // A call without an opening mark must begin the answer.
                if name.starts_with("bare") && !content.is_empty() && !calls.is_empty() {
                    continue;
                }
                for reasoning in if marks[0].is_empty() { &[""][..] } else { &["", "Hm, {\"a\": 1}."] } {
                    let (prompt, output) = written.turn(content, reasoning, &calls);
                    all += 1;
                    match check(&written.format, &prompt, &output, content, reasoning, &calls) {
                        Ok(_) => right += 1,
                        Err(error) => wrong.push(error),
                    }
                }
            }
            if !wrong.is_empty() {
                println!("{name}, {style}: {:?}\n  {}", written.format, wrong.join("\n  "));
            }
        }
    }
    println!("{right} of {all} turns right");
    assert_eq!(right, all);
}

/// A template that takes arguments as text, needs instructions first, and content in parts.
#[test]
fn finds_the_form_that_the_template_takes() {
    let source = "{% if messages[0].role != 'system' %}{{ raise_exception('no instructions') }}{% endif %}\
        {% for m in messages %}<{{ m.role }}>{% for p in m.content %}{{ p.text }}{% endfor %}\
        {% for c in m.tool_calls or [] %}<call>{\"name\": \"{{ c.function.name }}\", \"arguments\": \
        {{ c.function.arguments }}}</call>{% endfor %}</s>{% endfor %}{{ '<assistant>' if add_generation_prompt }}";
    let template = ChatTemplate::new(source, "<s>", "</s>").unwrap();
    let format = ChatFormat::detect(&template, source, LocalTime::EPOCH);
    let CallKind::Json(keys) = &format.calls.kind else { panic!("{format:?}") };
    assert_eq!(keys.dialect, Dialect::Json);
    assert_eq!(format.calls.call, Marks::new("<call>", "</call>"));
    assert_eq!(format.call_start(Some("f"), &|_| String::new()), "<call>{\"name\": \"f\", \"arguments\": ");
}

/// Templates that fail, or show nothing, have a format, too.
#[test]
fn hostile_templates_get_the_generic_format() {
    for source in ["", "{{ raise_exception('no') }}", "{{ 1 / 0 }}", "{{ '<think>' * 9 }}"] {
        let template = ChatTemplate::new(source, "", "").unwrap();
        let format = ChatFormat::detect(&template, source, LocalTime::EPOCH);
        assert_eq!(format.calls.kind, ChatFormat::generic().calls.kind, "{source}: {format:?}");
    }
}

/// Detection must not search a template, or what it prints, once for each mark in it.
#[test]
fn detection_takes_linear_time() {
    let chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let printed = |piece: &str, count: usize| format!("{}{chatml}", piece.repeat(count));
    let comment = |piece: &str, count: usize| format!("{{# {} #}}{chatml}", piece.repeat(count));
    let sources: [&dyn Fn(usize) -> String; 7] = [
        &|count| comment("</", count),
        &|count| printed("[a", count),
        &|count| printed("a ", count),
        &|count| printed("\" ", count),
        &|count| printed("<", count),
        &|count| format!("{chatml}{{% if enable_thinking %}}{}{{% endif %}}", "<a>".repeat(count)),
        &|count| format!("{{{{ '[a' * {count} }}}}{chatml}"),
    ];
    for (index, source) in sources.into_iter().enumerate() {
        let time = |count| {
            let source = source(count);
            let started = std::time::Instant::now();
            let template = ChatTemplate::new(&source, "<s>", "</s>").unwrap();
            let _ = ChatFormat::detect(&template, &source, LocalTime::EPOCH);
            started.elapsed()
        };
        let [short, long] = [time(10_000), time(40_000)];
        // Four times as long, with room for a busy machine.
        assert!(long < short * 10 + std::time::Duration::from_millis(200), "{index}: {short:?}, {long:?}");
    }
}
