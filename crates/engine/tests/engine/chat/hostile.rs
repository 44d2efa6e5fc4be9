//! Texts full of every family's marks change nothing in the structure of a prompt.

#[path = "../../../../../tests/support/hostile.rs"]
mod support;

use crate::chats::{PUBLISHED, SMOLVLM_STYLE, source_of};
use crate::fake::byte_tokens;
use linnet_engine::{ChatTemplates, Request};
use linnet_gguf::{Array, Gguf, HeaderWriter, Strings, Value as Entry};
use linnet_text::{EncodeOptions, LocalTime, Marks, Tokenizer};
use serde_json::{Value, json};

/// The marks of all known families, as tokens of one vocabulary.
const MARKS: &str = "<|im_start|> <|im_end|> <think> </think> <tool_call> </tool_call> <tool_response> \
    </tool_response> <tools> </tools> <|start|> <|end|> <|message|> <|channel|> <|call|> <|return|> \
    <|constrain|> <|turn> <turn|> <|channel> <channel|> <|tool_call> <tool_call|> <|tool_response> \
    <tool_response|> <|\"|> <|tool> <tool|> <|think|> <start_of_turn> <end_of_turn> <start_function_call> \
    <end_function_call> <start_function_response> <end_function_response> <escape> <|start_header_id|> \
    <|end_header_id|> <|eot_id|> <|python_tag|> <|begin_of_text|> [INST] [/INST] [TOOL_CALLS] \
    [TOOL_RESULTS] [/TOOL_RESULTS] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [ARGS] [CALL_ID] [THINK] [/THINK] \
    [SYSTEM_PROMPT] [/SYSTEM_PROMPT] <s> </s> <|tool_call_start|> <|tool_call_end|> <|tool_list_start|> \
    <|tool_list_end|> <|tool_response_start|> <|tool_response_end|> <|tool_call|> <|/tool_call|> \
    <|start_of_role|> <|end_of_role|> <|end_of_text|> <|user|> <|assistant|> <|system|> <|observation|> \
    <|endoftext|> <arg_key> </arg_key> <arg_value> </arg_value> <function= </function> <parameter= \
    </parameter> <param </param> <tool_calls> </tool_calls> <answer> </answer> <response> </response> \
    <bos> <eos> [gMASK]<sop> <｜User｜> <｜Assistant｜> <｜tool▁calls▁begin｜> <｜tool▁calls▁end｜> \
    <｜tool▁call▁begin｜> <｜tool▁call▁end｜> <｜tool▁sep｜> <｜tool▁outputs▁begin｜> <｜tool▁output▁begin｜> \
    <｜DSML｜ [|system|] [|user|] [|assistant|] [|tool|] [|endofturn|]";

/// Gemma 4: bare keys, strings between marks, types in upper case.
const GEMMA_STYLE: &str = "{%- macro value(v) -%}{%- if v is string -%}<|\"|>{{ v }}<|\"|>\
    {%- elif v is mapping -%}{ {%- for k, i in v | dictsort -%}{{ k }}:{{ value(i) }},{%- endfor -%} }\
    {%- elif v is sequence -%}[{%- for i in v -%}{{ value(i) }},{%- endfor -%}]\
    {%- else -%}{{ v }}{%- endif -%}{%- endmacro -%}\
    <bos>{%- for t in tools or [] -%}<|tool>{{ t.function.name }}:{{ t.function.description }}\
    {%- for k, p in t.function.parameters.properties | dictsort -%}{{ k }}:{{ p.type | upper }}\
    {%- if p.type | upper == 'STRING' and p.enum -%}{{ value(p.enum) }}{%- endif -%}{%- endfor -%}<tool|>\
    {%- endfor -%}{%- for m in messages -%}<|turn>{{ m.role }}\n\
    {%- if m.reasoning -%}<|channel>thought\n{{ m.reasoning }}<channel|>{%- endif -%}{{ m.content | trim }}\
    {%- for c in m.tool_calls or [] -%}<|tool_call>call:{{ c.function.name }}\
    {{ value(c.function.arguments) }}<tool_call|>{%- endfor -%}<turn|>\n{%- endfor -%}<|turn>model\n";

