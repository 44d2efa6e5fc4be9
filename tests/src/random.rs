//! Reproducible random numbers and weights.

use linnet_quant::DType;

/// SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
pub(crate) struct Random(u64);

impl Random {
    /// A sequence of its own for each name.
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

    /// File bytes of `values` values in `dtype`, of magnitude near `scale`: random codes, and scales of either sign,
    /// now and then subnormal or zero.
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
        // Where the f16 scale and minimum are, and the magnitudes of the codes that they multiply.
        let (d, m) = match dtype {
            DType::Q4_0 => ((0, 8.0), None),
            DType::Q4_1 => ((0, 15.0), Some((2, 1.0))),
            DType::Q5_0 => ((0, 16.0), None),
            DType::Q5_1 => ((0, 31.0), Some((2, 1.0))),
            DType::Q8_0 => ((0, 127.0), None),
            DType::Q4_K => ((0, 63.0 * 15.0), Some((2, 63.0))),
            DType::Q5_K => ((0, 63.0 * 31.0), Some((2, 63.0))),
            DType::Q6_K => ((208, 127.0 * 32.0), None),
            other => panic!("no random blocks of {other} yet"),
        };
        let mut bytes: Vec<u8> =
            (0..values / dtype.block_values() * dtype.block_bytes()).map(|_| self.next() as u8).collect();
        for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
            let mut put = |(at, codes): (usize, f32)| {
                let value = match self.below(64) {
                    0 => 0.0,
                    1 => 3e-7,
                    _ => self.unit() * 2.0 * scale / codes,
                };
                block[at..at + 2].copy_from_slice(&half_bits(value).to_le_bytes());
            };
            put(d);
            if let Some(m) = m {
                put(m);
            }
        }
        bytes
    }
}

/// The half next below in magnitude; small ones become subnormal. `value` lies within the range of halves.
fn half_bits(value: f32) -> u16 {
    // The product rounds to a subnormal f32 where the half is one.
    let moved = (value * 2f32.powi(-112)).to_bits();
    ((moved & 0x7fff_ffff) >> 13) as u16 | (moved >> 16) as u16 & 0x8000
}
