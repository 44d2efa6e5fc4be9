//! Memory for rendering and counting a long conversation.

#[path = "../../../tests/support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;
#[path = "engine/fake.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod fake;

use allocator::peak;
use linnet_engine::Request;
use serde_json::json;

const MIB: usize = 1 << 20;

/// A single test, so that nothing else allocates.
#[test]
fn a_long_conversation_is_copied_only_a_few_times() {
    let template = "{% for m in messages %}{{ '<|start|>' + m.role + '\n' + m.content + '<|end|>' }}{% endfor %}\
                    {% if add_generation_prompt %}<|start|>assistant\n{% endif %}";
    let engine = fake::engine_of(&fake::model_file_with_template(template), b"").0;
    // A text in which a control token could start is rendered again, with guards.
    for (name, unit, times) in [("words", "All work and no play. ", 6), ("code", "if a < b { c() } ", 10)] {
        let text = unit.repeat(16 * MIB / unit.len());
        for last in ["user", "assistant"] {
            let messages = json!([{ "role": "user", "content": text }, { "role": last, "content": "So" }]);
            let request = Request::from_json(&json!({ "messages": messages }).to_string()).unwrap();
            let (count, bytes) = peak(|| engine.count_tokens(&request).unwrap());
            println!(
                "{name}, {last} last: {count} tokens counted in {:.1} times the text",
                bytes as f64 / text.len() as f64
            );
            assert!(bytes < times * text.len(), "{name}: {bytes} bytes for {}", text.len());
        }
    }
}
