//! The formats of 256 values with quantized scales, which are unpacked to whole bytes here (Q4_K grows by 3 %).

use bytemuck::Zeroable;
use linnet_quant::blocks::{BlockQ2_K, BlockQ4_K, BlockQ5_K, BlockQ6_K};
use linnet_quant::scale_min_k4;

use super::codes::{Bits2, Bits4, Bits5, Bits6, Codes};
use super::format::{Format, Pack};
use crate::layout::{GROUP, RUN};
use crate::simd::Simd;

/// Bits 0..4 of value `k` of run `run`: 32 bytes hold two runs.
fn nibble(qs: &[u8; 128], run: usize, k: usize) -> u8 {
    qs[run / 2 * RUN + k] >> (4 * (run % 2)) & 15
}

/// The two-bit codes of run `run`: each 32 bytes hold four runs, lowest bits first.
pub(super) fn two_bits(qs: &[u8; 64], run: usize) -> [u8; RUN] {
    std::array::from_fn(|k| qs[run / 4 * RUN + k] >> (2 * (run % 4)) & 3)
}

/// Declares a format `value = d * scale * code - dmin * min`.
macro_rules! format {
    ($name:ident, $packed:ident, $file:ident, $bits:ident, |$block:ident, $run:ident, $k:ident| $code:expr) => {
        #[doc = concat!("A run of [`", stringify!($file), "`] of eight rows.")]
        #[derive(Clone, Copy, Zeroable)]
        pub(crate) struct $packed {
            words: <$bits as Codes>::Words,
            scales: [u8; GROUP],
            mins: [u8; GROUP],
        }

        #[doc = concat!("The format of [`", stringify!($file), "`].")]
        pub(crate) struct $name;

        impl Format for $name {
            type Run = $packed;
            /// `d` and `dmin`.
            type Shared = [[u16; GROUP]; 2];
            type Factors<S: Simd> = [S::F32; 2];
            type Codes = $bits;
            const RUNS: usize = 8;
            const OFFSET: i16 = 0;
            const MIN: bool = true;
            #[inline(always)]
            fn codes(run: &$packed) -> &<$bits as Codes>::Words {
                &run.words
            }
            #[inline(always)]
            fn factors<S: Simd>(s: S, [d, dmin]: &Self::Shared) -> [S::F32; 2] {
                [s.load_f16(d), s.sub(s.splat(0.0), s.load_f16(dmin))]
            }
            #[inline(always)]
            fn scale<S: Simd>(s: S, factors: [S::F32; 2], run: &$packed, _part: usize) -> S::F32 {
                s.mul(factors[0], s.load_u8_f32(&run.scales))
            }
            #[inline(always)]
            fn min<S: Simd>(s: S, factors: [S::F32; 2], run: &$packed, _part: usize) -> S::F32 {
                s.mul(factors[1], s.load_u8_f32(&run.mins))
            }
        }

        impl Pack<$name> for $file {
            fn run(blocks: &[$file; GROUP], $run: usize) -> $packed {
                $packed {
                    words: <$bits as Codes>::pack(&blocks.map(|$block| std::array::from_fn(|$k| $code))),
                    scales: blocks.map(|block| scale_min_k4(&block.scales, $run).0),
                    mins: blocks.map(|block| scale_min_k4(&block.scales, $run).1),
                }
            }
            fn shared(blocks: &[$file; GROUP]) -> [[u16; GROUP]; 2] {
                [blocks.map(|block| block.d.to_bits()), blocks.map(|block| block.dmin.to_bits())]
            }
        }
    };
}

format!(Q4K, PackedQ4K, BlockQ4_K, Bits4, |block, run, k| nibble(&block.qs, run, k));
format!(Q5K, PackedQ5K, BlockQ5_K, Bits5, |block, run, k| {
    nibble(&block.qs, run, k) | (block.qh[k] >> run & 1) << 4
});

/// A run of [`BlockQ6_K`] of eight rows.
#[derive(Clone, Copy, Zeroable)]
pub(crate) struct PackedQ6K {
    words: <Bits6 as Codes>::Words,
    scales: [[i8; GROUP]; 2],
}

/// The format of [`BlockQ6_K`]: `value = d * scale * (code - 32)`, a scale per 16.
pub(crate) struct Q6K;

