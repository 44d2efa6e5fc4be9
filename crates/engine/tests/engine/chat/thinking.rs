//! Reasoning in prompts: that of earlier answers, and whether and how much the model thinks.

use super::tools::{call, result};
use crate::chats::{Answer, published, try_request, user, with_template};
use linnet_engine::ReasoningSupport;
use serde_json::{Value, json};

fn thought(field: &str) -> Value {
    json!({ "role": "assistant", "content": "So.", field: "Hm." })
}

fn prompt(template: &str, request: Value) -> String {
    try_request(&with_template(template), &request).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn reasoning_goes_where_the_template_looks_for_it() {
    let parts = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}\
        {% for p in m.content %}{{ '[' + p.thinking + ']' if p.type == 'thinking' else p.text }}{% endfor %}\
        {% endif %};{% endfor %}";
    let field = |name: &str| {
        format!(
            "{{% for m in messages %}}{{{{ '[' + m.{name} + ']' if m.{name} }}}}{{{{ m.content }}}};{{% endfor %}}"
        )
    };
    let templates = [parts.to_owned(), field("reasoning_content"), field("reasoning"), field("thinking")];
    for template in templates {
        for given in ["reasoning_content", "reasoning"] {
            let messages = json!([user("Hi"), thought(given), user("Why?")]);
            assert_eq!(prompt(&template, json!({ "messages": messages })), "Hi;[Hm.]So.;Why?;", "{template}");
        }
    }
}

#[test]
fn reasoning_is_kept_and_dropped_as_the_template_does() {
    let qwen = published("Qwen-Qwen3-0.6B");
    let mut called = call("call00001", "{}");
    called["reasoning_content"] = "Look it up.".into();
    let talk =
        json!([user("Hi"), thought("reasoning_content"), user("Rain?"), called, result("call00001", "no")]);
    let prompt = try_request(&qwen, &json!({ "messages": talk })).unwrap();
    assert!(!prompt.contains("Hm.") && prompt.contains("<think>\nLook it up.\n</think>"), "{prompt}");
    let gpt_oss = published("openai-gpt-oss-120b");
    let prompt = try_request(&gpt_oss, &json!({ "messages": talk })).unwrap();
    assert!(prompt.contains("<|channel|>analysis<|message|>Look it up.<|end|>"), "{prompt}");
    assert!(!prompt.contains("Hm."), "{prompt}");
}

/// gpt-oss' template rejects a call with both.
#[test]
fn text_before_a_call_joins_the_reasoning_if_it_must() {
    let mut called = call("1", "{}");
    (called["reasoning_content"], called["content"]) = ("Hm.".into(), "One moment.".into());
    let request = json!({ "messages": [user("Rain?"), called, result("1", "no")] });
    let prompt = try_request(&published("openai-gpt-oss-120b"), &request).unwrap();
    assert!(prompt.contains("<|channel|>analysis<|message|>Hm.\n\nOne moment.<|end|>"), "{prompt}");
}

#[test]
fn thinking_is_switched_by_the_variable_that_the_template_has() {
    for variable in ["enable_thinking", "thinking"] {
        let template = format!(
            "{{% for m in messages %}}{{{{ m.content }}}}{{% endfor %}}{{% if {variable} is defined %}}\
             {{{{ ' on' if {variable} else ' off' }}}}{{% endif %}}"
        );
        let prompt = |fields: Value| {
            let mut request = json!({ "messages": [user("Hi")] });
            request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            prompt(&template, request)
        };
        assert_eq!(prompt(json!({})), "Hi");
        assert_eq!(prompt(json!({ "enable_thinking": true })), "Hi on");
        assert_eq!(prompt(json!({ "enable_thinking": false })), "Hi off");
        assert_eq!(prompt(json!({ "reasoning_effort": "none" })), "Hi off");
        assert_eq!(prompt(json!({ "reasoning_effort": "low" })), "Hi on");
        assert_eq!(prompt(json!({ "reasoning_effort": "low", "enable_thinking": false })), "Hi off");
        let variables = json!({ "enable_thinking": false, "thinking": false });
        let overridden = json!({ "enable_thinking": true, "chat_template_kwargs": variables });
        assert_eq!(prompt(overridden), "Hi off");
    }
}

#[test]
fn the_effort_is_the_nearest_that_the_template_takes() {
    let gpt_oss = published("openai-gpt-oss-120b");
    let effort = |engine, effort: Value| {
        try_request(engine, &json!({ "messages": [user("Hi")], "reasoning_effort": effort })).unwrap()
    };
    for (given, shown) in [
        (Value::Null, "medium"),
        ("none".into(), "low"),
        ("minimal".into(), "low"),
        ("low".into(), "low"),
        ("high".into(), "high"),
    ] {
        assert!(effort(&gpt_oss, given.clone()).contains(&format!("Reasoning: {shown}\n")), "{given}");
    }
    let strict = with_template(
        "{% set effort = reasoning_effort or 'high' %}{% if effort not in ['none', 'high'] %}\
         {{ raise_exception('effort') }}{% endif %}\
         {% for m in messages %}{{ m.content }}{% endfor %} {{ effort }}",
    );
    for (given, shown) in [("none", "none"), ("minimal", "high"), ("medium", "high"), ("high", "high")] {
        assert_eq!(effort(&strict, given.into()), format!("Hi {shown}"), "{given}");
    }
}

