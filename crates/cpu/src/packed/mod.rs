//! Weights as the kernels read them: rows in groups of eight, interleaved so that a vector holds one value of each.
//!
//! The same memory serves the matrix products and the embedding's single rows, so weights are held once.

mod codes;
mod float;
mod format;
mod fp4;
mod groups;
mod k_quants;
mod legacy;
mod matrix;
mod quantized;
mod scaled;
mod table;
mod ternary;

use linnet_graph::BackendError;
use linnet_quant::{DType, blocks};

pub(crate) use self::codes::{Codes, QuadSink, Sink};
use self::float::{Bf16, F16, F32};
pub(crate) use self::float::{FloatFormat, PackedFloat};
pub(crate) use self::format::Format;
pub(crate) use self::matrix::{Matrix, PanelRun};
pub(crate) use self::quantized::{Packed, PackedRuns};
use crate::layout::GROUP;

/// An empty weight of `rows` rows of `cols` values, a whole number of blocks.
pub(crate) fn matrix(
    name: &str,
    dtype: DType,
    rows: usize,
    cols: usize,
) -> Result<Box<dyn Matrix>, BackendError> {
    let groups = rows.div_ceil(GROUP);
    macro_rules! packed {
        ($format:ty, $block:ident) => {
            Box::new(Packed::<$format>::of::<blocks::$block>(name, groups, cols)?)
        };
    }
    Ok(match dtype {
        DType::F32 => Box::new(PackedFloat::<F32>::new(name, groups, cols)?),
        DType::F16 => Box::new(PackedFloat::<F16>::new(name, groups, cols)?),
        DType::BF16 => Box::new(PackedFloat::<Bf16>::new(name, groups, cols)?),
        DType::Q4_0 => packed!(legacy::Q4_0, BlockQ4_0),
        DType::Q4_1 => packed!(legacy::Q4_1, BlockQ4_1),
        DType::Q5_0 => packed!(legacy::Q5_0, BlockQ5_0),
        DType::Q5_1 => packed!(legacy::Q5_1, BlockQ5_1),
        DType::Q8_0 => packed!(legacy::Q8_0, BlockQ8_0),
        DType::IQ4_NL => packed!(legacy::Iq4Nl, BlockIQ4_NL),
        DType::Q2_K => packed!(k_quants::Q2K, BlockQ2_K),
        DType::Q4_K => packed!(k_quants::Q4K, BlockQ4_K),
        DType::Q5_K => packed!(k_quants::Q5K, BlockQ5_K),
        DType::Q6_K => packed!(k_quants::Q6K, BlockQ6_K),
        DType::Q3_K => packed!(scaled::Scaled<codes::bits3::Bits3>, BlockQ3_K),
        DType::IQ4_XS => packed!(scaled::Scaled<table::Iq4Halves>, BlockIQ4_XS),
        DType::IQ3_XXS => packed!(scaled::Scaled<table::Iq3Xxs>, BlockIQ3_XXS),
        DType::IQ3_S => packed!(scaled::Scaled<table::Iq3S>, BlockIQ3_S),
        DType::IQ2_XXS => packed!(scaled::Scaled<table::Iq2>, BlockIQ2_XXS),
        DType::IQ2_XS => packed!(scaled::Scaled<table::Iq2>, BlockIQ2_XS),
        DType::IQ2_S => packed!(scaled::Scaled<table::Iq2>, BlockIQ2_S),
        DType::IQ1_S => packed!(scaled::Scaled<table::Iq1>, BlockIQ1_S),
        DType::IQ1_M => packed!(scaled::Scaled<table::Iq1>, BlockIQ1_M),
        DType::MXFP4 => packed!(fp4::Fp4<1>, BlockMXFP4),
        DType::NVFP4 => packed!(fp4::Fp4<2>, BlockNVFP4),
        DType::TQ1_0 => packed!(ternary::Ternary, BlockTQ1_0),
        DType::TQ2_0 => packed!(ternary::Ternary, BlockTQ2_0),
        DType::Q1_0 => packed!(ternary::Ternary, BlockQ1_0),
        DType::Q2_0 => packed!(ternary::Ternary, BlockQ2_0),
    })
}
