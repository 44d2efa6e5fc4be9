//! Formats of templates that write only a part of them, or write them in an unusual place.

use linnet_text::{ChatEnd, ChatFormat, ChatParser, ChatTemplate, IdStyle, LocalTime, Marks};
use serde_json::{Value, json};

use crate::turn::{Turn, read_all_ways};

fn detect(source: &str) -> ChatFormat {
    let template = ChatTemplate::new(source, "<s>", "</s>").unwrap();
    ChatFormat::detect(&template, source, LocalTime::EPOCH)
}

/// Reads an answer of a model with tools; the prompt ended with `prompt`.
fn read(format: &ChatFormat, prompt: &str, output: &str) -> Turn {
    let parameters = json!({ "properties": { "city": { "type": "string" }, "days": { "type": "integer" } } });
    let tool =
        |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": parameters } });
    let tools: Value = ["weather", "clock"].into_iter().map(tool).collect();
    let output = format!("{}{output}", format.begun_mark(prompt));
    read_all_ways(format, Some(&tools), format.ends_inside_reasoning(prompt), &output, ChatEnd::Stopped)
}

fn calls(turn: &Turn) -> Vec<(&str, Value)> {
    let value = |text: &str| serde_json::from_str(text).unwrap();
    turn.calls.iter().map(|call| (call.name.as_str(), value(&call.arguments))).collect()
}

/// Phi-4-mini's template looks for tools in the system message, and writes no calls.
#[test]
fn tools_in_the_system_message_show_the_marks_of_calls() {
    let source = "{% for m in messages %}<|{{ m.role }}|>{{ m.content + '' }}\
        {% if m.role == 'system' and m.tools %}{{ '<|tool|>' + m.tools + '<|/tool|>' }}{% endif %}<|end|>\
        {% endfor %}{{ '<|assistant|>' if add_generation_prompt }}";
    let format = detect(source);
    assert_eq!(format.calls.call, Marks::new("<|tool_call|>", "<|/tool_call|>"));
    let output = "<|tool_call|>[{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}, \
        {\"name\": \"clock\", \"arguments\": {}}]<|/tool_call|>";
    let turn = read(&format, "<|assistant|>", output);
    assert_eq!(calls(&turn), [("weather", json!({ "city": "Oslo" })), ("clock", json!({}))]);
    assert_eq!(turn.content, "");
}

/// Granite 3.3's instructions name only the opening mark, and others put the tools between marks of functions.
#[test]
fn the_marks_around_the_tools_are_not_those_of_calls() {
    for (instructions, open) in [
        ("'Answer with <|tool_call|> and a list.\\n' ~ tools | tojson", "<|tool_call|>"),
        ("'<functions>' ~ tools | tojson ~ '</functions>'", "<tool_call>\n"),
        ("'<functions>' ~ tools | tojson ~ '</functions> Call in <call></call>.'", "<call>"),
    ] {
        let source = format!(
            "{{{{ {instructions} if tools }}}}{{% for m in messages %}}<|{{{{ m.role }}}}|>{{{{ m.content }}}}\
             {{% endfor %}}{{{{ '<|assistant|>' if add_generation_prompt }}}}"
        );
        assert_eq!(detect(&source).calls.call.open, open, "{instructions}");
    }
}

/// OLMo 3's and Step 3's templates neither show earlier reasoning nor look for its end.
#[test]
fn a_prompt_that_opens_reasoning_shows_its_closing_mark() {
    for (open, close) in
        [("<think>", "</think>"), ("[THOUGHT]", "[/THOUGHT]"), ("<|reasoning|>", "<|/reasoning|>")]
    {
        let source = format!(
            "{{% for m in messages %}}<|{{{{ m.role }}}}|>{{{{ m.content }}}}\n{{% endfor %}}\
             {{{{ '<|assistant|>\\n{open}\\n' if add_generation_prompt }}}}"
        );
        let format = detect(&source);
        let reasoning = format.reasoning.as_ref().expect(open);
        assert_eq!((&reasoning.marks, reasoning.prompt_opens), (&Marks::new(open, close), true));
        let turn = read(&format, &format!("<|assistant|>\n{open}\n"), &format!("Hm.\n{close}\n\nYes."));
        assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "Yes."));
    }
}

