//! Rotary position embedding.

use linnet_graph::{BackendError, Rope, RopeStyle};

use crate::memory;
use crate::simd::{Kernel, Simd};

/// Sines and cosines for the positions of a step, shared by all heads and layers that turn alike.
pub(crate) struct RopeTable {
    /// Angle per position of each pair.
    frequencies: Vec<f64>,
    /// Multiplied with sines and cosines.
    magnitude: f64,
    /// `[tokens, pairs]`, cosine and sine.
    turns: Vec<[f32; 2]>,
}

impl RopeTable {
    /// Room for `max_tokens` positions.
    pub(crate) fn new(rope: &Rope, factors: Option<&[f32]>, max_tokens: usize) -> Result<Self, BackendError> {
        let factor = |i: usize| factors.map_or(1.0, |factors| f64::from(factors[i]));
        let frequencies: Vec<f64> =
            rope.frequencies.iter().enumerate().map(|(i, &f)| f64::from(f) / factor(i)).collect();
        let turns = memory::zeroed("rope table", frequencies.len().checked_mul(max_tokens))?;
        Ok(RopeTable { frequencies, magnitude: f64::from(rope.magnitude), turns })
    }

    /// Computes the turns for `tokens` positions from `position` on.
    pub(crate) fn fill(&mut self, position: usize, tokens: usize) {
        let pairs = self.frequencies.len().max(1);
        for (t, turns) in self.turns.chunks_exact_mut(pairs).take(tokens).enumerate() {
            for (turn, frequency) in turns.iter_mut().zip(&self.frequencies) {
                let (sin, cos) = ((position + t) as f64 * frequency).sin_cos();
                *turn = [(cos * self.magnitude) as f32, (sin * self.magnitude) as f32];
            }
        }
    }

    /// The turns of a token of the step.
    pub(crate) fn turns(&self, token: usize) -> &[[f32; 2]] {
        let pairs = self.frequencies.len();
        &self.turns[token * pairs..(token + 1) * pairs]
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.turns) + memory::bytes(&self.frequencies)
    }
}

/// A kernel that writes the heads of a row `x`, turned, to `out`.
pub(crate) fn rotate<'a>(
    rope: &Rope,
    turns: &'a [[f32; 2]],
    x: &'a [f32],
    out: &'a mut [f32],
) -> impl Kernel<Output = ()> + 'a {
    Rotate { style: rope.style, head_dim: rope.head_dim, turns, x, out }
}

struct Rotate<'a> {
    style: RopeStyle,
    head_dim: usize,
    turns: &'a [[f32; 2]],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Rotate<'_> {
    type Output = ();

    /// Plain loops: this is a thousandth of a step, and the compiler vectorises them.
    #[inline(always)]
    fn run<S: Simd>(self, _s: S) {
        let pairs = self.turns.len();
        let heads = self.x.chunks_exact(self.head_dim).zip(self.out.chunks_exact_mut(self.head_dim));
        for (x, out) in heads {
            let (x, x_rest) = x.split_at(2 * pairs);
            let (out, out_rest) = out.split_at_mut(2 * pairs);
            out_rest.copy_from_slice(x_rest);
            match self.style {
                RopeStyle::Interleaved => {
                    let pairs = x.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<2>().0);
                    for ((&[a, b], out), &[cos, sin]) in pairs.zip(self.turns) {
                        *out = [a * cos - b * sin, a * sin + b * cos];
                    }
                }
                RopeStyle::Halves => {
                    let (a, b) = x.split_at(pairs);
                    let (out_a, out_b) = out.split_at_mut(pairs);
                    for (i, &[cos, sin]) in self.turns.iter().enumerate() {
                        out_a[i] = a[i] * cos - b[i] * sin;
                        out_b[i] = a[i] * sin + b[i] * cos;
                    }
                }
            }
        }
    }
}
