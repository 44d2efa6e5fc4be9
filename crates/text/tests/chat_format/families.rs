//! Formats whose marks are made of several tokens, or are messages of their own. The templates are our own, after the
//! models' documentation.

use linnet_text::{ChatEnd, ChatFormat, ChatParser, ChatTemplate, LocalTime};
use serde_json::{Value, json};

use crate::turn::{Turn, read_all_ways};

/// Kimi K3: the ends of tags are tokens, and calls are numbered.
const OWN_KIMI_K3: &str = r#"{% macro open(tag) %}<|open|>{{ tag }}<|sep|>{% endmacro %}
{%- macro close(tag) %}<|close|>{{ tag }}<|sep|>{% endmacro %}
{%- for m in messages %}{{ open('message role="' ~ m.role ~ '"') }}
{%- if m.role == 'assistant' %}{{ open('think') ~ (m.reasoning_content or '') ~ close('think') }}
{{- open('response') ~ (m.content or '') ~ close('response') }}
{%- if m.tool_calls %}{{ open('tools') }}{% for c in m.tool_calls %}{% set f = c.function %}
{{- open('call tool="' ~ f.name ~ '" index="' ~ loop.index ~ '"') }}{% for k, v in f.arguments.items() %}
{{- open('argument key="' ~ k ~ '" type="' ~ ('string' if v is string else 'object') ~ '"') }}
{{- v if v is string else v | tojson }}{{ close('argument') }}{% endfor %}{{ close('call') }}{% endfor %}
{{- close('tools') }}{% endif %}{% else %}{{ m.content }}{% endif %}{{ close('message') }}<|end_of_msg|>{% endfor %}
{%- if add_generation_prompt %}{{ open('message role="assistant"') }}
{{- open('response' if thinking == false else 'think') }}{% endif %}"#;

/// MiniMax M3: a token before each tag, and elements for the parts of objects and arrays.
const OWN_MINIMAX_M3: &str = r#"{% set t = ']<]minimax[>[' %}{% macro xml(v) %}{% if v is mapping %}
{%- for k, e in v.items() %}{{ t }}<{{ k }}>{{ xml(e) }}{{ t }}</{{ k }}>{% endfor %}
{%- elif v is iterable and v is not string %}{% for e in v %}{{ t }}<item>{{ xml(e) }}{{ t }}</item>{% endfor %}
{%- else %}{{ v if v is string else v | tojson }}{% endif %}{% endmacro %}
{%- for m in messages %}]~b]{{ m.role }}{{ '\n' }}{% if m.role == 'assistant' %}
{{- '<mm:think>' ~ m.reasoning_content if m.reasoning_content }}{{ '</mm:think>' ~ (m.content or '') }}
{%- if m.tool_calls %}{{ t }}<tool_call>{{ '\n' }}{% for c in m.tool_calls %}{% set f = c.function %}
{{- t }}<invoke name="{{ f.name }}">{{ xml(f.arguments) }}{{ t }}</invoke>{{ '\n' }}{% endfor %}{{ t }}</tool_call>
{%- endif %}{% else %}{{ m.content }}{% endif %}[e~[{{ '\n' }}{% endfor %}
{%- if add_generation_prompt %}]~b]assistant{{ '\n' }}{% endif %}"#;

/// Muse Glimmer: reasoning, the answer and each call are messages to a recipient.
const OWN_MUSE_GLIMMER: &str = r#"{% for m in messages %}{% set start = '<|start|>' ~ m.role %}
{%- if m.role != 'assistant' %}{{ start ~ '<|message|>' ~ m.content ~ '<|eot|>' }}{% else %}
{{- start ~ ' to=self<|message|>' ~ m.reasoning_content ~ '<|eom|>' if m.reasoning_content }}
{%- for c in m.tool_calls or [] %}{% set f = c.function %}{{ start }} to={{ f.name }}<|message|><x:calls>
<x:invoke name="{{ f.name }}">
{% for k, v in f.arguments.items() %}<x:parameter name="{{ k }}">{{ v if v is string else v | tojson }}</x:parameter>
{% endfor %}</x:invoke>
</x:calls>{{ '<|eot|>' if loop.last else '<|eom|>' }}{% else %}{{ start }} to=user<|message|>{{ m.content }}<|eot|>
{%- endfor %}{% endif %}{% endfor %}{{ '<|start|>assistant' if add_generation_prompt }}"#;