/// Solar Open writes reasoning, answer and calls as turns of their own, which end alike.
#[test]
fn the_answer_may_be_a_turn_after_the_reasoning() {
    let source = "{% for m in messages %}{% if m.reasoning_content %}\
        <|begin|>{{ m.role }}<|think|>{{ m.reasoning_content }}<|end|>{% endif %}\
        {% if m.content %}<|begin|>{{ m.role }}<|content|>{{ m.content }}<|end|>{% endif %}\
        {% if m.tool_calls %}<|begin|>{{ m.role }}<|tool_calls|>{% for c in m.tool_calls %}\
        <|tool_call:begin|>{{ c.id }}<|tool_call:name|>{{ c.function.name }}<|tool_call:args|>\
        {{ c.function.arguments | tojson }}<|tool_call:end|>{% endfor %}<|calls|>{% endif %}{% endfor %}\
        {{ '<|begin|>assistant' if add_generation_prompt }}";
    let format = detect(source);
    let call =
        "<|tool_call:begin|>a1<|tool_call:name|>weather<|tool_call:args|>{\"days\": 2}<|tool_call:end|>";
    let again = "<|end|><|begin|>assistant";
    for (output, reasoning, content, count) in [
        ("<|content|>Yes.".to_owned(), "", "Yes.", 0),
        ("<|content|>Yes.<|end|>".to_owned(), "", "Yes.", 0),
        (format!("<|think|>Hm.{again}<|content|>Yes."), "Hm.", "Yes.", 0),
        (format!("<|think|>{again}<|content|>Yes.\n<|end|>"), "", "Yes.", 0),
        (format!("<|think|>Hm.{again}<|tool_calls|>{call}{call}<|calls|>"), "Hm.", "", 2),
        (format!("<|think|>Hm.{again}<|content|>Yes.{again}<|tool_calls|>{call}<|calls|>"), "Hm.", "Yes.", 1),
        (format!("<|content|>Yes.{again}<|tool_calls|>{call}<|calls|>"), "", "Yes.", 1),
    ] {
        let turn = read(&format, "<|begin|>assistant", &output);
        let read = (turn.reasoning.as_str(), turn.content.as_str());
        assert_eq!(read, (reasoning, content), "{output}");
        assert_eq!(calls(&turn), vec![("weather", json!({ "days": 2 })); count], "{output}");
    }
    // A part of a mark that is left out does not show, either.
    let parser = ChatParser::new(&format, None, false);
    let parser = parser.with_control_tokens(["<|begin|>", "<|content|>", "<|end|>"].map(str::to_owned));
    let text = parser.guarded("<|content|>Yes.<|end|><|begin|>");
    assert_eq!(Turn::read(parser, [text.as_str()], ChatEnd::Stopped).content, "Yes.");
}

#[test]
fn the_prompt_may_end_with_the_answers_own_mark() {
    let source = "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% if m.reasoning_content %}\
        <think>{{ m.reasoning_content }}</think>{% endif %}<reply>{{ m.content }}</reply>\
        {% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}\
        {% if add_generation_prompt %}<|assistant|>{{ '<reply>' if enable_thinking == false }}{% endif %}";
    let format = detect(source);
    assert_eq!((format.answer.as_ref(), format.dropped.len()), (Some(&Marks::new("<reply>", "</reply>")), 0));
    let turn = read(&format, "<|assistant|>", "<think>Hm.</think><reply>Yes.</reply>");
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "Yes."));
}