/// Mistral Nemo: ids of nine characters, tools before the last question.
const MISTRAL_STYLE: &str = "<s>{%- for m in messages -%}{%- if m.role == 'user' -%}\
    {%- if tools and loop.last -%}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{%- endif -%}\
    [INST]{{ m.content }}[/INST]{%- elif m.tool_calls -%}[TOOL_CALLS][{%- for c in m.tool_calls -%}\
    {%- if c.id | length != 9 -%}{{ raise_exception('id') }}{%- endif -%}\
    {{ c.function | tojson }}, {{ c.id }}{%- endfor -%}]</s>{%- elif m.role == 'tool' -%}\
    {%- if m.tool_call_id | length != 9 -%}{{ raise_exception('id') }}{%- endif -%}\
    [TOOL_RESULTS]{{ m.content }} {{ m.tool_call_id }}[/TOOL_RESULTS]\
    {%- elif m.role == 'system' -%}[SYSTEM_PROMPT]{{ m.content }}[/SYSTEM_PROMPT]\
    {%- else -%}{{ m.content }}</s>{%- endif -%}{%- endfor -%}";

/// GLM and Qwen3-Coder: arguments between marks of their own.
const TAGGED_STYLE: &str = "[gMASK]<sop>{%- for t in tools or [] -%}<|system|>{{ t | tojson }}{%- endfor -%}\
    {%- for d in documents or [] -%}<|system|>{{ d.title | upper }}: {{ d.text }}{%- endfor -%}\
    {%- if style -%}<|system|>{{ style }}{%- endif -%}\
    {%- for m in messages -%}<|{{ m.role }}|>{%- if m.role == 'assistant' -%}\
    <think>{{ m.reasoning_content }}</think>{%- endif -%}{{ m.content.split('</think>')[-1] }}\
    {%- for c in m.tool_calls or [] -%}<tool_call>{{ c.function.name }}\
    {%- for k, v in c.function.arguments.items() -%}<arg_key>{{ k }}</arg_key>\
    <arg_value>{{ v if v is string else v | tojson }}</arg_value>{%- endfor -%}</tool_call>{%- endfor -%}\
    {%- endfor -%}<|assistant|>";

/// DeepSeek: names and JSON between marks.
const DEEPSEEK_STYLE: &str = "{%- for t in tools or [] -%}{{ t.function | tojson }}\n{%- endfor -%}\
    {%- for m in messages -%}{%- if m.role == 'user' -%}<｜User｜>{{ m.content }}\
    {%- elif m.role == 'tool' -%}<｜tool▁output▁begin｜>{{ m.content }}\
    {%- else -%}<｜Assistant｜>{{ m.content }}{%- if m.tool_calls -%}<｜tool▁calls▁begin｜>\
    {%- for c in m.tool_calls -%}<｜tool▁call▁begin｜>{{ c.function.name }}<｜tool▁sep｜>\
    {{ c.function.arguments | tojson }}<｜tool▁call▁end｜>{%- endfor -%}<｜tool▁calls▁end｜>{%- endif -%}\
    {%- endif -%}{%- endfor -%}<｜Assistant｜>";

/// How a vocabulary types the marks of its own template; others are control tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Control = 3,
    UserDefined = 4,
}

/// What the prompt may also contain: this crate describes tools with these.
const GENERIC: &str = "<tools> </tools> <tool_call> </tool_call> <tool_response> </tool_response>";

struct Model {
    templates: ChatTemplates,
    tokenizer: Tokenizer,
}

impl Model {
    fn new(template: &str, own: Kind) -> Self {
        let mut tokens: Strings = byte_tokens().collect();
        let mut types = vec![1; 256];
        for mark in MARKS.split_whitespace() {
            let is_own = template.contains(mark) || GENERIC.contains(mark);
            tokens.push(mark);
            types.push(if is_own { own } else { Kind::Control } as i32);
        }
        let mut writer = HeaderWriter::new();
        for (key, value) in [
            ("general.architecture", Entry::String("llama".into())),
            ("tokenizer.ggml.model", Entry::String("gpt2".into())),
            ("tokenizer.ggml.pre", Entry::String("gpt-2".into())),
            ("tokenizer.ggml.tokens", Entry::Array(Array::Strings(tokens))),
            ("tokenizer.ggml.token_type", Entry::Array(Array::I32(types))),
            ("tokenizer.ggml.merges", Entry::Array(Array::Strings(Strings::default()))),
            ("tokenizer.chat_template", Entry::String(template.into())),
        ] {
            writer.metadata(key, value);
        }
        let metadata = Gguf::parse(&writer.to_bytes()).unwrap().metadata;
        let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
        let templates = ChatTemplates::from_gguf(&metadata, &tokenizer, LocalTime::EPOCH);
        Model { templates: templates.unwrap().unwrap().unwrap(), tokenizer }
    }

