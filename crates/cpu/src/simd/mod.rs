//! The vectors of all kernels: eight lanes of 32 bits, one per row of a group, or sixteen of 16 bits.
//!
//! A kernel is one generic function over [`Simd`]. [`Isa::run`] picks the implementation and enters it through a
//! function compiled for that instruction set, into which everything generic is inlined.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod byte_vectors;
mod bytes;
mod half;
mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod relaxed;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod unroll;
mod vectors;

pub(crate) use self::byte_vectors::{ByteKernel, ByteSimd};
pub(crate) use self::bytes::ByteIsa;
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) use self::bytes::PORTABLE;
pub(crate) use self::half::encode_f16;
pub(crate) use self::isa::Isa;
pub(crate) use self::unroll::{four_times, twice};
pub(crate) use self::vectors::{Kernel, Simd};

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
