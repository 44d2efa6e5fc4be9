//! How the kernels read each block format.

use std::ops::Range;

use linnet_quant::{DType, grids};

use crate::math::Math;

/// A block format and its reader in WGSL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Format {
    dtype: DType,
    include: &'static str,
}

impl Format {
    /// Formats that quantized files mix in one layer, the second for the values' matrix: one dispatch computes the
    /// products of both.
    pub const PAIRS: [[DType; 2]; 8] = [
        [DType::Q3_K, DType::Q4_K],
        [DType::Q3_K, DType::Q5_K],
        [DType::Q4_K, DType::Q5_K],
        [DType::Q4_K, DType::Q6_K],
        [DType::Q5_K, DType::Q6_K],
        [DType::IQ4_XS, DType::Q5_K],
        [DType::Q5_0, DType::Q8_0],
        [DType::Q5_1, DType::Q8_0],
    ];

    /// Whether there are kernels for two matrices of these formats.
    #[must_use]
    pub fn is_pair(self, second: Format) -> bool {
        Self::PAIRS.iter().any(|pair| pair.map(Format::of) == [self, second])
    }

    /// Formats of vocabularies that may exceed one binding of a small device: one dispatch reads both halves of such a
    /// table.
    pub const HALVED: [DType; 3] = [DType::F16, DType::Q6_K, DType::Q8_0];

    /// Whether there are kernels for a matrix in two buffers.
    #[must_use]
    pub fn is_halved(self) -> bool {
        Self::HALVED.contains(&self.dtype)
    }

    /// Every format.
    #[must_use]
    pub fn all() -> [Format; DType::ALL.len()] {
        DType::ALL.map(Format::of)
    }

    /// The reader for a block format.
    #[must_use]
    pub fn of(dtype: DType) -> Format {
        let include = match dtype {
            DType::F32 => "decode/float/f32",
            DType::F16 => "decode/float/f16",
            DType::BF16 => "decode/float/bf16",
            DType::Q4_0 => "decode/legacy/q4_0",
            DType::Q4_1 => "decode/legacy/q4_1",
            DType::Q5_0 => "decode/legacy/q5_0",
            DType::Q5_1 => "decode/legacy/q5_1",
            DType::Q8_0 => "decode/legacy/q8_0",
            DType::Q2_K => "decode/k_quants/q2_k",
            DType::Q3_K => "decode/k_quants/q3_k",
            DType::Q4_K => "decode/k_quants/q4_k",
            DType::Q5_K => "decode/k_quants/q5_k",
            DType::Q6_K => "decode/k_quants/q6_k",
            DType::IQ1_S => "decode/iq/iq1_s",
            DType::IQ1_M => "decode/iq/iq1_m",
            DType::IQ2_XXS => "decode/iq/iq2_xxs",
            DType::IQ2_XS => "decode/iq/iq2_xs",
            DType::IQ2_S => "decode/iq/iq2_s",
            DType::IQ3_XXS => "decode/iq/iq3_xxs",
            DType::IQ3_S => "decode/iq/iq3_s",
            DType::IQ4_NL => "decode/iq/iq4_nl",
            DType::IQ4_XS => "decode/iq/iq4_xs",
            DType::TQ1_0 => "decode/ternary/tq1_0",
            DType::TQ2_0 => "decode/ternary/tq2_0",
            DType::MXFP4 => "decode/fp4/mxfp4",
            DType::NVFP4 => "decode/fp4/nvfp4",
            DType::Q1_0 => "decode/legacy/q1_0",
            DType::Q2_0 => "decode/legacy/q2_0",
        };
        Format { dtype, include }
    }

    /// The codebook at the beginning of a buffer of such weights: entries of 16 bits, a whole number of words. Empty
    /// for most formats.
    #[must_use]
    pub fn codebook(self) -> &'static [u16] {
        match self.dtype {
            DType::IQ1_S | DType::IQ1_M => &grids::IQ1_GRID,
            DType::IQ2_XXS => &grids::IQ2_XXS_GRID,
            DType::IQ2_XS => &grids::IQ2_XS_GRID,
            DType::IQ2_S => &grids::IQ2_S_GRID,
            DType::IQ3_XXS => &grids::IQ3_XXS_GRID,
            DType::IQ3_S => &grids::IQ3_S_GRID,
            _ => &[],
        }
    }

    /// The bytes of the scale in a block, if a buffer of such weights has the scales after all blocks. These are the
    /// formats whose blocks are a whole number of words only without the scale. Empty for others.
    #[must_use]
    pub fn scale(self) -> Range<usize> {
        match self.dtype {
            DType::Q4_0 | DType::Q5_0 | DType::Q8_0 | DType::IQ4_NL | DType::Q1_0 | DType::Q2_0 => 0..2,
            DType::IQ1_S | DType::IQ2_XXS | DType::IQ2_XS | DType::IQ2_S | DType::IQ3_XXS | DType::IQ3_S => {
                0..2
            }
            DType::MXFP4 => 0..1,
            DType::Q3_K | DType::Q6_K | DType::TQ1_0 | DType::TQ2_0 => {
                let end = self.dtype.block_bytes();
                end - 2..end
            }
            _ => 0..0,
        }
    }

    /// The arithmetic in which products can be computed. Kernels other than those of f32 need integers with a scale and
    /// an offset that 16 values share.
    #[must_use]
    pub fn math(self) -> &'static [Math] {
        match self.dtype {
            DType::Q4_0
            | DType::Q4_1
            | DType::Q5_0
            | DType::Q5_1
            | DType::Q8_0
            | DType::Q2_K
            | DType::Q3_K
            | DType::Q4_K
            | DType::Q5_K
            | DType::Q6_K
            | DType::IQ4_NL
            | DType::IQ4_XS
            | DType::TQ2_0
            | DType::MXFP4 => &[Math::F32, Math::F16, Math::Int8],
            _ => &[Math::F32],
        }
    }

    /// The block format.
    #[must_use]
    pub fn dtype(self) -> DType {
        self.dtype
    }

    /// Name, as in the names of kernels.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.include.rsplit('/').next().unwrap_or_default()
    }

    /// Name of the include that reads it.
    pub(crate) fn include(self) -> &'static str {
        self.include
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_without_their_scales_are_whole_words() {
        for format in Format::all() {
            let (block, scale) = (format.dtype.block_bytes(), format.scale());
            let plain = format.dtype.block_values() == 1;
            assert!(plain || (block - scale.len()).is_multiple_of(4), "{}", format.name());
            assert!(
                scale.is_empty() || (!block.is_multiple_of(4) && scale.end <= block),
                "{}",
                format.name()
            );
            assert!(scale.start == 0 || scale.end == block, "{}", format.name());
        }
    }
}