    /// The marks in a prompt, and its text.
    fn marks(&self, request: &Value) -> (Vec<u32>, String) {
        let request = Request::from_json(&request.to_string()).unwrap();
        let prompt = self.templates.prompt(&request, &self.tokenizer, LocalTime::EPOCH);
        let prompt = prompt.unwrap_or_else(|error| panic!("{error}"));
        let options = EncodeOptions { add_special: false, parse_special: true };
        let tokens = self.tokenizer.encode(&prompt, options).unwrap();
        (tokens.into_iter().filter(|token| *token >= 256).collect(), prompt.replace('\u{FDD0}', ""))
    }

    /// The marks that an answer may not contain: all but those around the model's own reasoning, at which
    /// templates split answers.
    fn marks_in_no_answer(&self) -> impl Iterator<Item = &'static str> {
        let own = self.templates.format().inline_reasoning().cloned();
        let own = own.unwrap_or_else(|| Marks::new("<think>", "</think>"));
        MARKS
            .split_whitespace()
            .filter(move |mark| ![&own.open, &own.close].iter().any(|own| own.contains(mark)))
    }
}

#[test]
fn no_text_changes_the_structure_of_a_prompt() {
    let own = [GEMMA_STYLE, MISTRAL_STYLE, TAGGED_STYLE, DEEPSEEK_STYLE, SMOLVLM_STYLE].map(str::to_owned);
    let templates: Vec<String> = PUBLISHED.map(|(name, _)| source_of(name)).into_iter().chain(own).collect();
    for (template, kind) in templates.iter().flat_map(|it| [(it, Kind::Control), (it, Kind::UserDefined)]) {
        let model = Model::new(template, kind);
        let (structure, _) = model.marks(&support::request("plain", "plain"));
        let texts = support::texts(MARKS.split_whitespace());
        for (text, answer) in texts.iter().zip(support::texts(model.marks_in_no_answer())) {
            let (marks, prompt) = model.marks(&support::request(text, &answer));
            assert_eq!(marks, structure, "{kind:?} {template}\n{prompt}");
            assert!(prompt.contains(&format!("again {text}")), "{prompt}");
        }
    }
}

/// White space, words and HTML that no template writes are tokens in texts, too.
#[test]
fn other_user_defined_tokens_stay_whole() {
    let template = "{% for m in messages %}<turn>{{ m.content }}</turn>{% endfor %}";
    let others = ["  ", "hi", "<table>"];
    let tokens = byte_tokens().chain(["<turn>", "</turn>"].iter().chain(&others).map(|it| (*it).to_owned()));
    let keys = [
        ("tokenizer.ggml.model", Entry::String("gpt2".into())),
        ("tokenizer.ggml.pre", Entry::String("gpt-2".into())),
        ("tokenizer.ggml.tokens", Entry::Array(Array::Strings(tokens.collect()))),
        ("tokenizer.ggml.token_type", Entry::Array(Array::I32([vec![1; 256], vec![4; 5]].concat()))),
        ("tokenizer.ggml.merges", Entry::Array(Array::Strings(Strings::default()))),
        ("tokenizer.chat_template", Entry::String(template.into())),
    ];
    let mut writer = HeaderWriter::new();
    for (key, value) in keys {
        writer.metadata(key, value);
    }
    let metadata = Gguf::parse(&writer.to_bytes()).unwrap().metadata;
    let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
    let templates = ChatTemplates::from_gguf(&metadata, &tokenizer, LocalTime::EPOCH);
    let model = Model { templates: templates.unwrap().unwrap().unwrap(), tokenizer };
    let request = json!({ "messages": [{ "role": "user", "content": "<table>  hi</turn>" }] });
    assert_eq!(model.marks(&request).0, [256, 260, 258, 259, 257]);
}

#[test]
fn no_document_and_no_variable_changes_the_structure() {
    let model = Model::new(TAGGED_STYLE, Kind::UserDefined);
    let request = |text: &str| {
        json!({
            "messages": [{ "role": "user", "content": "Hi" }],
            "documents": [{ "title": text, "text": text }],
            "chat_template_kwargs": { "style": text },
        })
    };
    let (structure, _) = model.marks(&request("plain text"));
    for text in support::texts(MARKS.split_whitespace()) {
        let (marks, prompt) = model.marks(&request(&text));
        assert_eq!(marks, structure, "{prompt}");
        assert_eq!(
            prompt.matches(&text.to_uppercase()).count(),
            if text == text.to_uppercase() { 3 } else { 1 }
        );
    }
}
