//! What pages may send to exhaust a device: each case must be refused, or bounded in time.

use std::path::Path;
use std::time::{Duration, Instant};

use linnet_constraint::compile;
use linnet_text::{Constraint, ConstraintError, ConstraintSpec, Whitespace};
use serde::Deserialize;

use super::super::report::{Outcome, Subject};
use super::read;
use super::vocabularies::{self, Cutter};

const KIND: &str = "json-schema";
/// Longest time to refuse or compile a constraint and make its first mask.
const LIMIT: Duration = Duration::from_millis(200);
/// Most measurements of one case, because other work on the machine makes some of them slow.
const TRIES: usize = 3;
/// Tokens that are written under a constraint that is taken.
const STEPS: usize = 8;

/// A schema that must be refused or bounded.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    schema_text: String,
    expect: String,
}

/// The slowest case, and those that break a rule.
#[derive(Debug, Default)]
pub struct Bounds {
    cases: usize,
    refused: usize,
    slowest: (Duration, String),
    wrong: Vec<String>,
}

impl Bounds {
    /// Compiles a constraint for each vocabulary, and writes a few tokens under it.
    pub fn check(&mut self, name: &str, spec: &ConstraintSpec, cutters: &[Cutter], must_be_refused: bool) {
        self.cases += 1;
        for cutter in cutters {
            let (mut took, mut result) = timed(spec, cutter);
            for _ in 1..TRIES {
                if took > LIMIT {
                    let (again, same) = timed(spec, cutter);
                    (took, result) = (took.min(again), same);
                }
            }
            if took > self.slowest.0 {
                self.slowest = (took, format!("{name} ({})", cutter.name));
            }
            if took > LIMIT {
                self.wrong.push(format!("{name} ({}): {took:?}", cutter.name));
            }
            match result {
                Err(_) if cutter.name == "bytes" => self.refused += 1,
                Err(_) => {}
                Ok(()) if must_be_refused => {
                    self.wrong.push(format!("{name} ({}): not refused", cutter.name))
                }
                Ok(()) => {}
            }
        }
    }

    /// The result of all.
    pub fn outcome(self, subject: &Subject) -> Outcome {
        let (took, name) = &self.slowest;
        let shown: String = self.wrong.iter().map(|wrong| format!("; {wrong}")).collect();
        subject.counted("hostile", "cases out of bounds", self.wrong.len()).with(format!(
            "of {}; {} refused; slowest {} ms: {name}{shown}",
            self.cases,
            self.refused,
            took.as_millis(),
        ))
    }
}

fn timed(spec: &ConstraintSpec, cutter: &Cutter) -> (Duration, Result<(), ConstraintError>) {
    let start = Instant::now();
    let result = drive(spec, cutter);
    (start.elapsed(), result)
}

fn drive(spec: &ConstraintSpec, cutter: &Cutter) -> Result<(), ConstraintError> {
    let mut automaton = compile(spec, &cutter.vocabulary)?;
    for step in 0..STEPS {
        let mask = automaton.mask()?;
        let count = mask.len();
        let Some(token) = mask.iter().nth(step * count / STEPS) else { break };
        automaton.commit(token)?;
        automaton.forced_bytes()?;
    }
    Ok(())
}

/// Judges hostile schemas.
pub fn run(path: &Path) -> Vec<Outcome> {
    let subject = Subject::new(KIND, path.file_stem().unwrap_or_default().to_string_lossy());
    let read = || Ok::<_, String>((read::<Vec<Case>>(path)?, vocabularies::all(path)?));
    let (cases, cutters) = match read() {
        Ok(read) => read,
        Err(error) => return vec![subject.failed("hostile", error)],
    };
    let mut bounds = Bounds::default();
    for case in &cases {
        let must_be_refused = case.expect.starts_with("refuse:") || case.expect == "refuse";
        match serde_json::from_str(&case.schema_text) {
            Ok(schema) => {
                let spec = ConstraintSpec::JsonSchema { schema, whitespace: Whitespace::Bounded };
                bounds.check(&case.name, &spec, &cutters, must_be_refused);
            }
            // A reader of JSON refuses it before.
            Err(_) => bounds.cases += 1,
        }
    }
    vec![bounds.outcome(&subject)]
}
