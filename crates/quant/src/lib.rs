//! The block formats of GGUF weights: their types ([`DType`]), layouts ([`blocks`]) and decoding
//! ([`dequantize`]).
//!
//! Tables and bit layouts that other crates' kernels need to repack blocks are public: [`grids`],
//! [`IQ4_VALUES`], [`E2M1_DOUBLED`], [`scale_min_k4`] and similar.

pub mod blocks;
mod decode;
mod dtype;
pub mod grids;

pub use decode::{
    E2M1_DOUBLED, IQ1_DELTA, IQ4_VALUES, LengthError, dequantize, e8m0_half, iq1_m_scale, iq4_xs_scale,
    scale_min_k4, scales_k3, tq1_digit, ue4m3_half,
};
pub use dtype::DType;
