//! Mixtures of experts.

use std::sync::Mutex;

use linnet_graph::{BackendError, ExpertMatMul, Gating, Router};

use crate::activations::{Form, Input, Quantize};
use crate::layout::{GROUP, RUN};
use crate::min_parallel_work;
use crate::pool::Pool;
use crate::scratch::{InputScratch, ThreadScratch, lock};
use crate::shared_rows::SharedRows;
use crate::simd::Isa;
use crate::weight::CpuWeight;

/// Selects the experts of a row: their indices and weights.
pub(crate) fn route(
    router: &Router,
    bias: Option<&[f32]>,
    logits: &[f32],
    ids: &mut [f32],
    weights: &mut [f32],
) {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = match router.gating {
        Gating::Softmax => logits.iter().map(|logit| (logit - greatest).exp()).sum(),
        Gating::Sigmoid | Gating::SoftmaxOfChosen => 1.0,
    };
    let score = |expert: usize| match router.gating {
        Gating::Softmax => (logits[expert] - greatest).exp() / total,
        Gating::Sigmoid => 1.0 / (1.0 + (-logits[expert]).exp()),
        Gating::SoftmaxOfChosen => logits[expert],
    };
    let rank = |expert: usize| match bias {
        Some(bias) => score(expert) + bias[expert],
        // Scores rise with logits, and equal logits have equal scores.
        None => logits[expert],
    };
    for (slot, weight) in weights.iter_mut().enumerate() {
        let (chosen, rest) = ids.split_at_mut(slot);
        let free = (0..logits.len()).filter(|expert| !chosen.contains(&(*expert as f32)));
        let best = free.reduce(|best, expert| if rank(expert) > rank(best) { expert } else { best });
        let best = best.unwrap_or(0);
        rest[0] = best as f32;
        *weight = match router.gating {
            Gating::SoftmaxOfChosen => (logits[best] - greatest).exp(),
            Gating::Softmax | Gating::Sigmoid => score(best),
        };
    }
    let mut factor = router.scale;
    if router.gating == Gating::SoftmaxOfChosen {
        factor /= weights.iter().sum::<f32>();
    } else if router.normalize {
        factor /= weights.iter().sum::<f32>().max(1.0 / 16384.0);
    }
    weights.iter_mut().for_each(|weight| *weight *= factor);
}

/// A product with the matrices of the selected experts.
#[derive(Clone, Copy)]
pub(crate) struct ExpertNode<'a> {
    pub(crate) op: &'a ExpertMatMul,
    pub(crate) weight: &'a CpuWeight,
    /// `[experts, outputs]`.
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) isa: Isa,
}

impl ExpertNode<'_> {
    /// Computes `out [rows, used * outputs]` from `x` and the experts' indices `ids [rows, used]`.
    pub(crate) fn run(
        &self,
        (x, ids): (&[f32], &[f32]),
        scratch: &mut InputScratch,
        (pool, threads): (&mut Pool, &[Mutex<ThreadScratch>]),
        out: &mut [f32],
    ) -> Result<(), BackendError> {
        let (matrix, isa) = (self.weight.matrix()?, self.isa);
        let (spec, experts) = (self.weight.spec(), self.op.experts);
        let (outputs, cols) = (spec.rows / experts, spec.cols);
        if ids.iter().any(|id| *id as usize >= experts) {
            return Err(BackendError::Internal("an expert's index is out of range".to_owned()));
        }
        let (inputs, slots) = (x.len() / cols, ids.len());
        let form = matrix.form();
        let runs_per_row = if form == Form::Values { 0 } else { cols / RUN };
        let runs = if form == Form::Quads { &mut scratch.quads } else { &mut scratch.pairs };
        {
            let runs = SharedRows::new(runs, inputs, runs_per_row);
            let units = if runs_per_row > 0 { inputs } else { 0 };
            pool.split(units, inputs * cols < min_parallel_work::QUANTIZED_INPUTS, |_, range| {
                for row in range {
                    // SAFETY: the ranges of the threads are disjoint, so each row is reached once.
                    let runs = unsafe { runs.part(row, 0, runs_per_row) };
                    let values = &x[row * cols..(row + 1) * cols];
                    isa.run(Quantize { values, runs, quads: form == Form::Quads });
                }
            });
        }
        let runs = &runs[..inputs * runs_per_row];
        // Each slot has its own input, or all slots of a row share one.
        let share = slots / inputs;
        let groups = outputs.div_ceil(GROUP);
        let out = SharedRows::new(out, slots, outputs);
        pool.split(slots * groups, slots * outputs * cols < min_parallel_work::PRODUCTS, |thread, range| {
            let ThreadScratch { panel, products: [products, ..], .. } = &mut *lock(&threads[thread]);
            let most = products.len() / GROUP;
            let mut unit = range.start;
            while unit < range.end {
                let (slot, group) = (unit / groups, unit % groups);
                let count = (groups - group).min(range.end - unit).min(most);
                let (expert, row) = (ids[slot] as usize, slot / share);
                let runs = &runs[row * runs_per_row..(row + 1) * runs_per_row];
                // The matrix reads one of the two forms.
                let values = &x[row * cols..(row + 1) * cols];
                let input = Input { rows: 1, values, pairs: runs, quads: runs };
                let first = expert * groups + group;
                let products = &mut products[..count * GROUP];
                matrix.products(isa, first..first + count, input, panel, products);
                let (column, len) = (group * GROUP, (count * GROUP).min(outputs - group * GROUP));
                // SAFETY: a unit is computed by one thread, and different units are different columns or slots.
                let to = unsafe { out.part(slot, column, len) };
                to.copy_from_slice(&products[..len]);
                if let Some(bias) = self.bias {
                    let bias = &bias[expert * outputs + column..][..len];
                    to.iter_mut().zip(bias).for_each(|(to, bias)| *to += bias);
                }
                unit += count;
            }
        });
        Ok(())
    }
}

/// `out [width]`: the weighted sum of the slots of `x [used, width]`.
pub(crate) fn weighted_sum(x: &[f32], weights: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for (x, weight) in x.chunks_exact(out.len()).zip(weights) {
        out.iter_mut().zip(x).for_each(|(out, x)| *out += weight * x);
    }
}
