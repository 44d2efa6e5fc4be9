//! Limits on the cost of templates: each of these takes much work through one filter, method, operator, test
//! or function, and must end quickly and in little memory with an error that has a code.

#[path = "../../../../tests/support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;
mod hostile;
mod reading;

use std::time::{Duration, Instant};

use allocator::peak;
use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError};
use serde_json::json;

/// Memory for compiling and rendering, in addition to [`PER_BYTE`] for each byte of template and context.
const CONSTANT: usize = 32 << 20;
const PER_BYTE: usize = 128;
/// Memory per message, including its bytes.
const PER_MESSAGE: usize = 32 << 10;
/// Messages of a long chat.
const MANY: usize = 1_000;
/// The slowest test machine takes a fraction of this.
const TIME: Duration = Duration::from_secs(4);

fn render(source: &str, messages: usize) -> Result<String, TextError> {
    let messages = vec![json!({"role": "user", "content": "Hello"}); messages];
    ChatTemplate::new(source, "<s>", "</s>")?.render(&ChatContext::new(messages, LocalTime::EPOCH))
}

/// Renders on a stack as small as a wasm module's; returns the peak memory and the time.
fn measured(source: &str, messages: usize) -> (Result<String, TextError>, usize, Duration) {
    let owned = source.to_owned();
    let started = Instant::now();
    let (result, peak) = peak(|| {
        let thread =
            std::thread::Builder::new().stack_size(1 << 20).spawn(move || render(&owned, messages)).unwrap();
        thread.join().unwrap()
    });
    (result, peak, started.elapsed())
}

/// A single test, because allocations and time of parallel tests would be counted.
#[test]
fn malicious_templates_end_quickly_in_little_memory() {
    let slow = reading::slow();
    assert!(slow.is_empty(), "{} templates are read slowly:\n{}", slow.len(), slow.join("\n"));
    let sources = hostile::templates();
    assert!(sources.len() > 200);
    let conversations = sources
        .iter()
        .map(|source| (source, 1))
        .chain(sources.iter().step_by(4).map(|source| (source, MANY)));
    let mut wrong = Vec::new();
    let mut most = (0, Duration::ZERO);
    for (source, messages) in conversations {
        let (result, peak, time) = measured(source, messages);
        most = (most.0.max(peak), most.1.max(time));
        let short: String = source.chars().rev().take(160).collect::<Vec<_>>().into_iter().rev().collect();
        match result {
            Err(TextError::Template { reason, .. }) if reason.len() < 4096 => {}
            Err(TextError::RefusedByTemplate { message }) if message.len() < 4096 => {}
            Err(error) => wrong.push(format!("a long error of {} bytes: {short}", error.to_string().len())),
            // The budget of many messages suffices for some.
            Ok(_) if messages > 1 => {}
            Ok(text) => wrong.push(format!("gave {} bytes: {short}", text.len())),
        }
        if peak > CONSTANT + PER_BYTE * source.len() + PER_MESSAGE * messages {
            wrong.push(format!("took {} kB: {short}", peak >> 10));
        }
        if time > TIME {
            wrong.push(format!("took {time:?}: {short}"));
        }
    }
    println!("{} templates, at most {} kB and {:?}", sources.len(), most.0 >> 10, most.1);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
