//! The operations of instruction sets that multiply bytes, beside those that every kernel is written in.
#![cfg_attr(
    not(any(test, all(target_arch = "wasm32", target_feature = "simd128"))),
    allow(dead_code, reason = "no other instruction set multiplies bytes")
)]

use super::vectors::Simd;

/// Vector operations of an instruction set that multiplies four bytes of a lane with four others at once.
pub(crate) trait ByteSimd: Simd {
    /// `sum` plus, for each lane of 32 bits, the four products of its bytes: `codes` of 0..=127 and `q` with a sign.
    fn dot_bytes(self, codes: Self::I16, q: Self::I16, sum: Self::I32) -> Self::I32;
    /// Times 256.
    fn shl_8_i32(self, v: Self::I32) -> Self::I32;
}

/// A computation that takes such a set; as [`Kernel`](super::vectors::Kernel).
pub(crate) trait ByteKernel {
    /// What it computes.
    type Output;
    /// The computation.
    fn run<S: ByteSimd>(self, s: S) -> Self::Output;
}
