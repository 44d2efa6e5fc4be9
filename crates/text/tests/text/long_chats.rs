//! Chats with very many short messages, which are as common as long messages: templates render them all.

use std::time::Instant;

use linnet_text::{ChatContext, ChatTemplate, LocalTime};
use serde_json::{Value, json};

/// What published templates do in addition to one pass over the messages.
const WRITTEN: [(&str, &str); 4] = [
    (
        "ChatML",
        "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}\
         {{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}\
         {{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' + '\\n' }}{% endfor %}\
         {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    ),
    (
        "Gemma",
        "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}{%- set first_user_prefix = messages[0]['content'] \
         + '\\n\\n' -%}\
         {%- set loop_messages = messages[1:] -%}{%- else -%}{%- set first_user_prefix = '' -%}{%- set loop_messages \
         = messages -%}\
         {%- endif -%}{%- for message in loop_messages -%}{%- if (message['role'] == 'user') != (loop.index0 % 2 == \
         0) -%}\
         {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{%- endif -%}\
         {%- if message['role'] == 'assistant' -%}{%- set role = 'model' -%}{%- else -%}{%- set role = \
         message['role'] -%}{%- endif -%}\
         {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else '') }}\
         {%- if message['content'] is string -%}{{ message['content'] | trim }}{%- elif message['content'] is \
         iterable -%}\
         {%- for item in message['content'] -%}{%- if item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif \
         -%}{%- endfor -%}\
         {%- endif -%}{{ '<end_of_turn>\\n' }}{%- endfor -%}\
         {%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}",
    ),
    (
        "neighbours",
        "{%- set ns = namespace(last=0, system='', open=false) %}{%- for m in messages[::-1] %}\
         {%- if m.role == 'user' and ns.last == 0 %}{%- set ns.last = messages | length - loop.index0 - 1 %}{%- endif \
         %}{%- endfor %}\
         {%- set rest = messages[1:] if messages[0].role == 'system' else messages %}{%- for m in rest %}\
         {%- set before = rest[loop.index0 - 1] if loop.index0 > 0 else none %}\
         {%- set after = rest[loop.index0 + 1] if not loop.last else none %}\
         {%- if before is none or before.role != m.role %}{{- '[' + m.role + ']' }}{%- set ns.open = true %}{%- endif \
         %}\
         {%- for later in rest[loop.index:] %}{%- if later.role != m.role %}{%- set ns.system = later.role %}{%- \
         break %}{%- endif %}\
         {%- endfor %}{%- set text = m.content if m.content is string else m.content | map(attribute='text') | \
         join('\\n') %}\
         {%- if '</think>' in text %}{%- set text = text.split('</think>')[-1].lstrip('\\n') %}{%- endif %}\
         {%- if loop.index0 >= ns.last or not loop.previtem is defined %}{{- '<think>' }}{%- endif %}{{- text.strip() \
         }}\
         {%- if after is none or after.role != m.role %}{{- '[/' ~ m.role ~ ']\\n' }}{%- endif %}{%- endfor %}",
    ),
    (
        "macros and lists",
        "{%- macro content_of(message) -%}{%- if message.content is string -%}{{ message.content | trim | \
         replace('\\r', '') }}\
         {%- else -%}{%- for part in message.content -%}{{ part.text }}{%- endfor -%}{%- endif -%}{%- endmacro -%}\
         {%- set asked = messages | selectattr('role', 'equalto', 'user') | list -%}{%- set first = messages[:1] -%}\
         {%- for message in messages if message.role != 'system' -%}{%- set text = content_of(message) -%}\
         {%- set header = {'user': 'Q', 'assistant': 'A'}[message.role] | default('?') -%}\
         {{- '%s %d/%d: ' % (header, loop.index, asked | length) ~ text ~ '\\n' -}}{%- endfor -%}",
    ),
];

/// The published templates in the fixtures.
const PUBLISHED: [&str; 8] = [
    "SmolLM2-135M-Instruct",
    "HuggingFaceTB-SmolLM3-3B",
    "LFM2-8B-A1B",
    "Qwen-Qwen3-0.6B",
    "google-gemma-2-2b-it",
    "meta-llama-Llama-3.2-3B-Instruct",
    "microsoft-Phi-3.5-mini-instruct",
    "openai-gpt-oss-120b",
];

fn chat(messages: usize) -> Value {
    let message = |index: usize| {
        let role = if index.is_multiple_of(2) { "user" } else { "assistant" };
        json!({ "role": role, "content": if index + 1 == messages { "last" } else { "a" } })
    };
    (0..messages).map(message).collect()
}

#[test]
fn chats_of_many_short_messages_are_rendered() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/templates");
    let published =
        PUBLISHED.map(|name| (name, std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap()));
    let written = WRITTEN.map(|(name, source)| (name, source.to_owned()));
    for (name, source) in written.into_iter().chain(published) {
        let template = ChatTemplate::new(&source, "<s>", "</s>").unwrap();
        for count in [1, 999, 9_999, 99_999] {
            let started = Instant::now();
            let prompt = template
                .render(&ChatContext::new(chat(count), LocalTime::EPOCH))
                .unwrap_or_else(|error| panic!("{name}: {count} messages: {error}"));
            println!("{name}: {count} messages in {:?}", started.elapsed());
            assert!(prompt.contains("last") && prompt.len() > count, "{name}");
        }
    }
}
