//! The exact sets of next tokens.

use std::collections::BTreeMap;
use std::path::Path;

use linnet_constraint::compile;
use linnet_text::{Constraint, ConstraintSpec, Whitespace};
use serde::Deserialize;
use serde_json::Value;

use super::super::report::{Outcome, Subject};
use super::read;
use super::vocabularies::{self, Cutter};

const KIND: &str = "masks";
/// Maximum number of tokens to show.
const SHOWN: usize = 8;

/// `VOCAB.json`
#[derive(Debug, Deserialize)]
struct Masks {
    vocabulary: String,
    tokens: usize,
    /// Runs of tokens that are not judged: the first id and the length.
    #[serde(default)]
    either: Vec<(u32, u32)>,
    pairs: Vec<Pair>,
}

/// The tokens after a prefix.
#[derive(Debug, Deserialize)]
struct Pair {
    name: String,
    kind: String,
    schema: Option<Value>,
    pattern: Option<String>,
    prefix: String,
    /// Whether the answer may end.
    eos: bool,
    /// Runs of tokens.
    allowed: Vec<(u32, u32)>,
}

/// Compares the sets of one vocabulary; a line for each constraint.
pub fn run(path: &Path) -> Vec<Outcome> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let subject = Subject::new(KIND, stem);
    let masks: Masks = match read(path) {
        Ok(masks) => masks,
        Err(error) => return vec![subject.failed("all", error)],
    };
    let file =
        vocabularies::folder(path).map(|folder| folder.join(&masks.vocabulary)).filter(|file| file.is_file());
    let Some(file) = file else {
        return vec![subject.skipped("all", format!("no {} in a folder `tokenizers`", masks.vocabulary))];
    };
    let cutter = match Cutter::of_file(&file) {
        Ok(cutter) if cutter.vocabulary.len() == masks.tokens => cutter,
        Ok(cutter) => {
            let found = cutter.vocabulary.len();
            return vec![subject.failed("all", format!("{found} tokens, expected {}", masks.tokens))];
        }
        Err(error) => return vec![subject.failed("all", error)],
    };
    let mut cases: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for pair in &masks.pairs {
        let (count, wrong) = cases.entry(&pair.name).or_default();
        *count += 1;
        wrong.extend(
            differs(pair, &cutter, &masks.either).map(|why| format!("after {:?}: {why}", pair.prefix)),
        );
    }
    let outcome = |(name, (count, wrong)): (&str, (usize, Vec<String>))| {
        let shown: String = wrong.iter().map(|wrong| format!("; {wrong}")).collect();
        subject.counted(name, "sets that differ", wrong.len()).with(format!("of {count}{shown}"))
    };
    cases.into_iter().map(outcome).collect()
}

/// How a set differs from the reference.
fn differs(pair: &Pair, cutter: &Cutter, either: &[(u32, u32)]) -> Option<String> {
    let spec = match (pair.kind.as_str(), &pair.schema, &pair.pattern) {
        ("schema", Some(schema), _) => {
            ConstraintSpec::JsonSchema { schema: schema.clone(), whitespace: Whitespace::Compact }
        }
        ("schema_ws", Some(schema), _) => {
            ConstraintSpec::JsonSchema { schema: schema.clone(), whitespace: Whitespace::Any }
        }
        ("regex", _, Some(pattern)) => {
            ConstraintSpec::Regex { pattern: pattern.clone(), flags: String::new() }
        }
        (kind, ..) => return Some(format!("the kind `{kind}` is unknown")),
    };
    let mask = || {
        let mut automaton = compile(&spec, &cutter.vocabulary)?;
        for token in cutter.bytes_of(pair.prefix.as_bytes()) {
            automaton.commit(token)?;
            // Asking must not change what comes next.
            automaton.forced_bytes()?;
        }
        Ok((automaton.mask()?, automaton.is_accepting()?))
    };
    let (mask, eos) = match mask() {
        Ok(mask) => mask,
        Err(error) => return Some(linnet_text::ConstraintError::to_string(&error)),
    };
    let within = |runs: &[(u32, u32)], id: u32| {
        runs.iter().any(|&(first, length)| (first..first.saturating_add(length)).contains(&id))
    };
    let mut expected = vec![false; cutter.vocabulary.len()];
    for &(first, length) in &pair.allowed {
        expected[first as usize..(first + length) as usize].fill(true);
    }
    let (mut also, mut lacks) = (Vec::new(), Vec::new());
    for (id, &expected) in (0u32..).zip(&expected) {
        let is_end = cutter.vocabulary.ends().contains(&id);
        if mask.contains(id) != expected && !is_end && !within(either, id) {
            if expected { lacks.push(id) } else { also.push(id) }
        }
    }
    let examples = |ids: &[u32]| -> Vec<String> {
        let text = |id: &u32| String::from_utf8_lossy(cutter.vocabulary.text(*id)).into_owned();
        ids.iter().take(SHOWN).map(text).collect()
    };
    let same = also.is_empty() && lacks.is_empty() && eos == pair.eos;
    (!same).then(|| {
        format!(
            "{} too many {:?}, {} missing {:?}, the end {eos}, expected {}",
            also.len(),
            examples(&also),
            lacks.len(),
            examples(&lacks),
            pair.eos
        )
    })
}
