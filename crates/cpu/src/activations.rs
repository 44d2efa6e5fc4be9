//! The activations of a matrix product, in the forms that kernels read.
//!
//! Quantized weights are multiplied with activations of 16 bits that share a scale per run of 32: integer products
//! are exact, and 16 bits lose about as little as f32 sums do (NMSE near 1e-10). A row is quantized once for all
//! the matrices that read it.
//!
//! Kernels that multiply bytes get the same integers split into signed bytes, `q = 256 * high + low`, so a product is
//! the same integer either way.

use bytemuck::{Pod, Zeroable};

use crate::layout::{RUN, first_of_quad};
use crate::simd::{Kernel, Simd};

/// The greatest integer: the largest `256 * high + low` with bytes of -128..=127.
const GREATEST: f32 = 32639.0;

/// The form of activations that a kernel reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// f32.
    Values,
    /// 16-bit integers.
    Pairs,
    /// The integers, split into bytes.
    Quads,
}

/// 32 activations: `value[k] = scale * q[k / 2][k % 2]`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct QBlock {
    /// Pairs of neighbours, for a dot instruction; or eight quads of upper bytes and eight of lower ones.
    pub(crate) q: [[i16; 2]; 16],
    /// Greatest magnitude / [`GREATEST`].
    pub(crate) scale: f32,
    /// Sum of the 32 values, to multiply with a weight's minimum.
    pub(crate) sum: f32,
    /// Sums of `q` over the first and second 16, to multiply with an offset of the codes.
    pub(crate) q_sums: [i32; 2],
}

/// The input of a matrix product.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// Number of rows.
    pub(crate) rows: usize,
    /// `[rows, cols]`.
    pub(crate) values: &'a [f32],
    /// With pairs, `[rows, cols / 32]`; filled if a matrix of the node reads them.
    pub(crate) pairs: &'a [QBlock],
    /// The same with quads.
    pub(crate) quads: &'a [QBlock],
}

/// Quantizes a row: 32 `values` for each of `runs`.
pub(crate) struct Quantize<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) runs: &'a mut [QBlock],
    /// Whether to write quads.
    pub(crate) quads: bool,
}

/// Splits the integers of a run into bytes.
#[inline(always)]
fn quads(q: &[[i16; 2]; 16]) -> [[i16; 2]; 16] {
    let mut bytes = [[[0_i8; 4]; 8]; 2];
    let [upper, lower] = &mut bytes;
    for (index, (upper, lower)) in upper.iter_mut().zip(lower).enumerate() {
        let first = first_of_quad(index);
        for (at, (upper, lower)) in upper.iter_mut().zip(lower).enumerate() {
            // Bytes 0 and 1 of a quad come from the even values of both pairs, bytes 2 and 3 from the odd ones.
            let q = q[first + at % 2 * 2][at / 2];
            *lower = q as i8;
            *upper = ((q + 128) >> 8) as i8;
        }
    }
    bytemuck::cast(bytes)
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
            // Below this the reciprocal would overflow, so such values become zeros.
            let inverse = if greatest > 1e-30 { GREATEST / greatest } else { 0.0 };
            run.scale = greatest / GREATEST;

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
            if self.quads {
                run.q = quads(&run.q);
            }
        }
    }
}
