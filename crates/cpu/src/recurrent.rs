//! Recurrent state, and the operations that update it.

use std::sync::Mutex;

use linnet_graph::{BackendError, Conv, DeltaNet, Graph};

use crate::kernels::DeltaHead;
use crate::memory;
use crate::min_parallel_work;
use crate::pool::Pool;
use crate::scratch::{ThreadScratch, lock};
use crate::shared_rows::SharedRows;
use crate::simd::Isa;

/// The recurrent states of a program, before and after the last step, so that a step can be repeated.
pub(crate) struct States {
    states: Vec<[Vec<f32>; 2]>,
    /// Position of the first token of the last step, whose state is `states[..][0]`.
    start: usize,
    /// Position after its last token, if it has ended.
    end: Option<usize>,
}

impl States {
    /// The states of a graph, before position 0.
    pub(crate) fn new(graph: &Graph) -> Result<Self, BackendError> {
        let zeros = |&len: &usize| {
            Ok([memory::zeroed("recurrent state", Some(len))?, memory::zeroed("recurrent state", Some(len))?])
        };
        let states = graph.states.iter().map(zeros).collect::<Result<_, BackendError>>()?;
        Ok(States { states, start: 0, end: None })
    }

    /// Prepares for a step at `position`.
    pub(crate) fn begin(&mut self, position: usize) -> Result<(), BackendError> {
        if self.states.is_empty() {
            return Ok(());
        }
        if position == 0 {
            self.states.iter_mut().for_each(|[before, _]| before.fill(0.0));
        } else if self.end == Some(position) {
            self.states.iter_mut().for_each(|[before, after]| std::mem::swap(before, after));
        } else if self.start != position {
            return Err(BackendError::Internal(format!(
                "a step at {position}, but the recurrent states are those at {} and {:?}",
                self.start, self.end
            )));
        }
        (self.start, self.end) = (position, None);
        Ok(())
    }

    /// Ends the step.
    pub(crate) fn finish(&mut self, tokens: usize) {
        self.end = Some(self.start + tokens);
    }

    /// A state before and after the step.
    pub(crate) fn get(&mut self, index: usize) -> Result<(&[f32], &mut [f32]), BackendError> {
        let state = self.states.get_mut(index).map(|[before, after]| (&before[..], &mut after[..]));
        state.ok_or_else(|| BackendError::Internal("no such recurrent state".to_owned()))
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.states.iter().flatten().map(|state| memory::bytes(state)).sum()
    }
}

/// Runs a convolution node on `x [rows, channels]`.
pub(crate) fn conv(
    op: &Conv,
    kernel: &[f32],
    x: &[f32],
    (before, after): (&[f32], &mut [f32]),
    pool: &mut Pool,
    out: &SharedRows<'_, f32>,
) {
    let (channels, taps) = (out.width(), op.taps);
    let tokens = x.len() / channels;
    // The input `index` tokens after the first of the state.
    let input = |index: usize| match index.checked_sub(taps - 1) {
        Some(token) => &x[token * channels..(token + 1) * channels],
        None => &before[index * channels..(index + 1) * channels],
    };
    pool.split(tokens, tokens * channels * taps < min_parallel_work::CONVOLUTION, |_, range| {
        for token in range {
            // SAFETY: the ranges of the threads are disjoint, so each row is reached once.
            let out = unsafe { out.part(token, 0, channels) };
            out.fill(0.0);
            for tap in 0..taps {
                for (c, (out, x)) in out.iter_mut().zip(input(token + tap)).enumerate() {
                    *out += kernel[c * taps + tap] * x;
                }
            }
            if op.silu {
                out.iter_mut().for_each(|y| *y /= 1.0 + (-*y).exp());
            }
        }
    });
    for (index, state) in after.chunks_exact_mut(channels).enumerate() {
        state.copy_from_slice(input(tokens + index));
    }
}

/// The inputs of a delta rule node: `qkv`, `beta` and `alpha` of each token, and the vectors among the weights.
#[derive(Clone, Copy)]
pub(crate) struct DeltaInputs<'a> {
    pub(crate) qkv: &'a [f32],
    pub(crate) beta: &'a [f32],
    pub(crate) alpha: &'a [f32],
    pub(crate) a: &'a [f32],
    pub(crate) dt_bias: &'a [f32],
}

/// Runs a delta rule node; a value head is one unit of work.
pub(crate) fn delta_net(
    op: &DeltaNet,
    isa: Isa,
    inputs: DeltaInputs<'_>,
    (before, after): (&[f32], &mut [f32]),
    (pool, threads): (&mut Pool, &[Mutex<ThreadScratch>]),
    out: &SharedRows<'_, f32>,
) {
    let DeltaNet { key_heads, value_heads, head_dim, eps, .. } = *op;
    let width = (2 * key_heads + value_heads) * head_dim;
    let tokens = inputs.qkv.len() / width;
    let square = head_dim * head_dim;
    let states = SharedRows::new(after, value_heads, square);
    let alone = tokens * value_heads * square < min_parallel_work::DELTA_RULE;
    pool.split(value_heads, alone, |thread, range| {
        let scratch = &mut lock(&threads[thread]).head;
        let (q, k) = scratch.split_at_mut(head_dim);
        for h in range {
            // SAFETY: a head is computed by one thread, and has a row of the states and a column of the result.
            let state = unsafe { states.part(h, 0, square) };
            state.copy_from_slice(&before[h * square..(h + 1) * square]);
            for (token, row) in inputs.qkv.chunks_exact(width).enumerate() {
                let head = |index: usize| &row[index * head_dim..(index + 1) * head_dim];
                unit(head(h % key_heads), eps, 1.0 / (head_dim as f32).sqrt(), q);
                unit(head(key_heads + h % key_heads), eps, 1.0, k);
                let at = token * value_heads + h;
                let rate = softplus(inputs.alpha[at] + inputs.dt_bias[h]) * inputs.a[h];
                let beta = 1.0 / (1.0 + (-inputs.beta[at]).exp());
                // SAFETY: as above.
                let out = unsafe { out.part(token, h * head_dim, head_dim) };
                let (v, decay) = (head(2 * key_heads + h), rate.exp());
                isa.run(DeltaHead { state, q, k: &k[..head_dim], v, decay, beta, out });
            }
        }
    });
}

/// `scale * x / max(|x|, eps)`.
fn unit(x: &[f32], eps: f32, scale: f32, out: &mut [f32]) {
    let length = x.iter().map(|v| v * v).sum::<f32>().sqrt().max(eps);
    for (out, x) in out.iter_mut().zip(x) {
        *out = x * (scale / length);
    }
}

/// `ln(1 + e^x)`, which is `x` if the exponential would overflow.
fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}
