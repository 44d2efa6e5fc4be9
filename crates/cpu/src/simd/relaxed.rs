//! Kernels that use WebAssembly's relaxed SIMD, in a module that is compiled once for engines with and without it.
//!
//! Whoever makes a page's modules of the compiled one replaces [`available`] by the answer and, where that is no, removes the
//! bodies that [`enter`] makes, which are the only ones with such instructions (`xtask`, `relaxed`).

use super::ByteKernel;
use super::simd128::Simd128;

/// Whether the module is for engines with relaxed SIMD. As compiled: no.
#[inline(never)]
pub(super) fn available() -> bool {
    static ANSWER: bool = false;
    // SAFETY: it is of a static. The compiler may conclude nothing from its value.
    unsafe { std::ptr::read_volatile(&raw const ANSWER) }
}

/// Proof that the engine has relaxed SIMD.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relaxed(());

impl Relaxed {
    /// The proof, if it is true.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        available().then_some(Relaxed(()))
    }

    /// Runs `kernel` in a function compiled for relaxed SIMD.
    #[inline]
    pub(super) fn run<K: ByteKernel>(self, kernel: K) -> K::Output {
        enter(kernel)
    }
}

#[target_feature(enable = "relaxed-simd")]
fn enter<K: ByteKernel>(kernel: K) -> K::Output {
    kernel.run(Simd128::<true>)
}
