//! Random weights, generated directly in their block formats.
//!
//! The codes are uniformly random; the scales are set so that the values have the requested deviation.

use linnet_quant::{DType, E2M1_DOUBLED};

/// SplitMix64 (Steele, Lea and Flood, 2014): fast, and any seed works.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A separate stream for each name.
    pub fn new(seed: u64, name: &str) -> Random {
        // Hashes with FNV-1a; SplitMix64 mixes it further.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Random(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }

    /// Uniform in `-1.0..1.0`.
    fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

/// Random values around a mean. Block formats other than floats only support a mean of 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    pub mean: f32,
    pub deviation: f32,
}

/// The standard deviation of uniform integers in `0..n`.
fn uniform(n: f32) -> f32 {
    ((n * n - 1.0) / 12.0).sqrt()
}

/// Fills whole blocks of the formats used in our files; other formats get zeros.
pub fn fill(dtype: DType, Noise { mean, deviation }: Noise, random: &mut Random, out: &mut [u8]) {
    if dtype == DType::F32 {
        for value in out.chunks_exact_mut(4) {
            let noise = deviation * 3_f32.sqrt() * random.signed();
            value.copy_from_slice(&(mean + noise).to_le_bytes());
        }
        return;
    }
    random.bytes(out);
    // Offset of a block's scale, and its value.
    let f16 = |value: f32| half_bits(value).to_le_bytes();
    let blocks = out.chunks_exact_mut(dtype.block_bytes());
    match dtype {
        DType::Q4_0 | DType::Q5_0 | DType::Q8_0 => {
            let codes = match dtype {
                DType::Q4_0 => 16.0,
                DType::Q5_0 => 32.0,
                _ => 256.0,
            };
            let scale = f16(deviation / uniform(codes));
            blocks.for_each(|block| block[..2].copy_from_slice(&scale));
        }
        DType::Q6_K => {
            let scale = f16(deviation / (uniform(64.0) * f32::from(GROUP_SCALE)));
            blocks.for_each(|block| {
                block[192..208].fill(GROUP_SCALE);
                block[208..].copy_from_slice(&scale);
            });
        }
        DType::Q4_K => {
            // The minimum of each group of 32 shifts the mean of its codes, 7.5, to zero.
            let scale = deviation / (uniform(16.0) * f32::from(GROUP_SCALE));
            let [scale, minimum] = [f16(scale), f16(7.5 * scale)];
            blocks.for_each(|block| {
                block[..2].copy_from_slice(&scale);
                block[2..4].copy_from_slice(&minimum);
                block[4..12].fill(GROUP_SCALE);
                block[12..16].fill(GROUP_SCALE << 4 | GROUP_SCALE);
            });
        }
        DType::MXFP4 => {
            let square: f32 = E2M1_DOUBLED.iter().map(|code| f32::from(*code) * f32::from(*code)).sum();
            let scale = deviation / (square / E2M1_DOUBLED.len() as f32).sqrt();
            // The table's values are doubled, so a scale byte of 128 means 1.
            let exponent = (scale.log2().round() + 128.0).clamp(2.0, 254.0) as u8;
            blocks.for_each(|block| block[0] = exponent);
        }
        _ => out.fill(0),
    }
}

/// The scale of each group in a K-quant block: fits in four bits, so it is written without splitting.
const GROUP_SCALE: u8 = 8;

/// Rounds a small positive number to the nearest f16.
fn half_bits(value: f32) -> u16 {
    half::f16::from_f32(value).to_bits()
}

#[cfg(test)]
mod tests {
    use linnet_quant::dequantize;

    use super::*;

    #[test]
    fn values_have_the_requested_deviation() {
        use DType::{F32, MXFP4, Q4_0, Q4_K, Q5_0, Q6_K, Q8_0};
        for dtype in [F32, MXFP4, Q4_0, Q4_K, Q5_0, Q6_K, Q8_0] {
            let mut bytes = vec![0; dtype.row_bytes(64 * 1024).unwrap()];
            fill(dtype, Noise { mean: 0.0, deviation: 0.02 }, &mut Random::new(1, "x"), &mut bytes);
            let mut values = vec![0.0; 64 * 1024];
            dequantize(dtype, &bytes, &mut values).unwrap();
            let count = values.len() as f64;
            let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
            let square = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / count;
            let deviation = (square - mean * mean).sqrt();
            // Scales of MXFP4 are powers of two; codes of Q4_0 have a mean of -0.5.
            let slack = if dtype == MXFP4 { 1.45 } else { 1.05 };
            assert!((0.02 / slack..0.02 * slack).contains(&deviation), "{dtype}: {deviation}");
            assert!(mean.abs() < 0.0025, "{dtype}: {mean}");
        }
    }

    #[test]
    fn each_name_and_seed_has_its_own_stream() {
        let first = |seed, name| Random::new(seed, name).next();
        assert_eq!(first(1, "a"), first(1, "a"));
        assert_ne!(first(1, "a"), first(2, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
    }
}
