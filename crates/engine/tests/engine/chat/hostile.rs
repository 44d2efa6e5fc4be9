//! Texts full of every family's marks change nothing in the structure of a prompt.

use crate::chats::{PUBLISHED, SMOLVLM_STYLE, source_of};
use crate::fake::byte_tokens;
use linnet_engine::{ChatTemplates, Request};
use linnet_gguf::{Array, Gguf, HeaderWriter, Strings, Value as Entry};
use linnet_text::{EncodeOptions, LocalTime, Tokenizer};
use serde_json::{Value, json};

/// The marks of all known families, as control tokens of one vocabulary.
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

struct Model {
    templates: ChatTemplates,
    tokenizer: Tokenizer,
}

impl Model {
    fn new(template: &str) -> Self {
        let mut tokens: Strings = byte_tokens().collect();
        let mut types = vec![1; 256];
        for mark in MARKS.split_whitespace() {
            tokens.push(mark);
            types.push(3);
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

    /// The control tokens of a prompt, and its text.
    fn controls(&self, request: &Value) -> (Vec<u32>, String) {
        let request = Request::from_json(&request.to_string()).unwrap();
        let prompt = self.templates.prompt(&request, &self.tokenizer, LocalTime::EPOCH);
        let prompt = prompt.unwrap_or_else(|error| panic!("{error}"));
        let options = EncodeOptions { add_special: false, parse_special: true };
        let tokens = self.tokenizer.encode(&prompt, options).unwrap();
        (tokens.into_iter().filter(|token| *token >= 256).collect(), prompt.replace('\u{FDD0}', ""))
    }
}

/// A request with this text in every place that takes one.
fn request(text: &str) -> Value {
    let said = |place: &str| format!("{place} {text}.");
    let parameter =
        json!({ "type": "string", "description": said("parameter"), "enum": [said("one"), said("two")] });
    let properties =
        json!({ "city": parameter, said("key"): { "type": "number", "default": said("default") } });
    let parameters = json!({ "type": "object", "properties": properties, "required": ["city"] });
    let function = json!({ "name": "weather", "description": said("tool"), "parameters": parameters });
    let arguments = json!({ "city": said("argument"), said("name"): [said("item"), { "a": said("deep") }] });
    let called = json!({ "name": said("function"), "arguments": arguments.to_string() });
    json!({
        "tools": [{ "type": "function", "function": function }],
        "messages": [
            { "role": "system", "content": said("system") },
            { "role": "user", "content": said("user"), "name": said("speaker") },
            {
                "role": "assistant",
                "content": null,
                "reasoning_content": said("reasoning"),
                "tool_calls": [{ "id": said("id"), "type": "function", "function": called }],
            },
            { "role": "tool", "tool_call_id": said("id"), "name": said("result"), "content": said("result") },
            { "role": "assistant", "content": said("answer") },
            { "role": "user", "content": said("again") },
        ],
    })
}

/// All marks; marks cut in two by what surrounds them; and marks in another case.
fn hostile_texts() -> [String; 3] {
    // The marks around reasoning split answers, as the model wrote them.
    let marks: Vec<&str> =
        MARKS.split_whitespace().filter(|mark| !mark.to_lowercase().contains("think")).collect();
    let all = marks.concat();
    let ends = marks.iter().map(|mark| mark.strip_prefix(['<', '[']).unwrap_or(mark)).collect::<String>();
    [all.clone(), format!("{ends}<|im"), all.to_uppercase()]
}

#[test]
fn no_text_changes_the_structure_of_a_prompt() {
    let own = [GEMMA_STYLE, MISTRAL_STYLE, TAGGED_STYLE, DEEPSEEK_STYLE, SMOLVLM_STYLE].map(str::to_owned);
    let templates = PUBLISHED.map(|(name, _)| source_of(name)).into_iter().chain(own);
    for template in templates {
        let model = Model::new(&template);
        let (structure, _) = model.controls(&request("plain"));
        for text in hostile_texts() {
            let (controls, prompt) = model.controls(&request(&text));
            assert_eq!(controls, structure, "{template}\n{prompt}");
            assert!(prompt.contains(&format!("again {text}")), "{prompt}");
        }
    }
}

#[test]
fn no_document_and_no_variable_changes_the_structure() {
    let model = Model::new(TAGGED_STYLE);
    let request = |text: &str| {
        json!({
            "messages": [{ "role": "user", "content": "Hi" }],
            "documents": [{ "title": text, "text": text }],
            "chat_template_kwargs": { "style": text },
        })
    };
    let (structure, _) = model.controls(&request("plain text"));
    for text in hostile_texts() {
        let (controls, prompt) = model.controls(&request(&text));
        assert_eq!(controls, structure, "{prompt}");
        assert_eq!(
            prompt.matches(&text.to_uppercase()).count(),
            if text == text.to_uppercase() { 3 } else { 1 }
        );
    }
}