/// HyperCLOVA X: reasoning, the answer and the calls are turns, which differ in the word after the role.
const OWN_HYPERCLOVA: &str = r#"{% for m in messages %}{% if m.role == 'assistant' %}{% if m.reasoning_content %}
{{- '<|im_start|>assistant/think\n' ~ m.reasoning_content ~ '<|im_end|>\n' }}{% endif %}{% if m.content %}
{{- '<|im_start|>assistant\n' ~ m.content ~ '<|im_end|>' ~ ('\n' if m.tool_calls else '<|endofturn|>\n') }}{% endif %}
{%- if m.tool_calls %}{{ '<|im_start|>assistant -> tool/function_call\n[' }}{% for c in m.tool_calls %}
{{- {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}{{ ', ' if not loop.last }}{% endfor %}
{{- ']<|im_end|><|stop|>\n' }}{% endif %}{% else %}<|im_start|>{{ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' }}
{%- endif %}{% endfor %}{{ '<|im_start|>assistant' if add_generation_prompt }}
{{- '/think\n' if add_generation_prompt and force_reasoning }}"#;

/// RWKV: the prompt ends within the mark that opens reasoning.
const OWN_RWKV: &str = r#"{% for m in messages %}{{ m.role }}: {{ m.content.split('</think>')[-1] ~ '\n\n' }}
{%- endfor %}{{ 'assistant: <think' if add_generation_prompt }}{# <think> #}"#;

fn detect(source: &str) -> ChatFormat {
    let template = ChatTemplate::new(source, "<s>", "</s>").unwrap();
    ChatFormat::detect(&template, source, LocalTime::EPOCH)
}

fn tools() -> Value {
    let places = json!({ "type": "object", "properties": { "zip": { "type": "string" } } });
    let properties = json!({
        "city": { "type": "string" }, "days": { "type": "integer" }, "place": places, "list": { "type": "array" },
    });
    let tool =
        |name: &str| json!({ "function": { "name": name, "parameters": { "properties": properties } } });
    ["weather", "clock"].into_iter().map(tool).collect()
}

fn read(format: &ChatFormat, prompt: &str, output: &str) -> Turn {
    let output = format!("{}{output}", format.begun_mark(prompt));
    let inside = format.ends_inside_reasoning(prompt);
    read_all_ways(format, Some(&tools()), inside, &output, ChatEnd::Stopped)
}

fn calls(turn: &Turn) -> Vec<(&str, Value)> {
    let value = |text: &str| serde_json::from_str(text).unwrap();
    turn.calls.iter().map(|call| (call.name.as_str(), value(&call.arguments))).collect()
}

#[test]
fn the_ends_of_tags_may_be_tokens() {
    let format = detect(OWN_KIMI_K3);
    let think = "<|open|>message role=\"assistant\"<|sep|><|open|>think<|sep|>";
    let end = "<|close|>message<|sep|>";
    let answer = "<|close|>think<|sep|><|open|>response<|sep|>Yes, a < b.<|close|>response<|sep|>";
    let turn = read(&format, think, &format!("Hm.{answer}{end}"));
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "Yes, a < b."));
    let turn = read(&format, "<|open|>response<|sep|>", &format!("Yes.<|close|>response<|sep|>{end}"));
    assert_eq!(turn.content, "Yes.");
    let called = "<|open|>tools<|sep|><|open|>call tool=\"weather\" index=\"1\"<|sep|>\
        <|open|>argument key=\"city\" type=\"string\"<|sep|>12<|close|>argument<|sep|>\
        <|open|>argument key=\"days\" type=\"number\"<|sep|>2<|close|>argument<|sep|><|close|>call<|sep|>\
        <|open|>call tool=\"clock\" index=\"2\"<|sep|><|close|>call<|sep|><|close|>tools<|sep|>";
    let expected = [("weather", json!({ "city": "12", "days": 2 })), ("clock", json!({}))];
    let output = format!("Hm.{answer}{called}{end}");
    let turn = read(&format, think, &output);
    assert_eq!(calls(&turn), expected);
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "Yes, a < b."));
    // As control tokens; spelled in a value, they are text.
    let parser = ChatParser::new(&format, Some(&tools()), true);
    let parser = parser.with_control_tokens(["<|open|>", "<|close|>", "<|sep|>"].map(str::to_owned));
    let guarded =
        parser.guarded(&output).replace("Sep", "<|sep|>").replace(">12", ">1<|close|>argument<|sep|>2");
    let turn = Turn::read(parser, [guarded.as_str()], ChatEnd::Stopped);
    assert_eq!(calls(&turn)[0].1, json!({ "city": "1<|close|>argument<|sep|>2", "days": 2 }));
    assert_eq!(format.call_start(None, &|_| String::new()), "<|open|>tools<|sep|><|open|>call tool=\"");
}

#[test]
fn objects_and_arrays_may_be_elements() {
    let format = detect(OWN_MINIMAX_M3);
    let call = |arguments: &str| {
        let text = format!("<tool_call>\n<invoke name=\"weather\">{arguments}</invoke>\n</tool_call>");
        text.replace('<', "]<]minimax[>[<")
    };
    let turn = read(&format, "", &format!("<mm:think>Hm.</mm:think>I look.{}", call("<days>2</days>")));
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "I look."));
    assert_eq!(calls(&turn), [("weather", json!({ "days": 2 }))]);
    let deep = "<item>".repeat(40) + &"</item>".repeat(40);
    for (arguments, expected) in [
        ("<city><b>x</b></city>", json!({ "city": "]<]minimax[>[<b>x]<]minimax[>[</b>" })),
        (
            "<place><zip>12</zip><at>\n<x>1</x></at></place>",
            json!({ "place": { "zip": "12", "at": { "x": 1 } } }),
        ),
        ("<list><item>1</item><item>a b</item></list>", json!({ "list": [1, "a b"] })),
        (
            "<list><item><item>1</item></item><item><a>2</a></item></list>",
            json!({ "list": [[1], { "a": 2 }] }),
        ),
        ("<place></place><list></list>", json!({ "place": {}, "list": [] })),
        ("<place>{\"zip\": \"1\"}</place>", json!({ "place": { "zip": "1" } })),
        ("<list>a <item>1</item></list>", json!({ "list": "a ]<]minimax[>[<item>1]<]minimax[>[</item>" })),
    ] {
        let turn = read(&format, "", &format!("</mm:think>{}", call(arguments)));
        assert_eq!(calls(&turn), [("weather", expected)], "{arguments}");
        assert_eq!(turn.content, "");
    }
    let turn = read(&format, "", &call(&format!("<list>{deep}</list>")));
    assert_eq!(turn.calls[0].valid, Some(true));
}

