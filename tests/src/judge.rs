//! Runs a case on a backend and compares the results.

use std::any::Any;
use std::fmt;
use std::ops::Range;

use linnet_graph::{
    Backend, BackendError, Bytes, CompileOptions, ForeignBytes, Output, OutputRequest, Plan, Step, fuse,
};
use linnet_shaders::oracle;

use crate::case::Case;
use crate::cases;
use crate::op_cases::MATMUL;
use crate::random::Random;
use crate::reference::Reference;

/// A failed comparison.
pub struct Failure {
    /// The case, form of the graph, step and row, and the reason.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Runs every case on backends made by `make`, and panics with the list of failures.
pub fn judge_all<B: Backend>(make: impl Fn() -> B) {
    judge_every(1, make);
}

/// [`judge_all`] for every `nth` case, where most cases are already covered.
pub fn judge_every<B: Backend>(nth: usize, make: impl Fn() -> B) {
    judge_cases(cases().into_iter().step_by(nth).collect(), make);
}

/// [`judge_all`] for the cases that `keep` accepts.
pub fn judge_where<B: Backend>(keep: impl Fn(&Case) -> bool, make: impl Fn() -> B) {
    judge_cases(cases().into_iter().filter(keep).collect(), make);
}

/// [`judge_where`] for a backend that rounds the inputs of matrix products: cases with products have `times`
/// the error limit.
pub fn judge_rounded<B: Backend>(times: f64, keep: impl Fn(&Case) -> bool, make: impl Fn() -> B) {
    let limit = |case: &Case| if case.limit < MATMUL { case.limit } else { case.limit * times };
    let rounded = |case: Case| Case { limit: limit(&case), ..case };
    judge_cases(cases().into_iter().filter(keep).map(rounded).collect(), make);
}

fn judge_cases<B: Backend>(cases: Vec<Case>, make: impl Fn() -> B) {
    let mut failures = Vec::new();
    let mut worst: Vec<(f64, String)> = Vec::new();
    for case in &cases {
        match judge(&make, case) {
            Ok(error) => {
                worst.push((error / case.limit, format!("{error:.1e} of {:.0e}: {}", case.limit, case.name)))
            }
            Err(failure) => failures.push(failure.what),
        }
    }
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, line) in worst.iter().take(10) {
        println!("{line}");
    }
    println!("{} cases, {} failed", cases.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs a case as recorded and fused; returns the largest error of a row.
///
/// # Errors
/// The first row above the case's limit, a wrong token, or an error of the backend.
pub fn judge<B: Backend>(make: impl Fn() -> B, case: &Case) -> Result<f64, Failure> {
    let right = reference(case);
    let mut worst: f64 = 0.0;
    for (form, graph) in [("recorded", case.graph.clone()), ("fused", fuse(case.graph.clone()))] {
        let failure = |what: String| Failure { what: format!("{} ({form}): {what}", case.name) };
        let outputs = outputs(make(), case, &Plan::new(graph), &case.weights)
            .map_err(|error| failure(error.to_string()))?;
        worst = worst.max(compare(case, &right, &outputs).map_err(failure)?);
    }
    Ok(worst)
}

/// The logits of each step of the fused case, to compare two backends bit by bit.
///
/// # Errors
/// An error of the backend.
pub fn logits<B: Backend>(make: impl Fn() -> B, case: &Case) -> Result<Vec<Vec<f32>>, Failure> {
    let outputs = outputs(make(), case, &Plan::new(fuse(case.graph.clone())), &case.weights);
    let outputs = outputs.map_err(|error| Failure { what: format!("{}: {error}", case.name) })?;
    Ok(outputs.into_iter().map(|output| output.logits).collect())
}

/// A backend's output for each step.
struct StepOutput {
    /// Logits of all rows.
    logits: Vec<f32>,
    /// What else can be requested, for the first step of each length.
    others: Option<OtherOutputs>,
}

struct OtherOutputs {
    /// Logits of the last rows only.
    last: Vec<f32>,
    token: u32,
}

/// Shows that the comparison of every case can fail: with a wrong element in any row, and with a wrong
/// weight.
///
/// # Panics
/// If a comparison does not notice.
pub fn sabotage_all<B: Backend>(make: impl Fn() -> B) {
    sabotage_every(1, make);
}

/// [`sabotage_all`] for every `nth` case. That is enough for a backend that compiles pipelines slowly,
/// because all backends share the comparison.
pub fn sabotage_every<B: Backend>(nth: usize, make: impl Fn() -> B) {
    for case in cases().iter().step_by(nth) {
        let right = reference(case);
        let plan = Plan::new(fuse(case.graph.clone()));
        let mut outputs = outputs(make(), case, &plan, &case.weights)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        compare(case, &right, &outputs).unwrap_or_else(|what| panic!("{}: {what}", case.name));

        let width = case.graph.value(case.graph.logits).width;
        for step in 0..outputs.len() {
            for row in 0..case.steps[step].1 {
                // A tenth of the row's magnitude, added to one element.
                let range = row * width..(row + 1) * width;
                let square: f32 = outputs[step].logits[range].iter().map(|v| v * v).sum();
                let at = row * width + row % width;
                let untouched = outputs[step].logits[at];
                outputs[step].logits[at] += 0.1 * (square / width as f32).sqrt();
                assert!(compare(case, &right, &outputs).is_err(), "{}: a wrong element passed", case.name);
                outputs[step].logits[at] = untouched;
            }
            if let Some(others) = &mut outputs[step].others {
                others.token ^= 1;
                assert!(compare(case, &right, &outputs).is_err(), "{}: a wrong token passed", case.name);
            }
            if let Some(others) = &mut outputs[step].others {
                others.token ^= 1;
            }
        }
        for index in 0..case.weights.len() {
            // The tokens of a case need not use every row, so every byte of the tensor is wrong.
            let mut weights = case.weights.clone();
            let spec = &case.graph.weights[index];
            weights[index] = Random::of("sabotage").weight(spec.dtype, spec.rows * spec.cols, 1.0);
            let wrong = self::outputs(make(), case, &plan, &weights);
            let wrong = wrong.unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert!(compare(case, &right, &wrong).is_err(), "{}: a wrong tensor {index} passed", case.name);
        }
    }
}

/// Bytes outside of the backend's memory, like those of a page.
struct Elsewhere(Vec<u8>);

impl ForeignBytes for Elsewhere {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        out.copy_from_slice(&self.0[offset..offset + out.len()]);
    }

    fn slice(&self, range: Range<usize>) -> Box<dyn ForeignBytes> {
        Box::new(Elsewhere(self.0[range].to_vec()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn outputs<B: Backend>(
    mut backend: B,
    case: &Case,
    plan: &Plan,
    weights: &[Vec<u8>],
) -> Result<Vec<StepOutput>, BackendError> {
    let mut random = Random::of(&case.name);
    pollster::block_on(async {
        let mut loaded = Vec::new();
        for (spec, bytes) in plan.graph.weights.iter().zip(weights) {
            let mut weight = backend.allocate(spec)?;
            // In chunks as a network delivers them, from both kinds of memory.
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let most = [7, 300, 5000, usize::MAX][random.below(4)].min(rest.len());
                let (piece, after) = rest.split_at(1 + random.below(most));
                let foreign = Elsewhere(piece.to_vec());
                let piece = if random.below(2) == 0 { Bytes::Heap(piece) } else { Bytes::Foreign(&foreign) };
                backend.write(&mut weight, piece).await?;
                rest = after;
            }
            loaded.push(weight);
        }
        let max_batch = case.max_batch();
        let options =
            CompileOptions { context_length: case.context(), max_batch, max_logits: max_batch, kv: case.kv };
        let mut program = backend.compile(plan, loaded, options).await?;

        let mut outputs = Vec::new();
        for (index, &(position, count)) in case.steps.iter().enumerate() {
            let tokens = case.tokens(index);
            let mut run = async |want| {
                let step = Step { tokens: &tokens, position, want };
                backend.run(&mut program, step).await
            };
            let expected = |what: &str| BackendError::Internal(format!("step {index}: expected {what}"));
            let Output::Logits(logits) = run(OutputRequest::Logits(count)).await? else {
                return Err(expected("logits"));
            };
            let mut others = None;
            // Repeating a step writes the same values to the same cache positions.
            if case.steps[..index].iter().all(|&(_, earlier)| earlier != count) {
                let Output::None = run(OutputRequest::Nothing).await? else {
                    return Err(expected("nothing"));
                };
                let few = OutputRequest::Logits(count.div_ceil(2));
                let Output::Logits(last) = run(few).await? else { return Err(expected("logits")) };
                let Output::Token(token) = run(OutputRequest::Token).await? else {
                    return Err(expected("a token"));
                };
                others = Some(OtherOutputs { last, token });
            }
            outputs.push(StepOutput { logits, others });
        }
        Ok(outputs)
    })
}

/// The oracles' logits of all rows of each step.
fn reference(case: &Case) -> Vec<Vec<f32>> {
    let mut reference = Reference::new(&case.graph, &case.weights, case.context(), case.kv);
    let steps = case.steps.iter().enumerate();
    steps.map(|(index, &(position, count))| reference.run(&case.tokens(index), position, count)).collect()
}

/// The largest error of a row, or the first mismatch.
fn compare(case: &Case, right: &[Vec<f32>], outputs: &[StepOutput]) -> Result<f64, String> {
    let width = case.graph.value(case.graph.logits).width;
    let mut worst: f64 = 0.0;
    for (index, (output, right)) in outputs.iter().zip(right).enumerate() {
        let (position, count) = case.steps[index];
        let place = format!("step {index} ({count} tokens at {position})");
        let few = count.div_ceil(2);
        let last = output.others.as_ref().map(|others| (&others.last, &right[(count - few) * width..], few));
        for (got, want, rows) in [(&output.logits, &right[..], count)].into_iter().chain(last) {
            if got.len() != rows * width {
                return Err(format!("{place}: {} logits, expected {}", got.len(), rows * width));
            }
            for (row, (got, want)) in got.chunks(width).zip(want.chunks(width)).enumerate() {
                let error = nmse(got, want);
                if error > case.limit || error.is_nan() {
                    return Err(format!(
                        "{place}, row {row} of {rows}: error {error:.1e} > {:.0e}",
                        case.limit
                    ));
                }
                worst = worst.max(error);
            }
        }
        let Some(others) = &output.others else { continue };
        let row = &right[(count - 1) * width..];
        let best = oracle::argmax(row);
        // Rounding may decide between logits this close, but not between equal ones.
        let near = row[best as usize] - row.get(others.token as usize).copied().unwrap_or(f32::NEG_INFINITY);
        let noise = (case.limit.sqrt() as f32) * row.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        if others.token != best && !(near > 0.0 && near <= noise) {
            return Err(format!("{place}: token {}, expected {best}", others.token));
        }
    }
    Ok(worst)
}

/// Normalized mean square error.
fn nmse(got: &[f32], want: &[f32]) -> f64 {
    let square = |v: f64| v * v;
    let error: f64 = got.iter().zip(want).map(|(&g, &w)| square(f64::from(g) - f64::from(w))).sum();
    let energy: f64 = want.iter().map(|&w| square(f64::from(w))).sum();
    if error == 0.0 { 0.0 } else { error / energy }
}