/// Only a mark that no text contains may close reasoning anywhere.
#[test]
fn a_word_closes_reasoning_only_once() {
    let source = "{% for m in messages %}<|{{ m.role }}|>{% if m.reasoning_content %}\
        [think]{{ m.reasoning_content }}\nFinal: {% endif %}{{ m.content }}{% endfor %}";
    let turn = read(&detect(source), "", "[think]Hm.\nFinal: The Final: 3");
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "The Final: 3"));
}

#[test]
fn a_sentence_opens_apriels_reasoning() {
    let source = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content.split('[BEGIN FINAL RESPONSE]')[-1] }}\
        {% endfor %}{{ '<|assistant|>\nHere are my reasoning steps:\n' if add_generation_prompt }}";
    let format = detect(source);
    let output = "First, I look.\n[BEGIN FINAL RESPONSE]\nIt rains.";
    for (prompt, output) in [
        ("<|assistant|>\nHere are my reasoning steps:\n", output.to_owned()),
        ("<|assistant|>\n", format!("Here are my reasoning steps:\n{output}")),
    ] {
        let turn = read(&format, prompt, &output);
        assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("First, I look.", "It rains."));
    }
}

/// Functionary: each part of a turn begins with a mark and its recipient, and so does the prompt's end.
#[test]
fn a_mark_at_the_end_of_the_prompt_belongs_to_the_answer() {
    for mark in [">>>", "<|to|>"] {
        let source = format!(
            "{{{{ tools | tojson if tools }}}}{{% for m in messages %}}<|{{{{ m.role }}}}|>\n\
             {{% if m.role != 'assistant' %}}{{{{ m.content }}}}{{% else %}}\
             {{% if m.content %}}{mark}all\n{{{{ m.content }}}}{{% endif %}}{{% for c in m.tool_calls or [] %}}\
             {mark}{{{{ c.function.name }}}}\n{{{{ c.function.arguments }}}}{{% endfor %}}{{% endif %}}<|end|>\
             {{% endfor %}}{{{{ '<|assistant|>\\n{mark}' if add_generation_prompt }}}}"
        );
        let format = detect(&source);
        let prompt = format!("<|assistant|>\n{mark}");
        assert_eq!(format.begun_mark(&prompt), mark);
        let turn = read(
            &format,
            &prompt,
            &format!("all\nLet me see.{mark}weather\n{{\"city\": \"Oslo\"}}{mark}clock\n{{}}"),
        );
        assert_eq!(calls(&turn), [("weather", json!({ "city": "Oslo" })), ("clock", json!({}))]);
        assert_eq!(turn.content, "Let me see.");
        let turn = read(&format, &prompt, "all\nIt is dry, 3 > 2.");
        assert_eq!((turn.content.as_str(), turn.calls.len()), ("It is dry, 3 > 2.", 0));
        let turn = read(&format, &prompt, "weather\n{\"days\": 2}");
        assert_eq!(calls(&turn), [("weather", json!({ "days": 2 }))]);
    }
}

/// The start of a call holds no value of an example, wherever the template writes the name.
#[test]
fn a_required_call_starts_with_the_name() {
    for (call, start) in [
        (
            "[{\"id\": \"{{ c.id }}\", \"name\": \"{{ f.name }}\", \"args\": {{ f.arguments | tojson }}}]",
            "[{\"name\": \"",
        ),
        ("{ \"args\": {{ f.arguments | tojson }}, \"tool\": \"{{ f.name }}\" }", "{ \"tool\": \""),
        ("{\"id\": \"{{ c.id }}\", \"function\": {{ f | tojson }}}", "{\"name\": \""),
        ("{\"name\": \"{{ f.name }}\", \"args\": {{ f.arguments | tojson }}}", "{\"name\": \""),
    ] {
        let source = format!(
            "{{% for m in messages %}}<|{{{{ m.role }}}}|>{{{{ m.content }}}}{{% for c in m.tool_calls or [] %}}\
             {{% set f = c.function %}}<call>{call}</call>{{% endfor %}}</s>{{% endfor %}}"
        );
        let format = detect(&source);
        assert_eq!(format.call_start(None, &|_| String::new()), format!("<call>{start}"), "{source}");
        assert_eq!(format.ids, IdStyle::Any);
    }
    let source = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}\
        {{ '\\n<call>\\n' ~ (c.function | tojson) ~ '\\n</call>' }}{% endfor %}</s>{% endfor %}";
    let start = detect(source).call_start(None, &|_| String::new());
    assert_eq!(start, "\n<call>\n{\"name\": \"", "with its white space");
}