#[test]
fn parts_of_a_turn_may_be_messages_to_recipients() {
    let format = detect(OWN_MUSE_GLIMMER);
    assert_eq!((format.recipients, format.inline_reasoning()), (true, None));
    let next = "<|eom|><|start|>assistant";
    let thought = format!(" to=self<|message|>Hm, to=user.{next}");
    let call = |name: &str, arguments: &str| {
        format!(
            " to={name}<|message|><x:calls>\n<x:invoke name=\"{name}\">\n{arguments}</x:invoke>\n</x:calls>"
        )
    };
    let turn = read(&format, "<|start|>assistant", &format!("{thought} to=user<|message|>Yes."));
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm, to=user.", "Yes."));
    let weather = call("weather", "<x:parameter name=\"city\">Oslo</x:parameter>\n");
    let text = " to=user<|message|>I look.";
    let turn =
        read(&format, "", &format!("{thought}{text}{next}{weather}{next}{}<|eot|>", call("clock", "")));
    assert_eq!(calls(&turn), [("weather", json!({ "city": "Oslo" })), ("clock", json!({}))]);
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm, to=user.", "I look."));
    let start = format.call_start(Some("clock"), &|_| String::new());
    assert_eq!(calls(&read(&format, "", &format!("{start}</x:invoke>\n</x:calls>"))), [("clock", json!({}))]);
    assert_eq!(format.call_start(None, &|_| String::new()), " to=");
}

#[test]
fn parts_of_a_turn_may_be_turns_with_other_headers() {
    let format = detect(OWN_HYPERCLOVA);
    assert_eq!(format.part_start.as_deref(), Some("<|im_start|>assistant"));
    let next = "<|im_end|>\n<|im_start|>assistant";
    let call = " -> tool/function_call\n[{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}]\
        <|im_end|><|stop|>";
    for (prompt, output, parts, count) in [
        ("", format!("/think\nHm.{next}\nYes.<|im_end|><|endofturn|>"), ["Hm.", "Yes."], 0),
        ("/think\n", format!("Hm.{next}\nYes, I /think so."), ["Hm.", "Yes, I /think so."], 0),
        ("", "\nYes -> no.<|im_end|>".to_owned(), ["", "Yes -> no."], 0),
        ("", format!("/think\nHm.{next}{call}"), ["Hm.", ""], 1),
        ("", format!("\nI look.{next}{call}"), ["", "I look."], 1),
        ("", call.to_owned(), ["", ""], 1),
    ] {
        let turn = read(&format, &format!("<|im_start|>assistant{prompt}"), &output);
        let content = turn.content.trim().split("<|").next().unwrap();
        assert_eq!([turn.reasoning.as_str(), content], parts, "{output:?}");
        assert_eq!(calls(&turn), vec![("weather", json!({ "city": "Oslo" })); count], "{output:?}");
    }
}

#[test]
fn the_prompt_may_end_within_the_mark_of_reasoning() {
    let format = detect(OWN_RWKV);
    let prompt = "assistant: <think";
    assert_eq!(format.begun_mark(prompt), "<think");
    let turn = read(&format, prompt, ">\nHm.\n</think>\nYes.");
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "Yes."));
    assert_eq!(format.begun_mark("user: 1 <"), "");
}