/// Nemotron, and others whose templates look for words.
#[test]
fn thinking_is_switched_by_the_text_that_the_template_looks_for() {
    let looks = |role: &str, texts: [&str; 2], default: bool| {
        format!(
            "{{% set ns = namespace(thinks={default}) %}}{{% for m in messages %}}{{% if m.role == '{role}' %}}\
             {{% if '{0}' in m.content %}}{{% set ns.thinks = false %}}\
             {{% elif '{1}' in m.content %}}{{% set ns.thinks = true %}}{{% endif %}}{{% endif %}}\
             <{{{{ m.role }}}}>{{{{ m.content.replace('{0}', '').replace('{1}', '') | trim }}}};{{% endfor %}}\
             <assistant>{{{{ '<think>\n' if ns.thinks else '<think></think>' }}}}",
            texts[0], texts[1]
        )
    };
    let slash = ["/no_think", "/think"];
    for (template, thinks) in [
        (looks("system", slash, true), true),
        (looks("user", slash, true), true),
        (looks("system", ["detailed thinking off", "detailed thinking on"], false), false),
    ] {
        let engine = with_template(&template);
        let info = engine.info().model;
        assert_eq!((info.reasoning, info.thinks), (ReasoningSupport::Optional, thinks), "{template}");
        for system in [true, false] {
            let mut messages = vec![user("Why?")];
            if system {
                messages.insert(0, json!({ "role": "system", "content": "Be brief." }));
            }
            let ends = |fields: Value, end: &str| {
                let mut request = json!({ "messages": messages });
                request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
                let prompt = try_request(&engine, &request).unwrap();
                assert!(prompt.ends_with(&format!("<user>Why?;<assistant>{end}")), "{fields} {prompt}");
                assert!(prompt.contains("Be brief.;") == system, "{prompt}");
            };
            ends(json!({ "enable_thinking": false }), "<think></think>");
            ends(json!({ "reasoning_effort": "none" }), "<think></think>");
            ends(json!({ "enable_thinking": true }), "<think>\n");
            ends(json!({}), if thinks { "<think>\n" } else { "<think></think>" });
        }
    }
    // A model may know the text, but the prompt does not show that.
    let knows = "{# /no_think #}{% for m in messages %}{{ m.content.split('</think>')[-1] }};{% endfor %}";
    let engine = with_template(knows);
    assert_eq!(engine.info().model.reasoning, ReasoningSupport::Always);
    let request = json!({ "messages": [user("Why?")], "enable_thinking": false });
    assert_eq!(try_request(&engine, &request).unwrap(), "Why?;");
}

/// Seed-OSS, and templates whose variable says what is left out.
#[test]
fn thinking_is_switched_by_a_budget_or_its_opposite() {
    let message = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}";
    let budget = format!(
        "{{% if thinking_budget is not defined %}}{{% set thinking_budget = -1 %}}{{% endif %}}{message}\
         {{% if thinking_budget == 0 %}}<think>None.</think>{{% endif %}}"
    );
    let skips = format!("{message}{{% if skip_thinking %}}<think>None.</think>{{% endif %}}");
    for template in [budget, skips] {
        assert!(with_template(&template).info().model.thinks, "{template}");
        let request = |thinks: bool| json!({ "messages": [user("Hi")], "enable_thinking": thinks });
        assert_eq!(prompt(&template, request(true)), "Hi");
        assert_eq!(prompt(&template, request(false)), "Hi<think>None.</think>");
    }
}

/// Distilled models reason although their templates do not mention it.
#[test]
fn a_template_without_reasoning_may_have_a_model_that_reasons() {
    let template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>";
    let request = json!({ "messages": [user("Rain?")] });
    let answer = Answer::of(template, &request, "<think>\nHm.\n</think>\n\nNo.");
    assert_eq!([answer.reasoning.trim(), answer.text.trim()], ["Hm.", "No."]);
    // Later in an answer, it is text.
    let answer = Answer::of(template, &request, "Write <think>a</think>.");
    assert_eq!([answer.reasoning.trim(), answer.text.trim()], ["", "Write <think>a</think>."]);
    assert_eq!(with_template(template).info().model.reasoning, ReasoningSupport::None);
}