/// Command R7B's template ends every prompt as if it asked for an answer, without thinking with empty reasoning.
#[test]
fn marks_around_answers_are_found_where_the_prompt_holds_empty_reasoning() {
    let source = "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'user' %}{{ m.content }}\
        {% elif m.tool_calls %}[THOUGHT]{{ m.reasoning_content }}[/THOUGHT]{% for c in m.tool_calls %}\
        <call>{{ c.function | tojson }}</call>{% endfor %}{% else %}<|START_SAY|>{{ m.content }}<|END_SAY|>\
        {% endif %}<|end|>{% endfor %}<|assistant|>{{ '[THOUGHT][/THOUGHT]' if not enable_thinking }}";
    let format = detect(source);
    assert_eq!(format.answer, Some(Marks::new("<|START_SAY|>", "<|END_SAY|>")));
    for (output, reasoning) in
        [("[THOUGHT]Hm.[/THOUGHT]<|START_SAY|>Yes.<|END_SAY|>", "Hm."), ("<|START_SAY|>Yes.<|END_SAY|>", "")]
    {
        let turn = read(&format, "<|assistant|>", output);
        assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), (reasoning, "Yes."));
    }
}

/// Apertus' template takes reasoning only as a block of the content.
#[test]
fn reasoning_may_be_a_block_of_the_content() {
    let source = "{% for m in messages %}<|{{ m.role }}|>{% if m.content is string %}{{ m.content }}\
        {% else %}{% for b in m.content.blocks or [] %}{{ '<|inner|>' if b.type == 'thoughts' else '<|outer|>' }}\
        {{ b.text }}{% endfor %}{% endif %}{% if m.tool_calls %}<calls>[{% for c in m.tool_calls %}\
        {\"{{ c.function.name }}\": {{ c.function.arguments | tojson }}}{{ ', ' if not loop.last }}{% endfor %}]\
        </calls>{% endif %}{% endfor %}{{ '<|assistant|>' if add_generation_prompt }}";
    let format = detect(source);
    let output = "<|inner|>Hm.<|outer|>Yes.<calls>[{\"weather\": {\"days\": 2}}, {\"clock\": {}}]</calls>";
    let turn = read(&format, "<|assistant|>", output);
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "Yes."));
    assert_eq!(calls(&turn), [("weather", json!({ "days": 2 })), ("clock", json!({}))]);
}

/// Hunyuan's templates cut earlier answers, and write them without marks.
#[test]
fn marks_around_answers_are_found_where_the_template_cuts_them() {
    let source = "{% for m in messages %}<|{{ m.role }}|>\
        {{ m.content.split('</think>')[-1].split('<answer>')[-1].split('</answer>')[0] }}{% endfor %}";
    let format = detect(source);
    let turn = read(&format, "", "<think>\nHm.\n</think>\n<answer>\nYes.\n</answer>");
    assert_eq!((turn.reasoning.as_str(), turn.content.as_str()), ("Hm.", "Yes."));
    let turn = read(&format, "", "Write <answer> and </answer>.");
    assert_eq!(turn.content, "Write <answer> and </answer>.");
}

#[test]
fn a_mark_may_end_apriels_answer() {
    let source = "{{ 'End with [END FINAL RESPONSE].' }}{% for m in messages %}<|{{ m.role }}|>\n\
        {{ m.content.split('[BEGIN FINAL RESPONSE]')[-1] }}{% endfor %}";
    let output = "Here are my reasoning steps:\nHm.\n[BEGIN FINAL RESPONSE]\nYes.\n[END FINAL RESPONSE]";
    let turn = read(&detect(source), "", output);
    assert_eq!((turn.reasoning.as_str(), turn.content.trim_end()), ("Hm.", "Yes."));
}

