//! Any text as a schema, an expression, a grammar or choices: it is rejected, or a random answer is written under it,
//! within limits of memory and time. The first byte selects the kind, the second the answer.
#![no_main]

#[path = "../../support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use linnet_constraint::{Vocabulary, compile};
use linnet_text::{
    CallFormat, CallKind, CalledTool, ChatFormat, Constraint, ConstraintError, ConstraintErrorCode, ConstraintSpec,
    GrammarSyntax, Whitespace,
};
use serde_json::Value;

/// Most memory for a constraint and its answer.
const MEMORY: usize = 64 << 20;
/// Most CPU time in a coverage build.
const TIME: Duration = Duration::from_secs(4);
/// Longest answer, in tokens.
const STEPS: usize = 32;
/// The token that ends an answer.
const END: u32 = 256;

thread_local! {
    static VOCABULARY: OnceCell<Arc<Vocabulary>> = const { OnceCell::new() };
}

/// CPU time of this thread, so that other processes do not count. Falls back to the wall clock if the system
/// does not provide it.
fn computed(since: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = stat.and_then(|stat| stat.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fuzz_target!(|data: &[u8]| {
    let [kind, seed, text @ ..] = data else { return };
    let Some(spec) = std::str::from_utf8(text).ok().and_then(|text| spec(*kind, text)) else { return };
    let vocabulary =
        VOCABULARY.with(|it| it.get_or_init(|| Arc::new(Vocabulary::bytes().expect("256 bytes"))).clone());
    let started = Instant::now();
    let time = computed(started);
    let (result, peak) = allocator::peak(|| answer(&spec, &vocabulary, u32::from(*seed)));
    let time = computed(started).saturating_sub(time);
    if let Err(error) = result {
        assert_ne!(error.code, ConstraintErrorCode::NotAllowed, "{error}");
    }
    assert!(peak <= MEMORY, "{peak} bytes");
    assert!(time <= TIME, "{time:?}");
});

fn spec(kind: u8, text: &str) -> Option<ConstraintSpec> {
    let regex = |flags: &str| ConstraintSpec::Regex { pattern: text.to_owned(), flags: flags.to_owned() };
    let grammar = |syntax| ConstraintSpec::Grammar { syntax, grammar: text.to_owned() };
    let schema = |whitespace| {
        let schema: Value = serde_json::from_str(text).ok()?;
        Some(ConstraintSpec::JsonSchema { schema, whitespace })
    };
    let calls = |kind: CallKind| {
        let format = ChatFormat { calls: CallFormat { kind, ..CallFormat::generic() }, ..ChatFormat::generic() };
        let parameters = serde_json::from_str(text).ok()?;
        let tool = CalledTool { name: "f".to_owned(), parameters, path: String::new() };
        Some(ConstraintSpec::Calls(Box::new(format.calls_spec(vec![tool], None, Vec::new()))))
    };
    Some(match kind % 12 {
        0 | 1 => schema(Whitespace::Compact)?,
        2 => schema(Whitespace::Bounded)?,
        3 => schema(Whitespace::Any)?,
        4 => regex(""),
        5 => regex("su"),
        6 => regex("i"),
        7 => grammar(GrammarSyntax::Gbnf),
        8 => grammar(GrammarSyntax::Lark),
        9 => calls(CallKind::Pythonic)?,
        10 => calls(CallFormat::generic().kind)?,
        _ => ConstraintSpec::Choices { choices: text.split('\n').map(str::to_owned).collect() },
    })
}

/// Writes an answer of random tokens.
fn answer(spec: &ConstraintSpec, vocabulary: &Arc<Vocabulary>, seed: u32) -> Result<(), ConstraintError> {
    let mut constraint = compile(spec, vocabulary)?;
    let mut random = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = move |below: usize| {
        // xorshift
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random as usize % below.max(1)
    };
    let mut written = Vec::new();
    for _ in 0..STEPS {
        let mask = constraint.mask()?;
        let accepting = constraint.is_accepting()?;
        let finished = constraint.is_finished()?;
        assert_eq!(mask.contains(END), accepting);
        assert!(!finished || accepting && mask.len() == 1, "finished, but not complete");
        if accepting && matches!(spec, ConstraintSpec::JsonSchema { .. }) {
            let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(&written);
            assert!(parsed.is_ok(), "not JSON: {:?}", String::from_utf8_lossy(&written));
        }
        // Lark's grammars are llguidance's; the others have no dead ends.
        let is_lark = matches!(spec, ConstraintSpec::Grammar { syntax: GrammarSyntax::Lark, .. });
        assert!(is_lark || !mask.is_empty(), "a dead end after {:?}", String::from_utf8_lossy(&written));
        let forced = constraint.forced_bytes()?;
        if let Some(&first) = forced.first() {
            assert_eq!(mask.iter().collect::<Vec<_>>(), [u32::from(first)], "more than the forced byte is allowed");
        }
        for _ in 0..8 {
            let token = next(257) as u32;
            assert_eq!(constraint.allows(token)?, mask.contains(token), "{token}");
        }
        let texts: Vec<u32> = mask.iter().filter(|token| *token != END).collect();
        let Some(&token) = texts.get(next(texts.len())) else { break };
        assert!(constraint.allows(token)?);
        constraint.commit(token)?;
        written.push(token as u8);
    }
    Ok(())
}
