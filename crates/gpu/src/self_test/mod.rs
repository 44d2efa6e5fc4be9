//! Tests of the device: before a model is compiled, its kernels run on products and attentions with known results. A
//! driver that miscompiles a kernel fails here instead of making the model generate nonsense.
//!
//! Compiling a kernel takes longer than a whole trial. So a trial has the shape of a part of the model and runs the
//! same pipelines, which are compiled once.

mod attention;
mod experts;
mod matrix;
mod product;
mod sample;

use std::cell::RefCell;

use linnet_graph::{BackendError, Bytes, CompileOptions, FusedOp, Graph, Output, OutputRequest, Step};

use self::sample::{Sample, TOKENS};
use crate::error::internal;
use crate::kernels::{Gpu, Selected};
use crate::program::Program;
use crate::weights::Weight;

/// A test of the kernels of one kind.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Trial {
    /// A product with one matrix or two.
    Product(product::ProductCase),
    /// Products with the matrices of experts.
    Experts(experts::ExpertsCase),
    /// Attention, with the operations that are fused with it.
    Attention(Box<attention::AttentionCase>),
}

impl std::fmt::Display for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trial::Product(shape) => shape.fmt(f),
            Trial::Experts(shape) => shape.fmt(f),
            Trial::Attention(shape) => shape.fmt(f),
        }
    }
}

/// The trials that the selected kernels have passed.
#[derive(Default)]
pub(crate) struct SelfTests {
    passed: RefCell<Passed>,
}

#[derive(Default)]
struct Passed {
    /// The kernels that passed; other kernels must be tested again.
    kernels: Selected,
    trials: Vec<Trial>,
}

impl SelfTests {
    /// Tests the kernels that `graph` needs; if they fail, selects others.
    ///
    /// # Errors
    /// [`BackendError::NoAdapter`] if no kernels work; errors of the device.
    pub async fn check(
        &self,
        gpu: &Gpu,
        graph: &Graph<FusedOp>,
        options: CompileOptions,
    ) -> Result<(), BackendError> {
        let trials = trials(graph, options, gpu.device.max_part);
        let mut next = 0;
        while let Some(trial) = trials.get(next) {
            next += 1;
            if self.passed_self_test(gpu.config.selected(), trial) {
                continue;
            }
            match fault(gpu, trial).await? {
                None => self.passed.borrow_mut().trials.push(trial.clone()),
                Some(why) => {
                    gpu.config.disable_next(&why)?;
                    next = 0;
                }
            }
        }
        Ok(())
    }

    fn passed_self_test(&self, kernels: Selected, trial: &Trial) -> bool {
        let mut passed = self.passed.borrow_mut();
        if passed.kernels != kernels {
            *passed = Passed { kernels, trials: Vec::new() };
        }
        passed.trials.contains(trial)
    }
}

/// The trials for a graph, of the kernels that have variants. For each kind of product it is the one with the least
/// work. A weight's buffer has at most `max_part` bytes.
fn trials(graph: &Graph<FusedOp>, options: CompileOptions, max_part: u64) -> Vec<Trial> {
    let mut products: Vec<product::ProductCase> = Vec::new();
    let mut mixtures: Vec<experts::ExpertsCase> = Vec::new();
    let mut attentions = Vec::new();
    for node in &graph.nodes {
        let Some(input) = node.inputs.first().map(|input| graph.value(*input)) else { continue };
        match &node.op {
            FusedOp::MatMul(op) => {
                for shape in product::ProductCase::of(graph, op, options.max_rows(input.rows) > 1, max_part) {
                    keep_least(
                        &mut products,
                        shape,
                        product::ProductCase::is_alike,
                        product::ProductCase::work,
                    );
                }
            }
            FusedOp::ExpertMatMul(_) | FusedOp::GatedExperts(_) | FusedOp::ExpertSum(_) => {
                let Some(shape) = experts::ExpertsCase::of(graph, node, options) else { continue };
                keep_least(&mut mixtures, shape, experts::ExpertsCase::is_alike, experts::ExpertsCase::work);
            }
            FusedOp::Attention(op) => {
                attentions.push(attention::AttentionCase::new(op, [None; 3], None, options))
            }
            FusedOp::SelfAttention(op) => {
                let rope = op.rope.as_ref();
                attentions.push(attention::AttentionCase::new(&op.attention, op.norms, rope, options));
            }
            _ => {}
        }
    }
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(products.into_iter().map(|shape| Trial::Product(shape.within_bounds())));
    trials.extend(mixtures.into_iter().map(|shape| Trial::Experts(shape.within_bounds())));
    for trial in attentions.into_iter().map(|shape| Trial::Attention(Box::new(shape))) {
        if !trials.contains(&trial) {
            trials.push(trial);
        }
    }
    trials
}

