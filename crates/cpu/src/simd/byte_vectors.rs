//! The additional operations of instruction sets that multiply bytes.
#![cfg_attr(
    not(any(test, all(target_arch = "wasm32", target_feature = "simd128"))),
    allow(dead_code, reason = "no other instruction set multiplies bytes")
)]

use super::vectors::Simd;

/// Vector operations of an instruction set that multiplies four pairs of bytes per lane at once.
pub(crate) trait ByteSimd: Simd {
    /// `sum` plus, for each 32-bit lane, the four products of its bytes: `codes` are 0..=127, `q` is signed.
    fn dot_bytes(self, codes: Self::I16, q: Self::I16, sum: Self::I32) -> Self::I32;
    /// Times 256.
    fn shl_8_i32(self, v: Self::I32) -> Self::I32;
}

/// A computation on such an instruction set, like [`Kernel`](super::vectors::Kernel).
pub(crate) trait ByteKernel {
    /// The result.
    type Output;
    /// The computation.
    fn run<S: ByteSimd>(self, s: S) -> Self::Output;
}
