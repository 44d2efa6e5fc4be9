//! Reproducible random numbers and weights.

use linnet_quant::DType;

/// SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
pub(crate) struct Random(u64);

impl Random {
    /// A separate sequence for each name.
    pub(crate) fn of(name: &str) -> Self {
        // FNV-1a.
        Random(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Uniform in -1..1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Encoded blocks of `values` values in `dtype`, with a magnitude near `scale`: random codes, and scales
    /// of either sign, occasionally subnormal or zero.
    pub(crate) fn weight(&mut self, dtype: DType, values: usize, scale: f32) -> Vec<u8> {
        match dtype {
            DType::F32 => (0..values).flat_map(|_| (self.unit() * scale).to_le_bytes()).collect(),
            DType::F16 => (0..values).flat_map(|_| half_bits(self.unit() * scale).to_le_bytes()).collect(),
            DType::BF16 => {
                let upper = |value: f32| ((value.to_bits() >> 16) as u16).to_le_bytes();
                (0..values).flat_map(|_| upper(self.unit() * scale)).collect()
            }
            _ => self.blocks(dtype, values, scale),
        }
    }

    fn blocks(&mut self, dtype: DType, values: usize, scale: f32) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..values / dtype.block_values() * dtype.block_bytes()).map(|_| self.next() as u8).collect();
        for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
            match dtype {
                DType::IQ1_M => {
                    let bits = self.half_scale(scale / (15.0 * 1.125));
                    for (i, byte) in [49, 51, 53, 55].into_iter().enumerate() {
                        block[byte] = block[byte] & 15 | ((bits >> (4 * i) & 15) as u8) << 4;
                    }
                }
                DType::MXFP4 => {
                    // 6 is the largest E2M1 value, 127 the exponent of 1.
                    let exponent = (scale / 6.0).log2().floor() as i32 + 127;
                    block[0] = (exponent - self.below(3) as i32) as u8;
                }
                DType::NVFP4 => {
                    // 7 is the exponent of 1. Occasionally 0, a subnormal, or the NaN code.
                    let exponent = (scale / 6.0).log2().floor() as i32 + 7;
                    for byte in &mut block[..4] {
                        let code = (exponent - self.below(2) as i32).max(0) << 3 | self.below(8) as i32;
                        *byte = [code as u8, 0, 3, 0x7f][self.below(16).saturating_sub(12)];
                    }
                }
                _ => {
                    for (at, codes) in half_scales(dtype) {
                        let bits = self.half_scale(scale / codes);
                        block[*at..at + 2].copy_from_slice(&bits.to_le_bytes());
                    }
                }
            }
        }
        bytes
    }

    /// An f16 below `2 * magnitude`, occasionally subnormal or zero.
    fn half_scale(&mut self, magnitude: f32) -> u16 {
        half_bits(match self.below(64) {
            0 => 0.0,
            1 => 3e-7,
            _ => self.unit() * 2.0 * magnitude,
        })
    }
}

/// The offsets of a block's f16 scales and minima, and the magnitudes of their codes.
fn half_scales(dtype: DType) -> &'static [(usize, f32)] {
    match dtype {
        DType::Q4_0 => &[(0, 8.0)],
        DType::Q4_1 => &[(0, 15.0), (2, 1.0)],
        DType::Q5_0 => &[(0, 16.0)],
        DType::Q5_1 => &[(0, 31.0), (2, 1.0)],
        DType::Q8_0 | DType::IQ4_NL => &[(0, 127.0)],
        DType::Q2_K => &[(80, 15.0 * 3.0), (82, 15.0)],
        DType::Q3_K => &[(108, 32.0 * 4.0)],
        DType::Q4_K => &[(0, 63.0 * 15.0), (2, 63.0)],
        DType::Q5_K => &[(0, 63.0 * 31.0), (2, 63.0)],
        DType::Q6_K => &[(208, 127.0 * 32.0)],
        DType::IQ4_XS => &[(0, 32.0 * 127.0)],
        DType::IQ3_XXS => &[(0, 7.75 * 62.0)],
        DType::IQ3_S => &[(0, 31.0 * 15.0)],
        DType::IQ2_XXS | DType::IQ2_XS | DType::IQ2_S => &[(0, 3.875 * 43.0)],
        DType::IQ1_S => &[(0, 15.0 * 1.125)],
        DType::TQ1_0 => &[(52, 1.0)],
        DType::TQ2_0 => &[(64, 1.0)],
        DType::Q1_0 => &[(0, 1.0)],
        DType::Q2_0 => &[(0, 2.0)],
        DType::F32 | DType::F16 | DType::BF16 | DType::IQ1_M | DType::MXFP4 | DType::NVFP4 => &[],
    }
}

/// Rounds to f16 towards zero; small values become subnormal. `value` must be in the range of f16.
fn half_bits(value: f32) -> u16 {
    // The product is a subnormal f32 where the f16 is subnormal.
    let moved = (value * 2f32.powi(-112)).to_bits();
    ((moved & 0x7fff_ffff) >> 13) as u16 | (moved >> 16) as u16 & 0x8000
}
