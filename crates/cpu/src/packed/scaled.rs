//! The formats of 256 values `d * scale * table[code]` with a whole-number scale per 16 or 32.
//!
//! The codebooks of the IQ formats are resolved here: each value gets a code of its own, of 3 or 4 bits, so kernels
//! need no lookups in a grid.

use std::marker::PhantomData;

use bytemuck::Zeroable;
use linnet_quant::blocks::{
    BlockIQ1_M, BlockIQ1_S, BlockIQ2_S, BlockIQ2_XS, BlockIQ2_XXS, BlockIQ3_S, BlockIQ3_XXS, BlockIQ4_XS,
    BlockQ3_K,
};
use linnet_quant::grids::{
    IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID, sign_set,
};
use linnet_quant::{iq1_m_scale, iq4_xs_scale, scales_k3};

use super::codes::Codes;
use super::codes::bits3::Bits3;
use super::format::{Format, Pack};
use super::k_quants::two_bits;
use super::table::{Iq1, Iq2, Iq3S, Iq3Xxs, Iq4Halves};
use crate::layout::{GROUP, RUN};
use crate::simd::Simd;

/// A packed run of eight rows, with a scale for each half.
#[derive(Clone, Copy, Zeroable)]
pub(crate) struct ScaledRun<W> {
    words: W,
    scales: [[i8; GROUP]; 2],
}

/// Codes in two parts with a scale each, and a factor for the block.
pub(crate) struct Scaled<C>(PhantomData<C>);

impl<C: Codes> Format for Scaled<C> {
    type Run = ScaledRun<C::Words>;
    /// The scale of the block times a constant factor of the format; it may not fit f16.
    type Shared = [f32; GROUP];
    type Factors<S: Simd> = S::F32;
    type Codes = C;
    const RUNS: usize = 8;
    const OFFSET: i16 = C::ZERO;
    const MIN: bool = false;

    #[inline(always)]
    fn codes(run: &Self::Run) -> &C::Words {
        &run.words
    }
    #[inline(always)]
    fn factors<S: Simd>(s: S, factor: &[f32; GROUP]) -> S::F32 {
        s.load(factor)
    }
    #[inline(always)]
    fn scale<S: Simd>(s: S, factor: S::F32, run: &Self::Run, part: usize) -> S::F32 {
        s.mul(factor, s.load_i8_f32(&run.scales[part]))
    }
}

/// A block whose values are `factor * scale * table[code]`.
pub(crate) trait Block: bytemuck::Pod {
    /// Codes with their table.
    type Codes: Codes;
    /// Factor of every value.
    fn factor(&self) -> f32;
    /// The scales of both halves of a run.
    fn scales(&self, run: usize) -> [i8; 2];
    /// The codes of a run.
    fn codes(&self, run: usize) -> [u8; RUN];
}

impl<B: Block> Pack<Scaled<B::Codes>> for B {
    fn run(blocks: &[Self; GROUP], run: usize) -> ScaledRun<<B::Codes as Codes>::Words> {
        let scales = blocks.map(|block| block.scales(run));
        ScaledRun {
            words: B::Codes::pack(&blocks.map(|block| block.codes(run))),
            scales: [0, 1].map(|part| scales.map(|scales| scales[part])),
        }
    }
    fn shared(blocks: &[Self; GROUP]) -> [f32; GROUP] {
        blocks.map(|block| block.factor())
    }
}

/// Nibble `i` of `bytes`, low nibble first.
fn nibble(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 2] >> (4 * (i % 2)) & 15
}

/// The odd number `2 * scale + 1`.
fn odd(scale: u8) -> i8 {
    (2 * scale + 1) as i8
}

/// The codes of a run whose four octets have grid entries `entry(octet)` and signs `signs(octet)` (bit j for value j).
fn octets(entry: impl Fn(usize) -> u16, signs: impl Fn(usize) -> u8) -> [u8; RUN] {
    std::array::from_fn(|k| {
        let (octet, j) = (k / 8, k % 8);
        (entry(octet) >> (2 * j) & 3) as u8 | (signs(octet) >> j & 1) << 2
    })
}

/// The codes of a run whose eight quartets have grid entries `entry(quartet)`, and `signs(octet)` as above.
fn quartets(entry: impl Fn(usize) -> u16, signs: impl Fn(usize) -> u8) -> [u8; RUN] {
    std::array::from_fn(|k| (entry(k / 4) >> (3 * (k % 4)) & 7) as u8 | (signs(k / 8) >> (k % 8) & 1) << 3)
}

/// The sign set of octet `octet` among the four of 7 bits in `bits`.
fn packed_signs(bits: u32, octet: usize) -> u8 {
    sign_set((bits >> (7 * octet) & 127) as u8)
}

impl Block for BlockQ3_K {
    type Codes = Bits3;
    fn factor(&self) -> f32 {
        self.d.to_f32()
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        let scales = scales_k3(&self.scales);
        [scales[2 * run], scales[2 * run + 1]]
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let low = two_bits(&self.qs, run);
        std::array::from_fn(|k| low[k] | (self.hmask[k] >> run & 1) << 2)
    }
}

