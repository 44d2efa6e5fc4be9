//! Schemas, expressions and grammars that are made to exhaust a device. Each is rejected, or an answer is written under
//! it, in little time and memory.

#[path = "../../../../tests/support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;
mod expressions;
mod grammars;
mod reference;
mod schemas;

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use allocator::peak;
use linnet_constraint::{Automaton, Vocabulary, compile};
use linnet_text::{Constraint, ConstraintError, ConstraintErrorCode, ConstraintSpec};

/// Most time to reject a constraint or to make its first mask, and for each token after that. Without optimization
/// everything takes several times as long.
const TIME: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 200 });
/// Most measurements of one case, because other work on the machine makes some of them slow.
const TRIES: usize = 3;
/// A case that takes longer does not end.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most memory for a constraint and its answer, without the vocabulary.
const MEMORY: usize = 64 << 20;
/// Longest answer, in tokens.
const STEPS: usize = 64;
/// As small as the stack of a wasm module.
const STACK: usize = 1 << 20;

#[derive(Clone)]
struct Case {
    name: String,
    spec: Arc<ConstraintSpec>,
}

impl Case {
    fn new(name: impl Into<String>, spec: ConstraintSpec) -> Self {
        Self { name: name.into(), spec: Arc::new(spec) }
    }
}

/// What a case took.
#[derive(Clone, Debug)]
struct Taken {
    /// The longest step: compiling with the first mask, or one token.
    slowest: Duration,
    /// Which step that was.
    step: usize,
    result: Result<usize, ConstraintError>,
}

/// CPU time of this thread, so that other work on the machine does not count. Falls back to the wall clock if the
/// system does not provide it.
fn computed(since: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = stat.and_then(|stat| stat.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// Compiles, if that is not done, and appends a token. False where the answer must end.
fn one_step(
    spec: &ConstraintSpec,
    vocabulary: &Arc<Vocabulary>,
    automaton: &mut Option<Automaton>,
    step: usize,
) -> Result<bool, ConstraintError> {
    let automaton = match automaton {
        Some(automaton) => automaton,
        none => none.insert(compile(spec, vocabulary)?),
    };
    let mask = automaton.mask()?;
    let tokens: Vec<u32> = mask.iter().filter(|token| !vocabulary.ends().contains(token)).collect();
    let Some(&token) = tokens.get(step * 7919 % tokens.len().max(1)) else { return Ok(false) };
    assert!(automaton.allows(token)?);
    automaton.commit(token)?;
    automaton.forced_bytes()?;
    automaton.is_finished()?;
    Ok(true)
}

fn write(spec: &ConstraintSpec, vocabulary: &Arc<Vocabulary>) -> Taken {
    let began = Instant::now();
    let mut taken = Taken { slowest: Duration::ZERO, step: 0, result: Ok(0) };
    let mut before = computed(began);
    let mut automaton = None;
    for step in 0..STEPS {
        let result = one_step(spec, vocabulary, &mut automaton, step);
        let now = computed(began);
        if now - before > taken.slowest {
            (taken.slowest, taken.step) = (now - before, step);
        }
        before = now;
        match result {
            Ok(true) => taken.result = Ok(step + 1),
            Ok(false) => break,
            Err(error) => {
                assert_ne!(error.code, ConstraintErrorCode::NotAllowed, "{error}");
                taken.result = Err(error);
                break;
            }
        }
    }
    taken
}

/// Writes an answer on a small stack; returns what it took, and the peak of its memory.
fn measured(case: &Case, vocabulary: &Arc<Vocabulary>) -> (Taken, usize) {
    let (sender, receiver) = mpsc::channel();
    let (spec, vocabulary) = (case.spec.clone(), vocabulary.clone());
    peak(|| {
        let work = move || drop(sender.send(write(&spec, &vocabulary)));
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap();
        let taken = receiver.recv_timeout(PATIENCE);
        let taken = taken.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        thread.join().unwrap();
        taken
    })
}

/// A single test, because memory of parallel tests would be counted.
#[test]
fn hostile_constraints_are_rejected_or_bounded() {
    let own = [schemas::all(), expressions::all(), grammars::all()].concat();
    assert!(own.len() >= 60, "{}", own.len());
    let cases = [own, reference::all()].concat();
    let vocabularies = reference::vocabularies();
    let mut wrong = Vec::new();
    for case in &cases {
        for (vocabulary_name, vocabulary) in &vocabularies {
            let (mut taken, mut bytes) = measured(case, vocabulary);
            for _ in 1..TRIES {
                if taken.slowest > TIME {
                    let again = measured(case, vocabulary);
                    if again.0.slowest < taken.slowest {
                        (taken, bytes) = again;
                    }
                }
            }
            let Taken { slowest, step, result } = &taken;
            let name = &case.name;
            let line = format!(
                "{name} ({vocabulary_name}): {} ms at {step}, {} kB: {}",
                slowest.as_millis(),
                bytes >> 10,
                match result {
                    Ok(tokens) => format!("{tokens} tokens"),
                    Err(error) => format!("{}: {error}", error.code.name()),
                }
            );
            println!("{line}");
            if *slowest > TIME || bytes > MEMORY {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
