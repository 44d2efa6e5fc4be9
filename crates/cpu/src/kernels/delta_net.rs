//! The gated delta rule for one token and one value head.

use crate::simd::{Kernel, Simd};

/// Lanes of an f32 vector.
const LANES: usize = 8;

/// Updates a head's matrix with one token and reads it: see [`linnet_graph::DeltaNet`].
pub(crate) struct DeltaHead<'a> {
    /// `[value index, key index]`.
    pub(crate) state: &'a mut [f32],
    /// The query, of length 1, divided by the root of its dimension.
    pub(crate) q: &'a [f32],
    /// The key, of length 1.
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
    /// Factor of the matrix.
    pub(crate) decay: f32,
    /// Factor of the difference that is written.
    pub(crate) beta: f32,
    pub(crate) out: &'a mut [f32],
}

impl Kernel for DeltaHead<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (k, k_rest) = self.k.as_chunks::<LANES>();
        let (q, q_rest) = self.q.as_chunks::<LANES>();
        let rows = self.state.chunks_exact_mut(self.k.len());
        for ((row, v), out) in rows.zip(self.v).zip(self.out) {
            let (row, row_rest) = row.as_chunks_mut::<LANES>();
            let mut recalled = s.splat(0.0);
            for (row, k) in row.iter().zip(k) {
                recalled = s.mul_add(s.load(row), s.load(k), recalled);
            }
            let mut recalled = s.reduce_add(recalled);
            for (row, k) in row_rest.iter().zip(k_rest) {
                recalled += row * k;
            }

            let change = self.beta * (v - self.decay * recalled);
            let (decay, changes) = (s.splat(self.decay), s.splat(change));
            let mut sum = s.splat(0.0);
            for ((row, k), q) in row.iter_mut().zip(k).zip(q) {
                let new = s.mul_add(changes, s.load(k), s.mul(s.load(row), decay));
                s.store(new, row);
                sum = s.mul_add(new, s.load(q), sum);
            }
            let mut sum = s.reduce_add(sum);
            for ((row, k), q) in row_rest.iter_mut().zip(k_rest).zip(q_rest) {
                *row = change * k + *row * self.decay;
                sum += *row * q;
            }
            *out = sum;
        }
    }
}