impl Block for BlockIQ4_XS {
    type Codes = Iq4Halves;
    fn factor(&self) -> f32 {
        self.d.to_f32()
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [iq4_xs_scale(self, run); 2]
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        std::array::from_fn(|k| self.qs[16 * run + k % 16] >> (4 * (k / 16)) & 15)
    }
}

/// Scale and signs of a run of IQ2_XXS.
fn xxs_signs(block: &BlockIQ2_XXS, run: usize) -> u32 {
    u32::from(block.qs[4 * run + 2]) | u32::from(block.qs[4 * run + 3]) << 16
}

impl Block for BlockIQ2_XXS {
    type Codes = Iq2;
    // (0.5 + scale) / 4 is (2 * scale + 1) / 8, here and below.
    fn factor(&self) -> f32 {
        self.d.to_f32() / 8.0
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [odd((xxs_signs(self, run) >> 28) as u8); 2]
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let (signs, qs) = (xxs_signs(self, run), self.qs);
        let index = |octet: usize| qs[4 * run + octet / 2] >> (8 * (octet % 2)) & 255;
        octets(|octet| IQ2_XXS_GRID[usize::from(index(octet))], |octet| packed_signs(signs, octet))
    }
}

impl Block for BlockIQ2_XS {
    type Codes = Iq2;
    fn factor(&self) -> f32 {
        self.d.to_f32() / 8.0
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [0, 1].map(|part| odd(nibble(&self.scales, 2 * run + part)))
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let q = |octet: usize| self.qs[4 * run + octet];
        octets(|octet| IQ2_XS_GRID[usize::from(q(octet) & 511)], |octet| sign_set((q(octet) >> 9) as u8))
    }
}

impl Block for BlockIQ2_S {
    type Codes = Iq2;
    fn factor(&self) -> f32 {
        self.d.to_f32() / 8.0
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [0, 1].map(|part| odd(nibble(&self.scales, 2 * run + part)))
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let high = |octet: usize| self.qh[run] >> (2 * octet) & 3;
        let index = |octet: usize| usize::from(self.qs[4 * run + octet]) | usize::from(high(octet)) << 8;
        octets(|octet| IQ2_S_GRID[index(octet)], |octet| self.signs[4 * run + octet])
    }
}

impl Block for BlockIQ3_XXS {
    type Codes = Iq3Xxs;
    fn factor(&self) -> f32 {
        self.d.to_f32() / 4.0
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [odd(self.scales_signs[run][3] >> 4); 2]
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let signs = u32::from_le_bytes(self.scales_signs[run]);
        let index = |quartet: usize| usize::from(self.qs[8 * run + quartet]);
        quartets(|quartet| IQ3_XXS_GRID[index(quartet)], |octet| packed_signs(signs, octet))
    }
}

impl Block for BlockIQ3_S {
    type Codes = Iq3S;
    fn factor(&self) -> f32 {
        self.d.to_f32()
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [odd(nibble(&self.scales, run)); 2]
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let high = |quartet: usize| self.qh[run] >> quartet & 1;
        let index =
            |quartet: usize| usize::from(self.qs[8 * run + quartet]) | usize::from(high(quartet)) << 8;
        quartets(|quartet| IQ3_S_GRID[index(quartet)], |octet| self.signs[4 * run + octet])
    }
}

/// The signs of an octet whose values are all shifted down, or all up.
fn shift(down: bool) -> u8 {
    if down { 255 } else { 0 }
}

impl Block for BlockIQ1_S {
    type Codes = Iq1;
    fn factor(&self) -> f32 {
        self.d.to_f32() / 8.0
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [odd((self.qh[run] >> 12 & 7) as u8); 2]
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let qh = self.qh[run];
        let high = |octet: usize| usize::from(qh >> (3 * octet) & 7);
        let index = |octet: usize| usize::from(self.qs[4 * run + octet]) | high(octet) << 8;
        octets(|octet| IQ1_GRID[index(octet)], |_| shift(qh >> 15 == 1))
    }
}

impl Block for BlockIQ1_M {
    type Codes = Iq1;
    fn factor(&self) -> f32 {
        iq1_m_scale(self.scales).to_f32() / 8.0
    }
    fn scales(&self, run: usize) -> [i8; 2] {
        [0, 1].map(|part| odd((self.scales[run / 2] >> (3 * (run % 2 * 2 + part)) & 7) as u8))
    }
    fn codes(&self, run: usize) -> [u8; RUN] {
        let high = |octet: usize| nibble(&self.qh, 4 * run + octet);
        let index = |octet: usize| usize::from(self.qs[4 * run + octet]) | usize::from(high(octet) & 7) << 8;
        octets(|octet| IQ1_GRID[index(octet)], |octet| shift(high(octet) >> 3 == 1))
    }
}
