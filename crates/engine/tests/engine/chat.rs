//! Prompts of chats: what templates want is found out, nothing that is said is lost, and a begun answer is continued.

use crate::fake::{
    END, FakeBackend, START, engine, engine_of, model_file_with_template, sentence_piece_model_file,
};
use linnet_engine::{Engine, Error, Event, Request};
use serde_json::{Value, json};

fn with_template(template: &str) -> Engine<FakeBackend> {
    engine_of(&model_file_with_template(template), b"").0
}

fn try_prompt(engine: &Engine<FakeBackend>, messages: Value) -> Result<String, Error> {
    let request = Request::from_json(&json!({ "messages": messages }).to_string())?;
    let generation = engine.generate(&request)?;
    assert_eq!(engine.count_tokens(&request)?, generation.prompt().len());
    let mut bytes = Vec::new();
    for token in generation.prompt() {
        match *token {
            START => bytes.extend(b"<|start|>"),
            END => bytes.extend(b"<|end|>"),
            byte => bytes.push(byte as u8),
        }
    }
    Ok(String::from_utf8(bytes).unwrap())
}

fn prompt(engine: &Engine<FakeBackend>, messages: Value) -> String {
    try_prompt(engine, messages).unwrap_or_else(|error| panic!("{error}"))
}

/// The text of an answer.
fn answer(engine: &mut Engine<FakeBackend>, request: &Value) -> String {
    let request = Request::from_json(&request.to_string()).unwrap();
    let mut generation = engine.generate(&request).unwrap();
    let mut text = String::new();
    loop {
        match pollster::block_on(generation.next(engine)).unwrap() {
            Event::Token { text: more, .. } => text += &more,
            Event::Prefill { .. } => {}
            Event::Done(done) => return text + &done.text,
        }
    }
}

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn assistant(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

/// The templates of published models, and what they put before an answer.
const PUBLISHED: [(&str, &str); 8] = [
    ("SmolLM2-135M-Instruct", "<|im_start|>assistant\n"),
    ("HuggingFaceTB-SmolLM3-3B", "<|im_start|>assistant\n"),
    ("LFM2-8B-A1B", "<|im_start|>assistant\n"),
    ("Qwen-Qwen3-0.6B", "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    ("google-gemma-2-2b-it", "<start_of_turn>model\n"),
    ("meta-llama-Llama-3.2-3B-Instruct", "<|start_header_id|>assistant<|end_header_id|>\n\n"),
    ("microsoft-Phi-3.5-mini-instruct", "<|assistant|>\n"),
    ("openai-gpt-oss-120b", "<|start|>assistant<|channel|>final<|message|>"),
];

/// The template of a published model, among the fixtures.
fn published(name: &str) -> Engine<FakeBackend> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/templates");
    with_template(&std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap())
}

#[test]
fn published_templates_take_what_is_said_and_continue_what_was_begun() {
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

/// Walks over the parts, whoever speaks.
const SMOLVLM_STYLE: &str = "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}\
    {% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}\
    {% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}\
    {% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}\
    {% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// Takes both forms.
const LLAMA4_STYLE: &str = "{% for message in messages %}<|header_start|>{{ message.role }}<|header_end|>\n\n\
    {% if message.content is string %}{{ message.content }}{% else %}{% for content in message.content %}\
    {% if content.type == 'text' %}{{ content.text }}{% endif %}{% endfor %}{% endif %}<|eot|>{% endfor %}\
    {% if add_generation_prompt %}<|header_start|>assistant<|header_end|>\n\n{% endif %}";

/// Takes the first part of whatever is no answer, and filters the parts of answers.
const MINIMAX_STYLE: &str = "{% for message in messages %}{% if message['role'] == 'system' %}\
    {{ '<begin>system\n' + message['content'][0]['text'] + '<end>\n' }}{% elif message['role'] == 'user' %}\
    {{ '<begin>user\n' + message['content'][0]['text'] + '<end>\n' }}{% elif message['role'] == 'assistant' %}\
    {{ '<begin>ai\n' }}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}\
    {{ content['text'] + '<end>\n' }}{% endfor %}{% endif %}{% endfor %}\
    {% if add_generation_prompt %}{{ '<begin>ai\n' }}{% endif %}";

/// Parts of the person only; the others' texts are put together with other texts.
const MIXED_STYLE: &str = "{% for m in messages %}{% if m.role == 'user' %}U:{% for p in m.content %}{{ p.text }}{% endfor %}\
    {% else %}{{ m.role[0] | upper + ':' + m.content.split('</think>')[-1] }}{% endif %};{% endfor %}";

#[test]
fn three_questions_give_three_prompts_whatever_form_a_template_takes() {
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
        "<|im_start|>User: Hi<end_of_utterance>\nAssistant: Hello<end_of_utterance>\nUser: Bye<end_of_utterance>\nAssistant:"
    );
    let minimax = prompt(&with_template(MINIMAX_STYLE), conversation.clone());
    assert_eq!(minimax, "<begin>user\nHi<end>\n<begin>ai\nHello<end>\n<begin>user\nBye<end>\n<begin>ai\n");
    assert_eq!(prompt(&with_template(MIXED_STYLE), conversation), "U:Hi;A:Hello;U:Bye;");
    // One that looks at whether content is a string gets a string.
    let strict = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}\
                  {{ raise_exception('no string') }}{% endif %}{% endfor %}";
    let parts = json!([{ "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] }]);
    assert_eq!(prompt(&with_template(strict), parts), "a\nb");
}

#[test]
fn a_template_that_leaves_out_what_the_person_says_is_refused_for_chats_alone() {
    for template in [
        "{% for m in messages %}<|start|>{{ m.role }}<|end|>{% endfor %}",
        "{% for m in messages %}{% for p in m.content %}{% if p.type == 'prose' %}{{ p.text }}{% endif %}{% endfor %}{% endfor %}",
        "always the same",
        "",
    ] {
        let engine = with_template(template);
        assert!(!engine.info().model.chat, "{template}");
        let error =
            try_prompt(&engine, json!([{ "role": "system", "content": "x" }, user("Hi")])).unwrap_err();
        assert_eq!(
            (error.code(), error.details()["field"].as_str()),
            ("bad-template", Some("messages[1].content"))
        );
        assert!(engine.generate(&Request::from_json(r#"{"prompt":"a"}"#).unwrap()).is_ok());
    }
    assert!(engine(b"").0.info().model.chat);
}

#[test]
fn a_template_that_does_not_compile_is_refused_for_chats_alone() {
    for template in ["{% for", "{{ 1|nonesuch( }}", &"{% if x %}".repeat(5000), &" ".repeat(2 << 20)] {
        let engine = with_template(template);
        assert!(!engine.info().model.chat);
        let error = try_prompt(&engine, json!([user("Hi")])).unwrap_err();
        assert_eq!(error.code(), "bad-template");
        let hint = "put the whole prompt together yourself";
        assert!(error.to_string().contains(hint), "{error}");
        let completion = Request::from_json(r#"{"prompt":"a"}"#).unwrap();
        assert!(engine.generate(&completion).is_ok());
    }
}

#[test]
fn a_question_that_a_template_drops_later_is_refused_then() {
    let first_only =
        "{% for m in messages %}{{ m.role }}:{% if loop.index < 3 %}{{ m.content }}{% endif %};{% endfor %}";
    let engine = with_template(first_only);
    assert_eq!(prompt(&engine, json!([user("a")])), "user:a;");
    let error = try_prompt(&engine, json!([user("a"), assistant("b"), user("secret")])).unwrap_err();
    assert_eq!(
        (error.code(), error.details()["field"].as_str()),
        ("bad-template", Some("messages[2].content"))
    );
}

#[test]
fn templates_that_change_a_text_are_no_templates_that_lose_it() {
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
        // Demands a system message first.
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
            assert_eq!(error.code(), "invalid-request", "the template says what it wants: {error}");
        } else {
            assert_eq!(prompt(&engine, json!([user(said)])), shown, "{template}");
        }
    }
}

#[test]
fn a_template_without_system_messages_gets_their_text_with_the_first_question() {
    let raises = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
                  {{ m.role }}:{{ m.content }};{% endfor %}";
    let drops = "{% for m in messages %}{% if m.role != 'system' %}{{ m.role }}:{{ m.content }};{% endif %}{% endfor %}";
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

/// Templates that show the first, the last or no later instructions get them where they show.
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
        // After the last question, whether an answer is begun or not.
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
    // One that shows them all has them as they were given.
    let plain = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}";
    assert_eq!(
        prompt(&with_template(plain), later),
        "system:A.;system:B.;user:c;assistant:d;system:E.;user:f;"
    );
}

#[test]
fn instructions_that_a_template_drops_in_one_conversation_are_refused_then() {
    let forgets = "{% for m in messages %}{% if m.role != 'system' or loop.index < 5 %}{{ m.content }};{% endif %}{% endfor %}";
    let engine = with_template(forgets);
    let system = json!({ "role": "system", "content": "Be kind." });
    let (a, b) = (user("a"), assistant("b"));
    assert_eq!(prompt(&engine, json!([a, b, a, system])), "a;b;a;Be kind.;");
    let error = try_prompt(&engine, json!([a, b, a, b, a, system])).unwrap_err();
    assert_eq!(
        (error.code(), error.details()["field"].as_str()),
        ("bad-template", Some("messages[5].content"))
    );
}

#[test]
fn results_of_tools_that_a_template_leaves_out_are_refused() {
    let engine = published("microsoft-Phi-3.5-mini-instruct");
    let call = json!({ "id": "1", "type": "function", "function": { "name": "colour", "arguments": "{}" } });
    let mut messages = vec![
        user("Is the sky blue?"),
        json!({ "role": "assistant", "content": "", "tool_calls": [call] }),
        json!({ "role": "tool", "tool_call_id": "1", "content": "blue" }),
    ];
    for (name, engine) in
        [("SmolLM3", published("HuggingFaceTB-SmolLM3-3B")), ("Qwen3", published("Qwen-Qwen3-0.6B"))]
    {
        assert_eq!(prompt(&engine, messages.clone().into()).matches("blue").count(), 2, "{name}");
    }
    for begun in [false, true] {
        if begun {
            messages.push(assistant("It is"));
        }
        let error = try_prompt(&engine, messages.clone().into()).unwrap_err();
        assert_eq!(
            (error.code(), error.details()["field"].as_str(), error.details()["role"].as_str()),
            ("bad-template", Some("messages[2].content"), Some("tool"))
        );
    }
}

#[test]
fn what_a_template_cuts_out_of_a_text_leaves_no_control_token() {
    let engine = published("HuggingFaceTB-SmolLM3-3B");
    for text in ["x<|e/no_thinknd|>", "<|/no_think/no_thinkend|>", "/no_think<|end/no_think|>"] {
        let messages = json!([{ "role": "system", "content": text }, user("Hi")]);
        let request = Request::from_json(&json!({ "messages": messages }).to_string()).unwrap();
        let generation = engine.generate(&request).unwrap();
        assert!(!generation.prompt().iter().any(|token| [START, END].contains(token)), "{text}");
        let whole = prompt(&engine, messages);
        assert!(whole.contains("<|end|>") && !whole.contains('\u{FDD0}'), "{whole}");
    }
}

#[test]
fn developers_are_systems_to_templates_that_do_not_know_them() {
    let plain = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}";
    let messages = json!([{ "role": "developer", "content": "x" }, user("y")]);
    assert_eq!(prompt(&with_template(plain), messages.clone()), "system:x;user:y;");
    let knows = format!("{{# system or developer #}}{plain}");
    assert_eq!(prompt(&with_template(&knows), messages.clone()), "developer:x;user:y;");
    let drops = "{# for developers #}{% for m in messages %}{% if m.role in ['system', 'user'] %}\
                 {{ m.role }}:{{ m.content }};{% endif %}{% endfor %}";
    assert_eq!(prompt(&with_template(drops), messages), "system:x;user:y;");
}

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

#[test]
fn an_answer_at_the_end_is_continued() {
    let begin = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    let engine = with_template(CHATML);
    for text in
        ["The answer is", "im", "user", "Hi", "a\n\nb", "ends with space  \n", "<|end|>", "\u{FDD1}", "", " "]
    {
        let expected = format!("{begin}{text}");
        assert_eq!(prompt(&engine, json!([user("Hi"), assistant(text)])), expected, "{text:?}");
    }
    let parts = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    assert_eq!(
        prompt(&engine, json!([user("Hi"), { "role": "assistant", "content": parts }])),
        format!("{begin}a\nb")
    );
    // Twice the same.
    let twice = json!([user("Hi"), assistant("yes"), user("Hi"), assistant("yes")]);
    assert_eq!(prompt(&engine, twice), format!("{begin}yes<|im_end|>\n{begin}yes"));
    assert!(
        prompt(&with_template(SMOLVLM_STYLE), json!([user("Hi"), assistant("So")]))
            .ends_with("\nAssistant: So")
    );
}

/// Mistral 7B v0.3's, Nemo's and Small's: the instructions are in the person's last message, if that is the last of all.
const MISTRAL_STYLE: &str = "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}\
    {%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}\
    {%- for message in loop_messages %}{%- if message['role'] == 'user' %}\
    {%- if loop.last and system_message is defined %}{{- '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}\
    {%- else %}{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}\
    {%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] + '</s>' }}{%- endif %}{%- endfor %}";

#[test]
fn a_continued_answer_keeps_the_instructions() {
    let engine = with_template(MISTRAL_STYLE);
    let system = json!({ "role": "system", "content": "Be kind." });
    assert_eq!(
        prompt(&engine, json!([system, user("Hi"), assistant("So")])),
        "[INST] Be kind.\n\nHi[/INST]So"
    );
    assert_eq!(
        prompt(&engine, json!([system, user("a"), assistant("b"), user("c"), assistant("So")])),
        "[INST] a[/INST] b</s>[INST] Be kind.\n\nc[/INST]So"
    );
    assert_eq!(prompt(&engine, json!([user("Hi"), assistant("So")])), "[INST] Hi[/INST] So");
}

#[test]
fn the_answer_is_only_what_follows() {
    let (mut engine, _) = engine_of(
        &model_file_with_template("{% for m in messages %}{{ '\n' + m.content }}{% endfor %}"),
        b"abcd",
    );
    let request = json!({ "messages": [user("x"), assistant("ab")], "temperature": 0 });
    assert_eq!(answer(&mut engine, &request), "cd");
}

/// SentencePiece writes the space before a word into the word. It is part of what follows a text, but not of a new answer.
#[test]
fn the_space_before_what_follows_is_kept() {
    let (mut engine, _) = engine_of(&sentence_piece_model_file(), &[4; 60]);
    for (request, text) in [
        (json!({ "messages": [user("a")] }), "b b"),
        (json!({ "messages": [user("a"), assistant("a")] }), " b b"),
        (json!({ "messages": [user("a"), assistant("")] }), "b b"),
        (json!({ "prompt": "a" }), " b b"),
    ] {
        let mut request = request;
        request["max_tokens"] = 2.into();
        assert_eq!(answer(&mut engine, &request), text, "{request}");
    }
}

#[test]
fn a_begun_answer_stands_where_the_template_puts_answers() {
    // Qwen3's: the last answer has a thought before it.
    let thinks = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}\
        {% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] | trim }}{% else %}\
        {{ '<think>\n\n</think>\n\n' + m.content }}{% endif %}{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}\
        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let begin = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    let engine = with_template(thinks);
    let continued = |text: &str| prompt(&engine, json!([user("Hi"), assistant(text)]));
    assert_eq!(continued("So"), format!("{begin}<think>\n\n</think>\n\nSo"));
    // What the model wrote itself goes on as it was.
    for text in ["<think>\nOkay, so", "<think>\nOkay.\n</think>\n\nSo"] {
        assert_eq!(continued(text), format!("{begin}{text}"));
    }
    // DeepSeek R1's: the generation prompt opens the thought.
    let opens = "{% for m in messages %}{% if m.role == 'user' %}<U>{{ m.content }}{% else %}\
        <A>{{ m.content.split('</think>')[-1] }}<end>{% endif %}{% endfor %}\
        {% if add_generation_prompt %}<A><think>\n{% endif %}";
    let engine = with_template(opens);
    let continued = |text: &str| prompt(&engine, json!([user("Hi"), assistant(text)]));
    assert_eq!(continued("So"), "<U>Hi<A>So");
    assert_eq!(continued("<think>\nOkay"), "<U>Hi<A><think>\nOkay");
    assert_eq!(continued("Okay.</think>So"), "<U>Hi<A><think>\nOkay.</think>So");
    // One that takes no answer last.
    let alternates = "{% if messages[-1].role != 'user' %}{{ raise_exception('user last') }}{% endif %}\
        {% for m in messages %}[{{ m.content }}]{% endfor %}";
    assert_eq!(prompt(&with_template(alternates), json!([user("Hi"), assistant("So")])), "[Hi]So");
}