/// The 6-bit code of value `i` of a block.
fn six(block: &BlockQ6_K, i: usize) -> u8 {
    let (half, l) = (i / 128, i % 128);
    let low = block.ql[64 * half + l % 64] >> (4 * (l / 64)) & 15;
    let high = block.qh[32 * half + l % 32] >> (2 * (l / 32)) & 3;
    low | high << 4
}

impl Format for Q6K {
    type Run = PackedQ6K;
    /// `d`.
    type Shared = [u16; GROUP];
    type Factors<S: Simd> = S::F32;
    type Codes = Bits6;
    const RUNS: usize = 8;
    const OFFSET: i16 = 32;
    const MIN: bool = false;

    #[inline(always)]
    fn codes(run: &PackedQ6K) -> &<Bits6 as Codes>::Words {
        &run.words
    }
    #[inline(always)]
    fn factors<S: Simd>(s: S, d: &[u16; GROUP]) -> S::F32 {
        s.load_f16(d)
    }
    #[inline(always)]
    fn scale<S: Simd>(s: S, d: S::F32, run: &PackedQ6K, part: usize) -> S::F32 {
        s.mul(d, s.load_i8_f32(&run.scales[part]))
    }
}

impl Pack<Q6K> for BlockQ6_K {
    fn run(blocks: &[BlockQ6_K; GROUP], run: usize) -> PackedQ6K {
        PackedQ6K {
            words: Bits6::pack(&blocks.map(|block| std::array::from_fn(|k| six(&block, RUN * run + k)))),
            scales: [0, 1].map(|part| blocks.map(|block| block.scales[2 * run + part])),
        }
    }
    fn shared(blocks: &[BlockQ6_K; GROUP]) -> [u16; GROUP] {
        blocks.map(|block| block.d.to_bits())
    }
}

/// A run of [`BlockQ2_K`] of eight rows.
#[derive(Clone, Copy, Zeroable)]
pub(crate) struct PackedQ2K {
    words: <Bits2<2> as Codes>::Words,
    scales: [[u8; GROUP]; 2],
    mins: [[u8; GROUP]; 2],
}

/// The format of [`BlockQ2_K`]: `value = d * scale * code - dmin * min`, scale and minimum per 16.
pub(crate) struct Q2K;

impl Format for Q2K {
    type Run = PackedQ2K;
    /// `d` and `dmin`.
    type Shared = [[u16; GROUP]; 2];
    type Factors<S: Simd> = [S::F32; 2];
    type Codes = Bits2<2>;
    const RUNS: usize = 8;
    const OFFSET: i16 = 0;
    const MIN: bool = true;

    #[inline(always)]
    fn codes(run: &PackedQ2K) -> &<Bits2<2> as Codes>::Words {
        &run.words
    }
    #[inline(always)]
    fn factors<S: Simd>(s: S, [d, dmin]: &Self::Shared) -> [S::F32; 2] {
        [s.load_f16(d), s.sub(s.splat(0.0), s.load_f16(dmin))]
    }
    #[inline(always)]
    fn scale<S: Simd>(s: S, factors: [S::F32; 2], run: &PackedQ2K, part: usize) -> S::F32 {
        s.mul(factors[0], s.load_u8_f32(&run.scales[part]))
    }
    #[inline(always)]
    fn min<S: Simd>(s: S, factors: [S::F32; 2], run: &PackedQ2K, part: usize) -> S::F32 {
        s.mul(factors[1], s.load_u8_f32(&run.mins[part]))
    }
}

impl Pack<Q2K> for BlockQ2_K {
    fn run(blocks: &[BlockQ2_K; GROUP], run: usize) -> PackedQ2K {
        PackedQ2K {
            words: Bits2::<2>::pack(&blocks.map(|block| two_bits(&block.qs, run))),
            scales: [0, 1].map(|part| blocks.map(|block| block.scales[2 * run + part] & 15)),
            mins: [0, 1].map(|part| blocks.map(|block| block.scales[2 * run + part] >> 4)),
        }
    }
    fn shared(blocks: &[BlockQ2_K; GROUP]) -> [[u16; GROUP]; 2] {
        [blocks.map(|block| block.d.to_bits()), blocks.map(|block| block.dmin.to_bits())]
    }
}
