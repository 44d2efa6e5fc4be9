//! Chat prompts: template features are detected, and no message is lost.

mod begun;
mod harmony;
mod held;
mod hostile;
mod lost;
mod model_list;
mod text_tools;
mod thinking;
pub mod tools;

use crate::chats::{PUBLISHED, SMOLVLM_STYLE, assistant, prompt, published, try_prompt, user, with_template};
use crate::fake::{END, START, engine};
use linnet_engine::{ErrorCode, Request};
use serde_json::{Value, json};

#[test]
fn published_templates_show_every_message_and_continue_answers() {
    for (name, end) in PUBLISHED {
        let engine = published(name);
        assert!(engine.info().model.chat, "{name}");
        let system = json!({ "role": "system", "content": "Be kind." });
        let whole = prompt(&engine, json!([system, user("one"), assistant("two"), user("three")]));
        for text in ["Be kind.", "one", "two", "three"] {
            assert!(whole.contains(text), "{name}: {text} in {whole}");
        }
        let continued = prompt(&engine, json!([user("Why?"), assistant("Because ")]));
        assert!(continued.ends_with(&format!("{end}Because ")), "{name}: {continued}");
    }
}

/// Takes both forms.
const LLAMA4_STYLE: &str = "{% for message in messages %}<|header_start|>{{ message.role }}<|header_end|>\n\n\
    {% if message.content is string %}{{ message.content }}{% else %}{% for content in message.content %}\
    {% if content.type == 'text' %}{{ content.text }}{% endif %}{% endfor %}{% endif %}<|eot|>{% endfor %}\
    {% if add_generation_prompt %}<|header_start|>assistant<|header_end|>\n\n{% endif %}";

/// Takes the first part of messages that are not answers, and filters the parts of answers.
const MINIMAX_STYLE: &str = "{% for message in messages %}{% if message['role'] == 'system' %}\
    {{ '<begin>system\n' + message['content'][0]['text'] + '<end>\n' }}{% elif message['role'] == 'user' %}\
    {{ '<begin>user\n' + message['content'][0]['text'] + '<end>\n' }}{% elif message['role'] == 'assistant' %}\
    {{ '<begin>ai\n' }}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}\
    {{ content['text'] + '<end>\n' }}{% endfor %}{% endif %}{% endfor %}\
    {% if add_generation_prompt %}{{ '<begin>ai\n' }}{% endif %}";

/// Iterates over parts only for the user; the other texts are concatenated with other strings.
const MIXED_STYLE: &str = "{% for m in messages %}{% if m.role == 'user' %}U:\
    {% for p in m.content %}{{ p.text }}{% endfor %}\
    {% else %}{{ m.role[0] | upper + ':' + m.content.split('</think>')[-1] }}{% endif %};{% endfor %}";

#[test]
fn different_questions_give_different_prompts_in_every_form() {
    for template in [SMOLVLM_STYLE, LLAMA4_STYLE, MINIMAX_STYLE, MIXED_STYLE] {
        let engine = with_template(template);
        let questions = ["What is a linnet?", "Why is the sky blue?", "Wie spät ist es?"];
        let prompts = questions.map(|question| prompt(&engine, json!([user(question)])));
        for (prompt, question) in prompts.iter().zip(questions) {
            assert!(prompt.contains(question), "{template}: {prompt}");
        }
        let conversation = json!([
            { "role": "system", "content": "Be kind." },
            user("one"),
            assistant("two"),
            { "role": "user", "content": [{ "type": "text", "text": "three" }, { "type": "text", "text": "four" }] },
        ]);
        let whole = prompt(&engine, conversation);
        for text in ["Be kind.", "one", "two", "three", "four"] {
            assert_eq!(whole.matches(text).count(), 1, "{text} in {whole}");
        }
    }
}

#[test]
fn templates_get_content_in_the_form_that_they_take() {
    let conversation = json!([user("Hi"), assistant("Hello"), user("Bye")]);
    let smolvlm = prompt(&with_template(SMOLVLM_STYLE), conversation.clone());
    assert_eq!(
        smolvlm,
        "<|im_start|>User: Hi<end_of_utterance>\nAssistant: Hello<end_of_utterance>\n\
         User: Bye<end_of_utterance>\nAssistant:"
    );
    let minimax = prompt(&with_template(MINIMAX_STYLE), conversation.clone());
    assert_eq!(minimax, "<begin>user\nHi<end>\n<begin>ai\nHello<end>\n<begin>user\nBye<end>\n<begin>ai\n");
    assert_eq!(prompt(&with_template(MIXED_STYLE), conversation), "U:Hi;A:Hello;U:Bye;");
    // A template that checks whether content is a string gets a string.
    let strict = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}\
                  {{ raise_exception('no string') }}{% endif %}{% endfor %}";
    let content = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    let parts = json!([{ "role": "user", "content": content }]);
    assert_eq!(prompt(&with_template(strict), parts), "a\nb");
}

