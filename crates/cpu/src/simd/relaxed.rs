//! Kernels for WebAssembly's relaxed SIMD, in a module that is compiled once for engines with and without it.
//!
//! The compiler is not told of relaxed SIMD: it would use it anywhere in the module, for what then depends on the
//! processor. Whoever makes a page's modules of the compiled one (`xtask`, `relaxed`) replaces [`available`] by the
//! answer, and where that is yes, each call of [`dot`] by the instruction that does the same.

use core::arch::wasm32::{
    i16x8_extmul_high_i8x16, i16x8_extmul_low_i8x16, i32x4_add, i32x4_extadd_pairwise_i16x8, i32x4_shuffle,
    v128,
};

/// Whether the module is for engines with relaxed SIMD. As compiled: no.
#[inline(never)]
pub(super) fn available() -> bool {
    static ANSWER: bool = false;
    // SAFETY: it is of a static. The compiler may conclude nothing from its value.
    unsafe { std::ptr::read_volatile(&raw const ANSWER) }
}

/// What `i32x4.relaxed_dot_i8x16_i7x16_add_s` does on all processors alike where the top bits of `codes` are zero:
/// `sum` plus, for each lane of 32 bits, the four products of its bytes. (Two such products fit 16 bits, which is how
/// some compute it.)
///
/// With C's calling convention vectors are passed as values.
#[inline(never)]
#[expect(improper_ctypes_definitions, reason = "nothing but these modules calls it")]
pub(super) extern "C" fn dot(q: v128, codes: v128, sum: v128) -> v128 {
    let first = i32x4_extadd_pairwise_i16x8(i16x8_extmul_low_i8x16(q, codes));
    let second = i32x4_extadd_pairwise_i16x8(i16x8_extmul_high_i8x16(q, codes));
    let even = i32x4_shuffle::<0, 2, 4, 6>(first, second);
    let odd = i32x4_shuffle::<1, 3, 5, 7>(first, second);
    i32x4_add(sum, i32x4_add(even, odd))
}
