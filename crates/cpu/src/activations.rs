//! The activations of a matrix product, in the two forms that kernels read.
//!
//! Quantized weights are multiplied with activations of 16 bits that share a scale per run of 32: integer products
//! are exact, and 16 bits lose about as little as f32 sums do (NMSE near 1e-10). A row is quantized once for all
//! the matrices that read it.

use bytemuck::{Pod, Zeroable};

use crate::packed::RUN;
use crate::simd::{Kernel, Simd};

/// 32 activations: `value[k] = scale * q[k / 2][k % 2]`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct Run {
    /// Pairs of neighbours, as a dot instruction takes them.
    pub(crate) q: [[i16; 2]; 16],
    /// Greatest magnitude / 32767.
    pub(crate) scale: f32,
    /// Sum of the 32 values: what a weight's minimum is multiplied with.
    pub(crate) sum: f32,
    /// Sums of `q` over the first and second 16: what an offset of the codes is multiplied with.
    pub(crate) q_sums: [i32; 2],
}

/// The input of a matrix product.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// Number of rows.
    pub(crate) rows: usize,
    /// `[rows, cols]`.
    pub(crate) values: &'a [f32],
    /// `[rows, cols / 32]`; filled where some matrix of the node wants them.
    pub(crate) runs: &'a [Run],
}

/// Quantizes a row: 32 `values` for each of `runs`.
pub(crate) struct Quantize<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) runs: &'a mut [Run],
}

impl Kernel for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (run, values) in self.runs.iter_mut().zip(self.values.as_chunks::<RUN>().0) {
            let (parts, _) = values.as_chunks::<8>();
            let v0 = s.load(&parts[0]);
            let v1 = s.load(&parts[1]);
            let v2 = s.load(&parts[2]);
            let v3 = s.load(&parts[3]);
            let greatest = s.max(s.max(s.abs(v0), s.abs(v1)), s.max(s.abs(v2), s.abs(v3)));
            let greatest = s.reduce_max(greatest);
            // Below this the reciprocal would overflow; such values count as zeros.
            let inverse = if greatest > 1e-30 { 32767.0 / greatest } else { 0.0 };
            run.scale = greatest / 32767.0;

            let inverse = s.splat(inverse);
            let (q, _) = bytemuck::cast_slice_mut::<_, i16>(&mut run.q).as_chunks_mut::<8>();
            let q0 = s.round(s.mul(v0, inverse));
            let q1 = s.round(s.mul(v1, inverse));
            let q2 = s.round(s.mul(v2, inverse));
            let q3 = s.round(s.mul(v3, inverse));
            s.store_as_i16(q0, &mut q[0]);
            s.store_as_i16(q1, &mut q[1]);
            s.store_as_i16(q2, &mut q[2]);
            s.store_as_i16(q3, &mut q[3]);
            // Whole numbers far below 2^24: these f32 sums are exact.
            let (first, second) = (s.reduce_add(s.add(q0, q1)), s.reduce_add(s.add(q2, q3)));
            run.q_sums = [first as i32, second as i32];
            run.sum = run.scale * (first + second);
        }
    }
}