#[test]
fn a_template_that_loses_user_text_is_rejected_only_for_chats() {
    for template in [
        "{% for m in messages %}<|start|>{{ m.role }}<|end|>{% endfor %}",
        "{% for m in messages %}{% for p in m.content %}{% if p.type == 'prose' %}{{ p.text }}\
         {% endif %}{% endfor %}{% endfor %}",
        "{% for m in messages %}{{ m.content[:3] }}{% endfor %}",
        "always the same",
        "",
    ] {
        let engine = with_template(template);
        assert!(!engine.info().model.chat, "{template}");
        let error =
            try_prompt(&engine, json!([{ "role": "system", "content": "x" }, user("Hi")])).unwrap_err();
        assert_eq!(
            (error.code().name(), error.details()["field"].as_str()),
            ("bad-template", Some("messages[1].content"))
        );
        assert!(engine.generate(&Request::from_json(r#"{"prompt":"a"}"#).unwrap()).is_ok());
    }
    assert!(engine(b"").0.info().model.chat);
}

#[test]
fn a_template_that_does_not_compile_is_rejected_only_for_chats() {
    for template in ["{% for", "{{ 1|nonesuch( }}", &"{% if x %}".repeat(5000), &" ".repeat(2 << 20)] {
        let engine = with_template(template);
        assert!(!engine.info().model.chat);
        let error = try_prompt(&engine, json!([user("Hi")])).unwrap_err();
        assert_eq!(error.code().name(), "bad-template");
        let hint = "build the whole prompt yourself";
        assert!(error.to_string().contains(hint), "{error}");
        let completion = Request::from_json(r#"{"prompt":"a"}"#).unwrap();
        assert!(engine.generate(&completion).is_ok());
    }
}

#[test]
fn templates_may_change_a_text_without_losing_it() {
    for (template, said, shown) in [
        ("{% for m in messages %}{{ m.content | trim }}|{% endfor %}", "  hi \n", "hi|"),
        ("{% for m in messages %}{{ m.content | upper }}|{% endfor %}", "hi", "HI|"),
        ("{% for m in messages %}{{ m.content | title }}|{% endfor %}", "hi you", "Hi You|"),
        (
            "{% for m in messages %}{{ m.content.replace('/no_think', '') }}|{% endfor %}",
            "hi /no_think",
            "hi |",
        ),
        ("{% for m in messages %}{{ m.content.replace('/no_think', '') }}|{% endfor %}", "/no_think", "|"),
        ("{% for m in messages %}{{ m.content | tojson }}|{% endfor %}", "a \"b\"", "\"a \\\"b\\\"\"|"),
        // Requires a system message first.
        (
            "{% if messages[0].role != 'system' %}{{ raise_exception('system first') }}{% endif %}\
             {% for m in messages[1:] %}{{ m.content }}|{% endfor %}",
            "hi",
            "",
        ),
    ] {
        let engine = with_template(template);
        assert!(engine.info().model.chat, "{template}");
        if shown.is_empty() {
            let error = try_prompt(&engine, json!([user(said)])).unwrap_err();
            assert_eq!(error.code().name(), "invalid-request", "the template's own error: {error}");
        } else {
            assert_eq!(prompt(&engine, json!([user(said)])), shown, "{template}");
        }
    }
}

#[test]
fn a_template_without_system_messages_gets_their_text_with_the_first_question() {
    let raises = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
                  {{ m.role }}:{{ m.content }};{% endfor %}";
    let drops = "{% for m in messages %}{% if m.role != 'system' %}\
        {{ m.role }}:{{ m.content }};{% endif %}{% endfor %}";
    for template in [raises, drops] {
        let engine = with_template(template);
        let system = json!({ "role": "system", "content": "Be kind." });
        assert_eq!(
            prompt(&engine, json!([system, user("a"), assistant("b"), user("c")])),
            "user:Be kind.\na;assistant:b;user:c;"
        );
        assert_eq!(prompt(&engine, json!([system])), "user:Be kind.;");
        assert_eq!(
            prompt(&engine, json!([user("a"), system, assistant("b")])),
            "user:a\nBe kind.;assistant:b"
        );
        assert_eq!(
            prompt(&engine, json!([user("a"), assistant("b"), system])),
            "user:a;assistant:b;user:Be kind.;"
        );
    }
}

/// Templates that show only the first, the last or no later instructions get them where they appear.
#[test]
fn later_instructions_are_kept() {
    let system = |text: &str| json!({ "role": "system", "content": text });
    let developer = json!({ "role": "developer", "content": "Be brief." });
    let last_alone = "{% set ns = namespace(s='') %}{% for m in messages %}{% if m.role == 'system' %}\
        {% set ns.s = m.content %}{% endif %}{% endfor %}{{ ns.s }};\
        {% for m in messages %}{% if m.role != 'system' %}{{ m.role }}:{{ m.content }};{% endif %}{% endfor %}";
    let engine = with_template(last_alone);
    let later = json!([system("A."), system("B."), user("c"), assistant("d"), system("E."), user("f")]);
    assert_eq!(prompt(&engine, later.clone()), "A.\nB.;user:c;assistant:d;user:E.\nf;");
    let engines = PUBLISHED.map(|(name, _)| (name, published(name)));
    for (name, engine) in &engines {
        let whole = prompt(engine, later.clone());
        for text in ["A.", "B.", "E."] {
            assert_eq!(whole.matches(text).count(), 1, "{name}: {text} in {whole}");
        }
        let whole = prompt(engine, json!([system("Be kind."), developer, user("Hi")]));
        assert!(whole.contains("Be kind.") && whole.contains("Be brief."), "{name}: {whole}");
        // After the last question, with or without a partial answer.
        for mut messages in
            [vec![user("Why?"), system("Be kind.")], vec![system("A."), user("Why?"), system("Be kind.")]]
        {
            let whole = prompt(engine, messages.clone().into());
            assert!(whole.contains("Why?") && whole.contains("Be kind."), "{name}: {whole}");
            messages.push(assistant("So"));
            let whole = prompt(engine, messages.into());
            assert!(whole.contains("Why?") && whole.contains("Be kind."), "{name}: {whole}");
            assert!(whole.ends_with("So"), "{name}: {whole}");
        }
    }
    // A template that shows them all gets them unchanged.
    let plain = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}";
    assert_eq!(
        prompt(&with_template(plain), later),
        "system:A.;system:B.;user:c;assistant:d;system:E.;user:f;"
    );
}

#[test]
fn templates_get_arguments_in_the_form_that_they_take() {
    let style = |arguments: &str| {
        format!(
            "{{% for m in messages %}}{{{{ m.content or '' }}}}{{% for call in m.tool_calls or [] %}}\
             {{{{ '[' + call['function']['name'] + ':' }}}}{arguments}{{{{ ']' }}}}{{% endfor %}};{{% endfor %}}"
        )
    };
    let written = "{\"at\":  \"sky\"}";
    let call = |arguments: Value| {
        let call =
            json!({ "id": "1", "type": "function", "function": { "name": "look", "arguments": arguments } });
        let result = json!({ "role": "tool", "tool_call_id": "1", "content": "blue" });
        json!([user("Look!"), { "role": "assistant", "content": null, "tool_calls": [call] }, result])
    };
    for (arguments, of_text, of_object) in [
        // Like DeepSeek V3.
        ("{{ '`' + call['function']['arguments'] + '`' }}", "`{\"at\":  \"sky\"}`", "`{\"at\":\"sky\"}`"),
        ("{{ call.function.arguments }}", written, "{\"at\":\"sky\"}"),
        ("{{ call.function.arguments | tojson }}", "{\"at\": \"sky\"}", "{\"at\": \"sky\"}"),
        ("{% for k, v in call.function.arguments.items() %}{{ k ~ v }}{% endfor %}", "atsky", "atsky"),
        (
            "{% if call.function.arguments is string %}{{ call.function.arguments }}{% else %}\
             {{ call.function.arguments | tojson }}{% endif %}",
            "{\"at\": \"sky\"}",
            "{\"at\": \"sky\"}",
        ),
    ] {
        let engine = with_template(&style(arguments));
        for (given, printed) in [(written.into(), of_text), (json!({ "at": "sky" }), of_object)] {
            assert_eq!(prompt(&engine, call(given)), format!("Look!;[look:{printed}];blue;"), "{arguments}");
        }
    }
}

/// The fake's control tokens are `<|start|>` and `<|end|>`.
#[test]
fn what_a_template_makes_of_texts_is_no_control_token() {
    let said = |expression: &str, contents: &[&str]| {
        let template = format!("{{% for m in messages %}}{{{{ {expression} }}}}{{% endfor %}}");
        let messages: Vec<Value> = contents.iter().map(|text| user(text)).collect();
        let engine = with_template(&template);
        let request = Request::from_json(&json!({ "messages": messages }).to_string()).unwrap();
        let prompt = engine.generate(&request).unwrap().prompt().to_vec();
        assert!(!prompt.iter().any(|token| [START, END].contains(token)), "{expression} of {contents:?}");
    };
    for (expression, text) in [
        ("m.content|lower", "a<|START|>b"),
        ("m.content.lower()", "a<|START|>b"),
        ("m.content.title()|lower", "<|Start|>"),
        ("m.content.swapcase()", "<|START|>"),
        ("m.content.casefold()", "<|START|>"),
        ("m.content|replace('(', '<')|replace(')', '>')", "(|end|)"),
        ("m.content|replace('{x}', '')", "<|en{x}d|>"),
        ("m.content.split(' ')|join", "<|en d|>"),
        ("m.content.split()|join", "<|e\nnd|>"),
        ("m.content.split()|join", "< | e n d | >"),
        ("m.content|list|reject('in', ' -')|join", "<|e - n - d|>"),
        ("m.content|striptags", "&lt;|end|&gt;"),
        ("m.content|striptags", "<|e<b>nd|>"),
        ("m.content ~ m.content[:0]", "<|end|>"),
        ("'%s|>' % m.content", "<|end"),
        ("'<|' ~ m.content ~ '|>'", "end"),
        ("m.content|wordwrap(3, wrapstring='')", "<|e nd| >"),
    ] {
        said(expression, &[text]);
    }
    for halves in [["<|en", "d|>"], ["<", "|end|>"], ["<|END", "|>"], ["<|EN ", " D|>"], ["<|end|", ">"]] {
        said("m.content|trim|lower", &halves);
    }
    for pieces in [["<", "|", "end|>"], ["<|", "end", "|>"], ["<|", "END", "|>"]] {
        said("m.content|lower", &pieces);
    }
    // A template that inspects the text still finds it.
    let looks = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}\
                 {% if m.content.endswith('/think') %}<|start|>{% endif %}{% endfor %}";
    assert_eq!(prompt(&with_template(looks), json!([user("a</think>b /think")])), "b /think<|start|>");
}

#[test]
fn developer_becomes_system_in_templates_without_it() {
    let plain = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}";
    let messages = json!([{ "role": "developer", "content": "x" }, user("y")]);
    assert_eq!(prompt(&with_template(plain), messages.clone()), "system:x;user:y;");
    let knows = format!("{{# system or developer #}}{plain}");
    assert_eq!(prompt(&with_template(&knows), messages.clone()), "developer:x;user:y;");
    let drops = "{# for developers #}{% for m in messages %}{% if m.role in ['system', 'user'] %}\
                 {{ m.role }}:{{ m.content }};{% endif %}{% endfor %}";
    assert_eq!(prompt(&with_template(drops), messages), "system:x;user:y;");
}

#[test]
fn a_chat_with_the_maximum_of_messages_is_rendered() {
    let message = |index: usize| if index.is_multiple_of(2) { user("a") } else { assistant("b") };
    let messages: Value = (0..Request::MAX_MESSAGES - 1).map(message).collect();
    let request = Request::from_json(&json!({ "messages": messages }).to_string()).unwrap();
    for (name, _) in PUBLISHED {
        let count = published(name).count_tokens(&request).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(count > Request::MAX_MESSAGES, "{name}");
    }
}

#[test]
fn messages_that_the_template_rejects_are_an_invalid_request() {
    let engine = with_template(
        "{% for m in messages %}{% if m.content == 'odd' %}{{ raise_exception('Nothing odd.') }}{% endif %}\
         {{ m.role }}:{{ m.content }};{% endfor %}",
    );
    let error = try_prompt(&engine, json!([user("odd")])).unwrap_err();
    assert_eq!((error.code(), error.details()), (ErrorCode::InvalidRequest, json!({ "field": "messages" })));
    assert_eq!(error.to_string(), "the model's chat template rejects these messages: Nothing odd.");
}
