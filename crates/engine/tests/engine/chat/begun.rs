//! Continuing an answer at the end of a conversation.

use crate::chats::{
    Answer, SMOLVLM_STYLE, assistant, prompt, published, source_of, try_request, user, with_template,
};
use crate::fake::{
    END, FakeBackend, THINK, engine_of, model_file_with_template, sentence_piece_model_file,
    thinking_model_file,
};
use linnet_engine::{Engine, Event, Request};
use serde_json::{Value, json};

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
    // An earlier exchange with the same texts makes no difference.
    let twice = json!([user("Hi"), assistant("yes"), user("Hi"), assistant("yes")]);
    assert_eq!(prompt(&engine, twice), format!("{begin}yes<|im_end|>\n{begin}yes"));
    assert!(
        prompt(&with_template(SMOLVLM_STYLE), json!([user("Hi"), assistant("So")]))
            .ends_with("\nAssistant: So")
    );
}

/// Mistral 7B v0.3, Nemo and Small: the instructions are in the last user message, if that is the last
/// message.
const MISTRAL_STYLE: &str = "{%- if messages[0]['role'] == 'system' %}\
    {%- set system_message = messages[0]['content'] %}\
    {%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}\
    {%- for message in loop_messages %}{%- if message['role'] == 'user' %}\
    {%- if loop.last and system_message is defined %}\
    {{- '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}\
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

/// SentencePiece writes the space before a word into the word. It is part of a continued text, but not of a
/// new answer.
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
fn a_partial_answer_goes_where_the_template_puts_answers() {
    // Qwen3: the last answer has reasoning before it.
    let thinks = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}\
        {% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] | trim }}{% else %}\
        {{ '<think>\n\n</think>\n\n' + m.content }}{% endif %}{% else %}\
        {{ m.content }}{% endif %}<|im_end|>\n{% endfor %}\
        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    let begin = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    let engine = with_template(thinks);
    let continued = |text: &str| prompt(&engine, json!([user("Hi"), assistant(text)]));
    assert_eq!(continued("So"), format!("{begin}<think>\n\n</think>\n\nSo"));
    // The model's own text continues unchanged.
    for text in ["<think>\nOkay, so", "<think>\nOkay.\n</think>\n\nSo"] {
        assert_eq!(continued(text), format!("{begin}{text}"));
    }
    // The generation prompt opens the reasoning.
    let engine = with_template(R1_STYLE);
    let continued = |text: &str| prompt(&engine, json!([user("Hi"), assistant(text)]));
    assert_eq!(continued("So"), "<U>Hi<A>So");
    assert_eq!(continued("<think>\nOkay"), "<U>Hi<A><think>\nOkay");
    assert_eq!(continued("Okay.</think>So"), "<U>Hi<A><think>\nOkay.</think>So");
    // A template that rejects an answer as the last message.
    let alternates = "{% if messages[-1].role != 'user' %}{{ raise_exception('user last') }}{% endif %}\
        {% for m in messages %}[{{ m.content }}]{% endfor %}";
    assert_eq!(prompt(&with_template(alternates), json!([user("Hi"), assistant("So")])), "[Hi]So");
}

/// A partial answer with reasoning, and perhaps the text after it.
fn thinking(thought: &str, text: &str) -> Value {
    json!({ "role": "assistant", "content": text, "reasoning_content": thought })
}

/// DeepSeek R1: the generation prompt opens the reasoning.
const R1_STYLE: &str = "{% for m in messages %}{% if m.role == 'user' %}<U>{{ m.content }}{% else %}\
    <A>{{ m.content.split('</think>')[-1] }}<end>{% endif %}{% endfor %}\
    {% if add_generation_prompt %}<A><think>\n{% endif %}";

