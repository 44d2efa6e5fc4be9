//! Instruction sets that multiply bytes, beside those that every kernel is written for.
#![cfg_attr(
    not(any(test, all(target_arch = "wasm32", target_feature = "simd128"))),
    allow(dead_code, reason = "no other instruction set multiplies bytes")
)]

use super::Simd;
#[cfg(all(test, not(target_arch = "wasm32")))]
use super::portable::Portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::relaxed::Relaxed;

/// Vector operations of an instruction set that multiplies four bytes of a lane with four others at once.
pub(crate) trait ByteSimd: Simd {
    /// `sum` plus, for each lane of 32 bits, the four products of its bytes: `codes` of 0..=127 and `q` with a sign.
    fn dot_bytes(self, codes: Self::I16, q: Self::I16, sum: Self::I32) -> Self::I32;
    /// Times 256.
    fn shl_8_i32(self, v: Self::I32) -> Self::I32;
}

/// A computation that takes such a set; as [`super::Kernel`].
pub(crate) trait ByteKernel {
    /// What it computes.
    type Output;
    /// The computation.
    fn run<S: ByteSimd>(self, s: S) -> Self::Output;
}

/// Such an instruction set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ByteIsa {
    /// WebAssembly's relaxed SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Relaxed(Relaxed),
    /// To compare with.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    Portable,
}

#[cfg(all(test, not(target_arch = "wasm32")))]
std::thread_local! {
    /// Whether a test wants [`ByteIsa::Portable`].
    pub(crate) static PORTABLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl ByteIsa {
    /// The one to use, where there is one.
    #[inline]
    pub(crate) fn choose() -> Option<Self> {
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return Relaxed::detect().map(ByteIsa::Relaxed);
        #[cfg(all(test, not(target_arch = "wasm32")))]
        return PORTABLE.get().then_some(ByteIsa::Portable);
        #[cfg(not(any(test, all(target_arch = "wasm32", target_feature = "simd128"))))]
        None
    }

    /// Runs `kernel` with this instruction set.
    #[inline]
    pub(crate) fn run<K: ByteKernel>(self, kernel: K) -> K::Output {
        #[cfg(not(any(test, all(target_arch = "wasm32", target_feature = "simd128"))))]
        let _ = kernel;
        match self {
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            ByteIsa::Relaxed(relaxed) => relaxed.run(kernel),
            #[cfg(all(test, not(target_arch = "wasm32")))]
            ByteIsa::Portable => kernel.run(Portable),
        }
    }
}
