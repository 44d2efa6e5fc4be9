//! Kernels for WebAssembly's relaxed SIMD, in a module that is compiled once for engines with and without it.
//!
//! The compiler must not know of relaxed SIMD: it would use it anywhere in the module, with results that depend on the
//! processor. `xtask` (`relaxed`), which makes the modules of a page from the compiled one, replaces [`available`] by a
//! constant, and if that is true, each call of [`dot`] by the instruction.

use core::arch::wasm32::{
    i16x8_extmul_high_i8x16, i16x8_extmul_low_i8x16, i32x4_add, i32x4_extadd_pairwise_i16x8, i32x4_shuffle,
    v128,
};

/// Whether the module is for engines with relaxed SIMD; `false` as compiled.
#[inline(never)]
pub(super) fn available() -> bool {
    static ANSWER: bool = false;
    // SAFETY: the pointer is to a static. The read is volatile, so that the compiler assumes nothing about the value.
    unsafe { std::ptr::read_volatile(&raw const ANSWER) }
}

/// Equals `i32x4.relaxed_dot_i8x16_i7x16_add_s`, which is the same on all processors if the top bits of `codes` are
/// zero: `sum` plus, for each 32-bit lane, the four products of its bytes. (Some processors add pairs of products in 16
/// bits, which hold them.)
///
/// The C calling convention passes vectors by value.
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "only this module calls it")]
pub(super) extern "C" fn dot(q: v128, codes: v128, sum: v128) -> v128 {
    let first = i32x4_extadd_pairwise_i16x8(i16x8_extmul_low_i8x16(q, codes));
    let second = i32x4_extadd_pairwise_i16x8(i16x8_extmul_high_i8x16(q, codes));
    let even = i32x4_shuffle::<0, 2, 4, 6>(first, second);
    let odd = i32x4_shuffle::<1, 3, 5, 7>(first, second);
    i32x4_add(sum, i32x4_add(even, odd))
}
