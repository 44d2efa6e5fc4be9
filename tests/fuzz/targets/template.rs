//! Any template compiles or not, and renders or fails, within limits of memory and time per byte of the
//! template and its context. After a NUL, the input may contain the context as JSON.
#![no_main]

#[path = "../../support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use linnet_text::{ChatContext, ChatTemplate, LocalTime};
use serde_json::{Value, json};

/// Fixed memory limit, and the limit per byte of the input.
const MEMORY: usize = 32 << 20;
const MEMORY_PER_BYTE: usize = 256;
/// Memory limit per message. The input has at most as many messages as commas, plus the four items of the
/// default context.
const MEMORY_PER_MESSAGE: usize = 24 << 10;
/// Limit of CPU time in a coverage build: fixed, and per byte of the input.
const TIME: Duration = Duration::from_secs(1);
const TIME_PER_BYTE: Duration = Duration::from_micros(20);
const TIME_PER_MESSAGE: Duration = Duration::from_millis(1);

/// CPU time of this thread, so that other processes do not count. Falls back to the wall clock if the system
/// does not provide it.
fn computed(since: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = stat.and_then(|stat| stat.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fuzz_target!(|data: &str| {
    let started = Instant::now();
    let time = computed(started);
    let ((), peak) = allocator::peak(|| render(data));
    let time = computed(started).saturating_sub(time);
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let messages = 4 + data.split_once('\0').map_or(0, |(_, context)| context.matches(',').count());
    let memory = MEMORY + MEMORY_PER_BYTE * data.len() + MEMORY_PER_MESSAGE * messages;
    assert!(peak <= memory, "{peak} bytes for {size} of input");
    let allowed = TIME + TIME_PER_BYTE * size + TIME_PER_MESSAGE * messages as u32;
    assert!(time <= allowed, "{time:?} for {size} bytes of input");
});

fn render(data: &str) {
    let (source, context) = data.split_once('\0').unwrap_or((data, ""));
    let Ok(template) = ChatTemplate::new(source, "<s>", "</s>") else { return };
    let messages: Value = serde_json::from_str(context).unwrap_or_else(|_| {
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "<think>é</think> 😀\n"},
            {"role": "assistant", "content": null,
             "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1.5, true]}}}]},
        ])
    });
    let mut context = ChatContext::new(messages, LocalTime::EPOCH);
    context.tools = Some(json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]));
    let _ = template.render(&context);
}