/// Adds a shape, or replaces a similar one that takes more work.
fn keep_least<S, W: PartialOrd>(
    kept: &mut Vec<S>,
    shape: S,
    is_alike: fn(&S, &S) -> bool,
    work: fn(&S) -> W,
) {
    match kept.iter_mut().find(|other| is_alike(other, &shape)) {
        Some(other) if work(&shape) < work(other) => *other = shape,
        Some(_) => {}
        None => kept.push(shape),
    }
}

/// Runs a trial. Returns a description of wrong results or of a kernel that does not compile; `None` if it passes.
async fn fault(gpu: &Gpu, trial: &Trial) -> Result<Option<String>, BackendError> {
    let sample = match trial {
        Trial::Product(shape) => product::sample(shape, gpu.config.selected().math),
        Trial::Experts(shape) => experts::sample(shape, gpu.config.selected().math),
        Trial::Attention(shape) => attention::sample(shape),
    };
    match results(gpu, &sample).await {
        Ok(results) => Ok(deviation(&sample, &results).map(|found| format!("{trial} gave {found}"))),
        Err(BackendError::Internal(message)) => Ok(Some(format!("{trial} failed: {message}"))),
        Err(error) => Err(error),
    }
}

/// The results: the rows of all tokens in one step, or of the last of them; the row of the last token in a step of its
/// own; and its row at the end of a long context, or nothing.
async fn results(gpu: &Gpu, sample: &Sample) -> Result<[Vec<f32>; 3], BackendError> {
    let device = &gpu.device;
    let mut graph = sample.graph.clone().map_err(|error| BackendError::Internal(error.to_string()))?;
    // The kernel for sampling has no variants.
    graph.nodes.retain(|node| node.op != FusedOp::Argmax);
    let mut weights = Vec::new();
    for (spec, bytes) in graph.weights.iter().zip(&sample.weights) {
        let mut weight = Weight::in_parts(device, spec, sample.most_rows)?;
        let mut left = spec.byte_len();
        while left > 0 {
            let part = &bytes[..bytes.len().min(left)];
            weight.write(device, Bytes::Heap(part)).await?;
            left -= part.len();
        }
        weights.push(weight);
    }
    let mut program = Program::compile(gpu, graph, weights, sample.options).await?;
    let mut rows = async |tokens: &[u32], position, want| match program
        .run(device, Step { tokens, position, want })
        .await?
    {
        Output::Logits(rows) => Ok(rows),
        _ if want == OutputRequest::Nothing => Ok(Vec::new()),
        _ => Err(internal("a trial returned no rows")),
    };
    let tokens: [u32; TOKENS] = std::array::from_fn(|token| token as u32);
    let last = &tokens[TOKENS - 1..];
    let together = rows(&tokens, 0, OutputRequest::Logits(sample.expected.len())).await?;
    let alone = rows(last, TOKENS - 1, OutputRequest::Logits(1)).await?;
    let mut far_behind = Vec::new();
    if let Some(far) = &sample.far {
        for position in &far.stored {
            rows(&tokens, *position, OutputRequest::Nothing).await?;
        }
        far_behind = rows(last, far.position, OutputRequest::Logits(1)).await?;
    }
    Ok([together, alone, far_behind])
}

/// The first result outside its tolerance.
fn deviation(sample: &Sample, [together, alone, far_behind]: &[Vec<f32>; 3]) -> Option<String> {
    let last = sample.expected.last().map(std::slice::from_ref).unwrap_or_default();
    let far = sample.far.as_ref().map(|far| std::slice::from_ref(&far.expected)).unwrap_or_default();
    let runs = [
        ("several rows", &sample.expected[..], together),
        ("one row", last, alone),
        ("one row in a long context", far, far_behind),
    ];
    runs.into_iter().find_map(|(what, expected, found)| {
        let mut pairs = expected.iter().flatten().zip(found);
        let wrong = pairs.find(|([value, limit], found)| {
            let off = (f64::from(**found) - value).abs();
            off.is_nan() || off > *limit
        });
        wrong.map(|([value, _], found)| format!("{found} instead of {value} ({what})"))
    })
}

#[cfg(test)]
mod tests;
