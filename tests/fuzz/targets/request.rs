//! Any text as a request to a byte-level model with one of several templates: the request is rejected with a
//! field's path, or its prompt is counted and a few tokens are generated. The first byte selects the
//! template.
#![no_main]

#[path = "../../../crates/engine/tests/engine/fake.rs"]
#[allow(dead_code, reason = "the engine's tests use the rest")]
mod fake;

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use linnet_engine::{Engine, Event, Request};

/// Typical uses of messages in templates.
const TEMPLATES: [&str; 5] = [
    "{% for m in messages %}<|start|>{{ m.role }}:{{ m.content }}<|end|>{% endfor %}",
    "{% for m in messages %}{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}\
     <|end|>{% endfor %}",
    "{% for m in messages %}<|start|>{{ m.role }}:{{ m.content.split('</think>')[-1] | trim }}\
     {% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}\
     <|end|>{% endfor %}\
     {% if add_generation_prompt %}<|start|>assistant:<think>\n{% endif %}",
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
     {{ m.content[0].text + m.name | default('') }}{% endfor %}",
    "{% for m in messages[:3] %}{{ m.content | upper }}{% endfor %}",
];

/// Number of control tokens that a template writes per message.
const CONTROLS: [usize; TEMPLATES.len()] = [2, 1, 2, 0, 0];
/// The template that also writes a control token for the answer.
const OPENS_ANSWER: usize = 2;

thread_local! {
    static ENGINES: RefCell<Vec<Engine<fake::FakeBackend>>> = RefCell::new(
        TEMPLATES.map(|template| fake::engine_of(&fake::model_file_with_template(template), b"an answer.").0).into(),
    );
}

fuzz_target!(|data: &str| {
    let mut chars = data.chars();
    let Some(first) = chars.next() else { return };
    let request = match Request::from_json(chars.as_str()) {
        Ok(request) => request,
        Err(error) => {
            assert_eq!(error.code().name(), "invalid-request");
            assert!(error.details()["field"].is_string() && error.to_string().len() < 2000);
            return;
        }
    };
    ENGINES.with_borrow_mut(|engines| {
        let kind = first as usize % TEMPLATES.len();
        let engine = &mut engines[kind];
        let counted = engine.count_tokens(&request);
        let Ok(mut generation) = engine.generate(&request) else { return };
        assert_eq!(counted.ok(), Some(generation.prompt().len()));
        if let Some(messages) = &request.messages {
            // Only the template writes control tokens. Tools that it does not show may be a message more.
            let control = generation.prompt().iter().filter(|token| [fake::START, fake::END].contains(token)).count();
            assert!(control <= CONTROLS[kind] * (messages.len() + 1) + usize::from(kind == OPENS_ANSWER));
        }
        if generation.prompt().len() > fake::CONTEXT / 2 {
            return;
        }
        for _ in 0..12 {
            if matches!(pollster::block_on(generation.next(engine)), Ok(Event::Done(_)) | Err(_)) {
                break;
            }
        }
    });
});