/// MiniMax M3 and DeepSeek V4: the values are words, which differ.
#[test]
fn thinking_is_switched_by_the_words_that_the_template_knows() {
    let message = "{% for m in messages %}{{ m.content }}{% endfor %}";
    for (start, thinks) in [
        (
            "{% if thinking_mode is defined and thinking_mode == 'disabled' %}</t>{% elif thinking_mode is defined \
             and thinking_mode == 'enabled' %}<t>{% endif %}",
            true,
        ),
        ("{{ '<t>' if thinking_mode | default('chat') == 'thinking' else '</t>' }}", false),
        ("{{ '<t>' if think_mode | default('slow') == 'slow' else '</t>' }}", true),
        ("{{ '<t>' if not no_reasoning else '</t>' }}", true),
        ("{{ '<t>' if use_thinking is not defined or use_thinking else '</t>' }}", true),
    ] {
        let template = format!("{message}{start}{{# {{{{ m.content.split('</t>') }}}} #}}");
        let request = |thinks: bool| json!({ "messages": [user("Hi")], "enable_thinking": thinks });
        assert_eq!(prompt(&template, request(true)), "Hi<t>", "{start}");
        assert_eq!(prompt(&template, request(false)), "Hi</t>", "{start}");
        let info = with_template(&template).info().model;
        assert_eq!((info.reasoning, info.thinks), (ReasoningSupport::Optional, thinks), "{start}");
    }
}

/// Hy3: the level of effort turns thinking on and off, under a name of its own.
#[test]
fn thinking_is_switched_by_the_level_of_effort() {
    let template = |levels: &str, default: &str| {
        format!(
            "{{% if not reasoning_effort is defined or reasoning_effort not in {levels} %}}\
             {{% set reasoning_effort = '{default}' %}}{{% endif %}}{{% for m in messages %}}{{{{ m.content }}}}\
             {{% endfor %}}{{{{ ' <t></t>' if reasoning_effort == 'no_think' else ' <t>' ~ reasoning_effort }}}}"
        )
    };
    let [off, on] = ["no_think", "high"].map(|default| template("['high', 'low', 'no_think']", default));
    let shown = |template: &str, fields: Value| {
        let mut request = json!({ "messages": [user("Hi")] });
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        prompt(template, request)
    };
    for (fields, with_off, with_on) in [
        (json!({}), "<t></t>", "<t>high"),
        (json!({ "enable_thinking": false }), "<t></t>", "<t></t>"),
        (json!({ "enable_thinking": true }), "<t>high", "<t>high"),
        (json!({ "reasoning_effort": "none" }), "<t></t>", "<t></t>"),
        (json!({ "reasoning_effort": "low" }), "<t>low", "<t>low"),
        // The nearest above it.
        (json!({ "reasoning_effort": "medium" }), "<t>high", "<t>high"),
    ] {
        assert_eq!(shown(&off, fields.clone()), format!("Hi {with_off}"), "{fields}");
        assert_eq!(shown(&on, fields.clone()), format!("Hi {with_on}"), "{fields}");
    }
    for (template, thinks) in [(off, false), (on, true)] {
        let info = with_template(&template).info().model;
        assert_eq!((info.reasoning, info.thinks), (ReasoningSupport::Optional, thinks));
    }
}

/// What a template keeps of earlier reasoning is no switch, and neither is a variable that it rejects.
#[test]
fn other_variables_are_no_switches() {
    for start in [
        "{% if preserve_thinking %}{% for m in messages[1:] %}{{ m.reasoning_content }}{% endfor %}{% endif %}",
        "{% if thinking is defined and not thinking %}{{ raise_exception('It always thinks.') }}{% endif %}",
        "{{ reasoning_content }}",
    ] {
        let template = format!("{{% for m in messages %}}{{{{ m.content }}}}{{% endfor %}}{start}");
        assert_eq!(with_template(&template).info().model.reasoning, ReasoningSupport::None, "{start}");
        assert_eq!(prompt(&template, json!({ "messages": [user("Hi")], "enable_thinking": false })), "Hi");
    }
}

/// The variable's name and its value that turns thinking off.
#[test]
fn every_switch_shows_the_marks_of_reasoning() {
    for off in ["enable_reasoning == false", "disable_thinking", "thinking_mode == 'off'"] {
        let template = format!(
            "{{% for m in messages %}}<{{{{ m.role }}}}>{{{{ m.content }}}}{{% endfor %}}<assistant>\
             {{% if {off} %}}<ponder></ponder>{{% endif %}}"
        );
        let request = json!({ "messages": [user("Rain?")] });
        let answer = Answer::of(&template, &request, "<ponder>Hm.</ponder>No.");
        assert_eq!([answer.reasoning, answer.text], ["Hm.", "No."], "{off}");
        let off = prompt(&template, json!({ "messages": [user("Rain?")], "enable_thinking": false }));
        assert!(off.ends_with("<assistant><ponder></ponder>"), "{off}");
        assert_eq!(with_template(&template).info().model.reasoning, ReasoningSupport::Optional);
    }
}
