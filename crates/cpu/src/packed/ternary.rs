//! Two-bit codes under one scale: the ternary formats, and with them the formats of one and of two bits.

use linnet_quant::blocks::{BlockQ1_0, BlockQ2_0, BlockTQ1_0, BlockTQ2_0};
use linnet_quant::tq1_digit;

use super::codes::{Bits2, Codes};
use super::k_quants::two_bits;
use super::{Format, GROUP, Pack, Packed, RUN};
use crate::simd::Simd;

/// `value = d * (code - 1)`, two runs under one scale.
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

/// Packs `runs` runs of blocks with one scale each.
fn pack<B: Copy>(
    blocks: &[B; GROUP],
    packed: &mut Packed<Ternary>,
    runs: usize,
    scale: impl Fn(B) -> u16,
    codes: impl Fn(B, usize) -> [u8; RUN],
) {
    for run in 0..runs {
        packed.runs.push(Bits2::<1>::pack(&blocks.map(|block| codes(block, run))));
    }
    for _ in 0..runs / Ternary::RUNS {
        packed.shared.push(blocks.map(&scale));
    }
}

impl Pack<Ternary> for BlockTQ1_0 {
    fn pack(blocks: &[Self; GROUP], packed: &mut Packed<Ternary>) {
        let code = |block: &Self, i: usize| match i {
            0..160 => tq1_digit(block.qs[i % 32], i / 32),
            160..240 => tq1_digit(block.qs[32 + i % 16], (i - 160) / 16),
            _ => tq1_digit(block.qh[i % 4], (i - 240) / 4),
        };
        let codes = |block: Self, run| std::array::from_fn(|k| code(&block, run * RUN + k));
        pack(blocks, packed, 8, |block| block.d.to_bits(), codes);
    }
}

impl Pack<Ternary> for BlockTQ2_0 {
    fn pack(blocks: &[Self; GROUP], packed: &mut Packed<Ternary>) {
        pack(blocks, packed, 8, |block| block.d.to_bits(), |block, run| two_bits(&block.qs, run));
    }
}

impl Pack<Ternary> for BlockQ2_0 {
    fn pack(blocks: &[Self; GROUP], packed: &mut Packed<Ternary>) {
        let codes =
            |block: Self, run| std::array::from_fn(|k| block.qs[(run * RUN + k) / 4] >> (2 * (k % 4)) & 3);
        pack(blocks, packed, 2, |block| block.d.to_bits(), codes);
    }
}

impl Pack<Ternary> for BlockQ1_0 {
    fn pack(blocks: &[Self; GROUP], packed: &mut Packed<Ternary>) {
        // Minus one or one.
        let codes =
            |block: Self, run| std::array::from_fn(|k| (block.qs[(run * RUN + k) / 8] >> (k % 8) & 1) * 2);
        pack(blocks, packed, 4, |block| block.d.to_bits(), codes);
    }
}
