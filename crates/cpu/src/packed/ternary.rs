//! Two-bit codes with one scale: the ternary formats, and the formats of one and two bits.

use linnet_quant::blocks::{BlockQ1_0, BlockQ2_0, BlockTQ1_0, BlockTQ2_0};
use linnet_quant::tq1_digit;

use super::codes::{Bits2, Codes};
use super::format::{Format, Pack};
use super::k_quants::two_bits;
use crate::layout::{GROUP, RUN};
use crate::simd::Simd;

/// `value = d * (code - 1)`, two runs with one scale.
pub(crate) struct Ternary;

impl Format for Ternary {
    type Run = <Bits2<1> as Codes>::Words;
    /// `d`.
    type Shared = [u16; GROUP];
    type Factors<S: Simd> = S::F32;
    type Codes = Bits2<1>;
    const RUNS: usize = 2;
    const OFFSET: i16 = 1;
    const MIN: bool = false;

    #[inline(always)]
    fn codes(run: &Self::Run) -> &Self::Run {
        run
    }
    #[inline(always)]
    fn factors<S: Simd>(s: S, d: &[u16; GROUP]) -> S::F32 {
        s.load_f16(d)
    }
    #[inline(always)]
    fn scale<S: Simd>(_s: S, d: S::F32, _run: &Self::Run, _part: usize) -> S::F32 {
        d
    }
}

/// Declares how a block with one scale is packed.
macro_rules! pack {
    ($file:ident, |$block:ident, $run:ident| $codes:expr) => {
        impl Pack<Ternary> for $file {
            fn run(blocks: &[Self; GROUP], $run: usize) -> <Ternary as Format>::Run {
                Bits2::<1>::pack(&blocks.map(|$block| $codes))
            }
            fn shared(blocks: &[Self; GROUP]) -> [u16; GROUP] {
                blocks.map(|block| block.d.to_bits())
            }
        }
    };
}

/// The digit of value `i`.
fn digit(block: &BlockTQ1_0, i: usize) -> u8 {
    match i {
        0..160 => tq1_digit(block.qs[i % 32], i / 32),
        160..240 => tq1_digit(block.qs[32 + i % 16], (i - 160) / 16),
        _ => tq1_digit(block.qh[i % 4], (i - 240) / 4),
    }
}

pack!(BlockTQ1_0, |block, run| std::array::from_fn(|k| digit(&block, run * RUN + k)));
pack!(BlockTQ2_0, |block, run| two_bits(&block.qs, run));
pack!(BlockQ2_0, |block, run| {
    std::array::from_fn(|k| block.qs[(run * RUN + k) / 4] >> (2 * (k % 4)) & 3)
});
// Minus one or one.
pack!(BlockQ1_0, |block, run| {
    std::array::from_fn(|k| (block.qs[(run * RUN + k) / 8] >> (k % 8) & 1) * 2)
});