#[test]
fn partial_reasoning_is_continued() {
    let gpt_oss = "<|start|>assistant<|channel|>analysis<|message|>";
    for (name, engine, end) in [
        ("Qwen3", published("Qwen-Qwen3-0.6B"), "<|im_start|>assistant\n<think>\nLet me see, "),
        ("gpt-oss", published("openai-gpt-oss-120b"), &format!("{gpt_oss}Let me see, ")),
        ("SmolLM3", published("HuggingFaceTB-SmolLM3-3B"), "<|im_start|>assistant\n<think>\nLet me see, "),
        ("R1", with_template(R1_STYLE), "<U>Hi<A><think>\nLet me see, "),
        ("ChatML", with_template(CHATML), "<|im_start|>assistant\n<think>\nLet me see, "),
    ] {
        for text in ["", "\n"] {
            let prompt = prompt(&engine, json!([user("Hi"), thinking("Let me see, ", text)]));
            assert!(prompt.ends_with(end), "{name}: {prompt}");
        }
    }
}

#[test]
fn reasoning_before_a_partial_text_is_kept_if_the_template_supports_it() {
    let thought = "<think>\nLet me see.\n</think>\n\nSo ";
    let gpt_oss = "<|start|>assistant<|channel|>analysis<|message|>Let me see.<|end|>\
                   <|start|>assistant<|channel|>final<|message|>So ";
    for (name, engine, end) in [
        ("Qwen3", published("Qwen-Qwen3-0.6B"), &*format!("<|im_start|>assistant\n{thought}")),
        ("gpt-oss", published("openai-gpt-oss-120b"), gpt_oss),
        ("R1", with_template(R1_STYLE), &format!("<U>Hi<A>{thought}")),
        // It does not support reasoning.
        ("ChatML", with_template(CHATML), "<|im_start|>assistant\nSo "),
    ] {
        let prompt = prompt(&engine, json!([user("Hi"), thinking("Let me see.\n", "So ")]));
        assert!(prompt.ends_with(end), "{name}: {prompt}");
    }
}

/// Templates split answers at these marks. In the user's text they stay text.
#[test]
fn reasoning_marks_are_control_tokens_only_in_answers() {
    let file = thinking_model_file(
        "{% for m in messages %}[{{ m.content.split('</think>')[-1] \
         if m.role == 'assistant' else m.content }}]{% endfor %}",
    );
    let engine = engine_of(&file, b"").0;
    let tokens = |messages: Value| {
        let request = Request::from_json(&json!({ "messages": messages }).to_string()).unwrap();
        engine.generate(&request).unwrap().prompt().to_vec()
    };
    let bytes = |text: &str| text.bytes().map(u32::from).collect::<Vec<_>>();
    let answer = assistant("<think>Hm, <b>.</think>Yes.");
    assert_eq!(tokens(json!([user("<Hi>"), answer, user("</think>?")])), bytes("[<Hi>][Yes.][</think>?]"));
    // A continued answer keeps its marks as the model wrote them.
    let begun = tokens(json!([user("<think>"), assistant("<think>Hm")]));
    assert_eq!(begun, [bytes("[<think>]"), vec![THINK], bytes("Hm")].concat());
    assert!(!tokens(json!([user("a"), assistant("<|end|>"), user("b")])).contains(&END));
}

/// Answers with reasoning between these marks, as the template writes and cuts it.
fn style(open: &str, close: &str) -> String {
    format!(
        "{{% for m in messages %}}<{{{{ m.role }}}}>{{% if m.reasoning_content %}}{open}\n\
         {{{{ m.reasoning_content }}}}\n{close}\n\n{{% endif %}}{{{{ m.content.split('{close}')[-1] }}}};{{% endfor %}}\
         {{% if add_generation_prompt %}}<assistant>{{% endif %}}"
    )
}

