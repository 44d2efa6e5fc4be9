//! Templates that take tools as text.

use super::tools::{call, result, tool};
use crate::chats::{Answer, try_request, user, with_template};
use serde_json::json;

/// Firefunction: the tools and the time are variables that the template needs.
const FIREFUNCTION_STYLE: &str = "{% set functions = '\nFunctions:\n' + functions + '\nToday is ' + datetime + '.' %}\
    {% for m in messages %}{% if loop.first and m.role != 'system' %}<system>{{ functions }}{% endif %}<{{ m.role }}>\
    {{ (m.content or '') | trim }}{{ functions if loop.first and m.role == 'system' }}\
    {% if m.tool_calls %}{% set ns = namespace(calls=[]) %}{% for c in m.tool_calls %}{% set ns.calls = ns.calls + \
    ['{\"name\": \"' + c.function.name + '\", \"arguments\": ' + c.function.arguments + '}'] %}{% endfor %}\
    {{ ' functools[' + ns.calls | join(', ') + ']' }}{% endif %}</s>{% endfor %}<assistant>";

#[test]
fn tools_and_time_may_be_variables_that_the_template_needs() {
    let engine = with_template(FIREFUNCTION_STYLE);
    let plain = try_request(&engine, &json!({ "messages": [user("Hi")] })).unwrap();
    assert!(plain.starts_with("<system>\nFunctions:\n\nToday is 1970-01-01 00:00:00."), "{plain}");
    let request = json!({
        "messages": [user("Rain?"), call("1", "{\"city\": \"Oslo\"}"), result("1", "no")],
        "tools": [tool("weather")],
    });
    let prompt = try_request(&engine, &request).unwrap();
    assert!(prompt.contains("Functions:\n[{\"name\": \"weather\","), "{prompt}");
    assert!(!prompt.contains("# Tools"), "{prompt}");
    let ends = "<assistant> functools[{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}]</s>";
    assert!(prompt.contains(ends) && prompt.ends_with("<tool>no</s><assistant>"), "{prompt}");
    let output = "I look. functools[{\"name\": \"weather\", \"arguments\": {\"city\": \"Bern\"}}, \
        {\"name\": \"weather\", \"arguments\": {}}]";
    let answer = Answer::of(FIREFUNCTION_STYLE, &request, output);
    assert_eq!(answer.calls[&0][1..], ["weather", "{\"city\": \"Bern\"}"]);
    assert_eq!(answer.calls[&1][1..], ["weather", "{}"]);
    assert_eq!(answer.text, "I look.");
}

/// OLMo: the tools are in a field of the instructions, and each line is a call.
#[test]
fn tools_may_be_in_another_field_of_the_instructions() {
    let template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\
        {{ '<functions>' ~ m.functions ~ '</functions>' if m.functions }}\
        {{ '<function_calls>' ~ m.function_calls ~ '</function_calls>' if m.function_calls }}{% endfor %}<assistant>";
    let request = json!({ "messages": [user("Rain?")], "tools": [tool("weather"), tool("clock")] });
    let prompt = try_request(&with_template(template), &request).unwrap();
    assert!(prompt.starts_with("<system><functions>[{\"type\": \"function\""), "{prompt}");
    let output = "<function_calls>weather(city='Oslo', days=2, on=true)\nclock()\n</function_calls>";
    let answer = Answer::of(template, &request, output);
    assert_eq!(answer.calls[&0][1..], ["weather", "{\"city\": \"Oslo\", \"days\": 2, \"on\": true}"]);
    assert_eq!(answer.calls[&1][1..], ["clock", "{}"]);
}
