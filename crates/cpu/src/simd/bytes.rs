//! The instruction set that multiplies bytes, if there is one.
#![cfg_attr(
    not(any(test, all(target_arch = "wasm32", target_feature = "simd128"))),
    allow(dead_code, reason = "no other instruction set multiplies bytes")
)]

use super::byte_vectors::ByteKernel;
#[cfg(all(test, not(target_arch = "wasm32")))]
use super::portable::Portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::simd128::Simd128;

/// Proof that the module has relaxed SIMD.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relaxed(());

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
impl Relaxed {
    /// The proof, if the module has relaxed SIMD.
    #[inline]
    fn detect() -> Option<Self> {
        super::relaxed::available().then_some(Relaxed(()))
    }

    /// Runs `kernel`.
    #[inline]
    fn run<K: ByteKernel>(self, kernel: K) -> K::Output {
        kernel.run(Simd128)
    }
}

/// An instruction set that multiplies bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ByteIsa {
    /// WebAssembly's relaxed SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Relaxed(Relaxed),
    /// Plain Rust, for tests.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    Portable,
}

#[cfg(all(test, not(target_arch = "wasm32")))]
std::thread_local! {
    /// Whether a test selects [`ByteIsa::Portable`].
    pub(crate) static PORTABLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl ByteIsa {
    /// The instruction set to use, if there is one.
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
