//! Which instruction set a backend uses.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::bytes::ByteIsa;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::portable::Portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::simd128::Simd128;
use super::vectors::Kernel;

/// The instruction set that the kernels of a backend use. A wasm module has only one set of kernels, because a page
/// downloads every byte.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Isa {
    /// Plain loops.
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    Portable,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// NEON of 64-bit ARM.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// WebAssembly's 128-bit SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(Simd128),
}

impl Isa {
    /// The best instruction set of this processor; with `portable`, the portable kernels.
    pub(crate) fn choose(portable: bool) -> Self {
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        if portable {
            return Isa::Portable;
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Isa::Avx2(avx2);
        }
        #[cfg(target_arch = "aarch64")]
        return Isa::Neon(Neon);
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return {
            let _ = portable;
            Isa::Simd128(Simd128)
        };
        #[cfg(not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128"))))]
        Isa::Portable
    }

    /// The displayed name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Isa::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(_) => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128(_) => match ByteIsa::choose() {
                Some(_) => "relaxed-simd",
                None => "simd128",
            },
        }
    }

    /// Runs `kernel` with this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Isa::Portable => kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(avx2) => avx2.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(neon) => neon.run(kernel),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128(simd128) => kernel.run(simd128),
        }
    }
}
