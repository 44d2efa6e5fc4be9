//! The four-bit float formats, whose scales are exact in bfloat16.

use bytemuck::Zeroable;
use linnet_quant::blocks::{BlockMXFP4, BlockNVFP4};
use linnet_quant::{e8m0_half, ue4m3_half};

use super::codes::{Bits4, Codes};
use super::format::{Format, Pack};
use super::legacy::nibbles;
use super::table::E2m1;
use crate::layout::GROUP;
use crate::simd::Simd;

/// A run of E2M1 codes of eight rows.
#[derive(Clone, Copy, Zeroable)]
pub(crate) struct PackedFp4<const PARTS: usize> {
    words: <Bits4 as Codes>::Words,
    /// Half of the scales, because the table has the doubled values; bfloat16.
    scales: [[u16; GROUP]; PARTS],
}

/// E2M1 values with a scale per 32 (`PARTS` 1, MXFP4) or per 16 (2, NVFP4).
pub(crate) struct Fp4<const PARTS: usize>;

impl<const PARTS: usize> Format for Fp4<PARTS> {
    type Run = PackedFp4<PARTS>;
    type Shared = ();
    type Factors<S: Simd> = ();
    type Codes = E2m1<PARTS>;
    const RUNS: usize = 1;
    const OFFSET: i16 = E2m1::<PARTS>::ZERO;
    const MIN: bool = false;

    #[inline(always)]
    fn codes(run: &PackedFp4<PARTS>) -> &<Bits4 as Codes>::Words {
        &run.words
    }
    #[inline(always)]
    fn factors<S: Simd>(_s: S, _shared: &()) {}
    #[inline(always)]
    fn scale<S: Simd>(s: S, _factors: (), run: &PackedFp4<PARTS>, part: usize) -> S::F32 {
        s.load_bf16(&run.scales[part])
    }
}

/// The bfloat16 of a float that is exact in it.
fn upper_half(value: f32) -> u16 {
    (value.to_bits() >> 16) as u16
}

impl Pack<Fp4<1>> for BlockMXFP4 {
    fn run(blocks: &[BlockMXFP4; GROUP], _run: usize) -> PackedFp4<1> {
        PackedFp4 {
            words: <Bits4 as Codes>::pack(&blocks.map(|block| nibbles(&block.qs))),
            scales: [blocks.map(|block| upper_half(e8m0_half(block.e)))],
        }
    }
    fn shared(_blocks: &[BlockMXFP4; GROUP]) {}
}

impl Pack<Fp4<2>> for BlockNVFP4 {
    fn run(blocks: &[BlockNVFP4; GROUP], run: usize) -> PackedFp4<2> {
        // Each 8 bytes hold 16 values, low nibbles first.
        let code =
            |block: &BlockNVFP4, k: usize| block.qs[16 * run + k / 16 * 8 + k % 8] >> (4 * (k % 16 / 8)) & 15;
        PackedFp4 {
            words: <Bits4 as Codes>::pack(&blocks.map(|block| std::array::from_fn(|k| code(&block, k)))),
            scales: [0, 1].map(|part| blocks.map(|block| upper_half(ue4m3_half(block.d[2 * run + part])))),
        }
    }
    fn shared(_blocks: &[BlockNVFP4; GROUP]) {}
}