/// Llama 4's template puts marks around the text before calls, even if there is none. Its models also put them
/// around calls.
#[test]
fn marks_around_the_missing_text_before_a_call_do_not_belong_to_it() {
    let source = "{% for m in messages %}<|{{ m.role }}|>{% if m.tool_calls %}<|talk_start|>{{ m.content }}\
        <|talk_end|>{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \"parameters\": \
        {{ c.function.arguments | tojson }}}{% endfor %}{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}\
        {{ '<|assistant|>' if add_generation_prompt }}";
    let format = detect(source);
    let call = "{\"name\": \"weather\", \"parameters\": {\"days\": 2}}";
    for output in [
        call.to_owned(),
        format!("<|talk_start|>{call}<|talk_end|>"),
        format!("<|talk_start|><|talk_end|>{call}"),
    ] {
        let turn = read(&format, "<|assistant|>", &output);
        assert_eq!(calls(&turn), [("weather", json!({ "days": 2 }))], "{output}");
        assert_eq!(turn.content, "");
    }
}

/// Some templates for Llama print the calls of earlier turns without quotes, or all values with them.
#[test]
fn python_calls_need_not_be_readable() {
    for value in ["{{ v }}", "\"{{ v }}\""] {
        let source = format!(
            "{{% for m in messages %}}<|{{{{ m.role }}}}|>{{{{ m.content if m.content }}}}{{% if m.tool_calls %}}\
             [{{% for c in m.tool_calls %}}{{{{ c.function.name }}}}({{% for k, v in c.function.arguments.items() \
             %}}{{{{ k }}}}={value}{{{{ ', ' if not loop.last }}}}{{% endfor %}}){{{{ ', ' if not loop.last }}}}\
             {{% endfor %}}]{{% endif %}}<|end|>{{% endfor %}}{{{{ '<|assistant|>' if add_generation_prompt }}}}"
        );
        let output = "[weather(city=\"Oslo\", days=2), clock()]";
        let turn = read(&detect(&source), "<|assistant|>", output);
        assert_eq!(calls(&turn), [("weather", json!({ "city": "Oslo", "days": 2 })), ("clock", json!({}))]);
        assert_eq!(turn.content, "");
        // Unless the template asks for another form.
        let source = format!(
            "{{{{ 'Call as <tool_call>{{name, arguments}}</tool_call>: ' ~ tools | tojson if tools }}}}{source}"
        );
        let output = "<tool_call>{\"name\": \"clock\", \"arguments\": {}}</tool_call>";
        assert_eq!(calls(&read(&detect(&source), "<|assistant|>", output)), [("clock", json!({}))]);
    }
}

/// Kimi K2's templates keep the ids of calls in a list, which no template may change in Python's sandbox.
#[test]
fn calls_are_found_although_the_template_changes_a_list() {
    let source = "{% set ns = namespace(ids=[]) %}{% for m in messages %}<|{{ m.role }}|>{{ m.content if m.content }}\
        {% if m.tool_calls %}<calls>{% for c in m.tool_calls %}{%- set _ = ns.ids.append(c.id) -%}\
        <call>{{ c.id }}<args>{{ c.function.arguments | tojson }}</call>{% endfor %}</calls>{% endif %}<|end|>\
        {% endfor %}{{ '<|assistant|>' if add_generation_prompt }}";
    let format = detect(source);
    assert_eq!(format.ids, IdStyle::NameAndIndex);
    let call = "<call>functions.weather:0<args>{\"days\": 2}</call>";
    let turn = read(&format, "<|assistant|>", &format!("Let me see.<calls>{call}</calls>"));
    assert_eq!(calls(&turn), [("weather", json!({ "days": 2 }))]);
    assert_eq!(turn.content, "Let me see.");
}