/// The marks are those of the model's own format, and the answer goes on where the message ends.
#[test]
fn reasoning_that_the_content_begins_is_continued() {
    for [open, close] in
        [["<think>", "</think>"], ["[THINK]", "[/THINK]"], ["<|channel>thought", "<channel|>"]]
    {
        let template = style(open, close);
        let read = |said: &str, output: &str| {
            let request = json!({ "messages": [user("Hi"), assistant(said)] });
            let Answer { text, reasoning, .. } = Answer::of(&template, &request, output);
            [reasoning, text]
        };
        let begun = format!("{open}\nOkay, the");
        assert_eq!(read(&begun, &format!(" sky.{close}It is")), [" sky.", "It is"], "{open}");
        let prompt = prompt(&with_template(&template), json!([user("Hi"), assistant(&begun)]));
        assert!(prompt.ends_with(&format!("<assistant>{begun}")), "{prompt}");
        assert_eq!(read(open, &format!("\nSky.{close}It is")), ["Sky.", "It is"]);
        assert_eq!(read(&format!("{begun} sky.{close}It"), " is"), ["", " is"]);
        assert_eq!(read("It", " is"), ["", " is"]);
        // An answer may explain a mark like HTML's, but no other.
        let shown = if close.contains('/') { close } else { "" };
        assert_eq!(read("Write <x> as", &format!(" {close}.")), ["", &format!(" {shown}.")]);
    }
}

#[test]
fn a_continued_text_keeps_its_space() {
    let answer = |template: &str, message: Value, output: &str| {
        let answer = Answer::of(template, &json!({ "messages": [user("Hi"), message] }), output);
        [answer.reasoning, answer.text]
    };
    let gpt_oss = source_of("openai-gpt-oss-120b");
    assert_eq!(answer(&gpt_oss, assistant("The"), " assistant to=x"), ["", " assistant to=x"]);
    assert_eq!(answer(&gpt_oss, thinking("Let", ""), " me."), [" me.", ""]);
    for template in [R1_STYLE, &source_of("Qwen-Qwen3-0.6B"), CHATML] {
        assert_eq!(answer(template, thinking("Let", ""), " me.</think>\nSo"), [" me.", "So"], "{template}");
    }
}

/// A template that can only open reasoning gets the text after it.
#[test]
fn a_partial_text_is_no_reasoning() {
    let template = "{% if messages[-1].role != 'user' %}{{ raise_exception('user last') }}{% endif %}\
        {% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}<think>\n";
    let prompt = prompt(&with_template(template), json!([user("Hi"), assistant("So")]));
    assert_eq!(prompt, "Hi<think>\n</think>\n\nSo");
}

/// Command-A marks its answers.
#[test]
fn an_answer_between_marks_is_continued() {
    let template = "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}\
        {% if m.tool_calls %}{% if m.reasoning_content %}\
        <|START_THINKING|>{{ m.reasoning_content }}<|END_THINKING|>{% endif %}\
        {% for c in m.tool_calls %}<call>{\"name\": \"{{ c.function.name }}\", \"arguments\": \
        {{ c.function.arguments | tojson }}}</call>{% endfor %}\
        {% else %}<|START_RESPONSE|>{{ m.content }}<|END_RESPONSE|>{% endif %}\
        {% else %}{{ m.content }}{% endif %}{% if tools and loop.first %}{{ tools | tojson }}{% endif %}{% endfor %}\
        {% if add_generation_prompt %}<|assistant|>{% endif %}";
    let engine = with_template(template);
    let last = json!({ "role": "assistant", "reasoning_content": "Thought", "content": "The answer" });
    let mut request = json!({ "messages": [user("Hi"), last] });
    let end = "<|START_THINKING|>\nThought\n<|END_THINKING|>\n\n<|START_RESPONSE|>The answer";
    let continued = try_request(&engine, &request).unwrap();
    assert!(continued.ends_with(end), "{continued}");
    request["tools"] = json!([{ "type": "function", "function": { "name": "f", "parameters": {} } }]);
    request["tool_choice"] = "required".into();
    let continued = try_request(&engine, &request).unwrap();
    let end = format!("{end}<|END_RESPONSE|><call>{{\"name\": \"f\", \"arguments\": ");
    assert!(continued.ends_with(&end), "{continued}");
}
