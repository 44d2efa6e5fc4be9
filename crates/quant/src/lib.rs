//! The block formats of GGUF weights: which there are ([`DType`]), how their bytes lie ([`blocks`]), and what
//! they mean ([`dequantize`]).
//!
//! Tables and bit layouts that kernels of other crates need to repack blocks are public: [`grids`],
//! [`IQ4_VALUES`], [`E2M1_DOUBLED`], [`scale_min_k4`] and their like.

pub mod blocks;
mod decode;
mod dtype;
pub mod grids;

pub use decode::{
    E2M1_DOUBLED, IQ1_DELTA, IQ4_VALUES, LengthError, dequantize, e8m0_half, iq1_m_scale, iq4_xs_scale,
    scale_min_k4, scales_k3, tq1_digit, ue4m3_half,
};
pub use dtype::DType;
