//! Any template compiles or not, and renders or fails, within what it may take: memory and time for each byte of it and of
//! its context, and a little more. After a NUL the input may have the context as JSON.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use linnet_text::{ChatContext, ChatTemplate, LocalTime};
use serde_json::{Value, json};

/// Bytes that may be held at once, and for each byte of the input.
const MEMORY: usize = 32 << 20;
const MEMORY_PER_BYTE: usize = 256;
/// Time of the processor, in a build that counts coverage, and for each byte of the input.
const TIME: Duration = Duration::from_secs(1);
const TIME_PER_BYTE: Duration = Duration::from_micros(20);

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches no memory of theirs.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What this thread has computed so far: other processes do not count. Where the system does not tell, the clock does.
fn computed(since: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = stat.and_then(|stat| stat.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fuzz_target!(|data: &str| {
    let started = Instant::now();
    let (held, time) = (NOW.load(Ordering::Relaxed), computed(started));
    PEAK.store(held, Ordering::Relaxed);
    render(data);
    let (peak, time) = (PEAK.load(Ordering::Relaxed) - held, computed(started).saturating_sub(time));
    assert!(peak <= MEMORY + MEMORY_PER_BYTE * data.len(), "{peak} bytes for {} of input", data.len());
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
    assert!(time <= TIME + TIME_PER_BYTE * size, "{time:?} for {size} bytes of input");
});

fn render(data: &str) {
    let (source, context) = data.split_once('\0').unwrap_or((data, ""));
    let Ok(template) = ChatTemplate::new(source, "<s>", "</s>") else { return };
    let messages: Value = serde_json::from_str(context).unwrap_or_else(|_| {
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "<think>é</think> 😀\n"},
            {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1.5, true]}}}]},
        ])
    });
    let mut context = ChatContext::new(messages, LocalTime::EPOCH);
    context.tools = Some(json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]));
    let _ = template.render(&context);
}
