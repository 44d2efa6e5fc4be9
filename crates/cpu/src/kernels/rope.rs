//! Rotary position embedding.

use linnet_graph::{BackendError, Rope, RopeStyle};

use crate::memory;
use crate::simd::{Kernel, Simd};

/// Sines and cosines for the positions of a step, shared by all heads and layers with the same rope.
pub(crate) struct RopeTable {
    /// Angle per position of each pair.
    frequencies: Vec<f64>,
    /// Factor of sines and cosines.
    magnitude: f64,
    /// `[tokens, pairs]`, cosine and sine.
    rotations: Vec<[f32; 2]>,
}

impl RopeTable {
    /// Allocates room for `max_tokens` positions.
    pub(crate) fn new(rope: &Rope, factors: Option<&[f32]>, max_tokens: usize) -> Result<Self, BackendError> {
        let factor = |i: usize| factors.map_or(1.0, |factors| f64::from(factors[i]));
        let frequencies: Vec<f64> =
            rope.frequencies.iter().enumerate().map(|(i, &f)| f64::from(f) / factor(i)).collect();
        let rotations = memory::zeroed("rope table", frequencies.len().checked_mul(max_tokens))?;
        Ok(RopeTable { frequencies, magnitude: f64::from(rope.magnitude), rotations })
    }

    /// Computes the rotations for `tokens` positions from `position` on.
    pub(crate) fn fill(&mut self, position: usize, tokens: usize) {
        let pairs = self.frequencies.len().max(1);
        for (t, rotations) in self.rotations.chunks_exact_mut(pairs).take(tokens).enumerate() {
            for (rotation, frequency) in rotations.iter_mut().zip(&self.frequencies) {
                let (sin, cos) = ((position + t) as f64 * frequency).sin_cos();
                *rotation = [(cos * self.magnitude) as f32, (sin * self.magnitude) as f32];
            }
        }
    }

    /// The rotations of a token of the step.
    pub(crate) fn rotations(&self, token: usize) -> &[[f32; 2]] {
        let pairs = self.frequencies.len();
        &self.rotations[token * pairs..(token + 1) * pairs]
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.rotations) + memory::bytes(&self.frequencies)
    }
}

/// A kernel that writes the rotated heads of a row `x` to `out`.
pub(crate) fn rotate<'a>(
    rope: &Rope,
    rotations: &'a [[f32; 2]],
    x: &'a [f32],
    out: &'a mut [f32],
) -> impl Kernel<Output = ()> + 'a {
    Rotate { style: rope.style, head_dim: rope.head_dim, rotations, x, out }
}

struct Rotate<'a> {
    style: RopeStyle,
    head_dim: usize,
    rotations: &'a [[f32; 2]],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Rotate<'_> {
    type Output = ();

    /// Plain loops: they take a thousandth of a step, and the compiler vectorizes them.
    #[inline(always)]
    fn run<S: Simd>(self, _s: S) {
        let pairs = self.rotations.len();
        let heads = self.x.chunks_exact(self.head_dim).zip(self.out.chunks_exact_mut(self.head_dim));
        for (x, out) in heads {
            let (x, x_rest) = x.split_at(2 * pairs);
            let (out, out_rest) = out.split_at_mut(2 * pairs);
            out_rest.copy_from_slice(x_rest);
            match self.style {
                RopeStyle::Interleaved => {
                    let pairs = x.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<2>().0);
                    for ((&[a, b], out), &[cos, sin]) in pairs.zip(self.rotations) {
                        *out = [a * cos - b * sin, a * sin + b * cos];
                    }
                }
                RopeStyle::Halves => {
                    let (a, b) = x.split_at(pairs);
                    let (out_a, out_b) = out.split_at_mut(pairs);
                    for (i, &[cos, sin]) in self.rotations.iter().enumerate() {
                        out_a[i] = a[i] * cos - b[i] * sin;
                        out_b[i] = a[i] * sin + b[i] * cos;
                    }
                }
            }
        }
    }
}
