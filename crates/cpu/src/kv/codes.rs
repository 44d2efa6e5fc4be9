//! Keys and values as integers that share a scale per block of a head.
//!
//! Queries, and weights times the values' scales, are rounded to integers too: products and sums of a block are exact then,
//! two products an instruction lane, and nothing is converted on the way.

use std::ops::Range;

use bytemuck::Pod;
use linnet_graph::BackendError;

use super::{AHEAD, BLOCK, CachedRows, Codes, GROUP, LANES, Queries, Shape, TILE, Two};
use crate::memory;
use crate::simd::{Simd, encode_f16, four_times, twice};

/// The greatest 14-bit integer: the products of 32 pairs of such still add up to less than 2^31.
const MOST: f32 = 8191.0;
const _: () = assert!(BLOCK as i64 * (MOST as i64) * (MOST as i64) < 1 << 31 && TILE == BLOCK);

/// An integer as the cache holds it.
pub(crate) trait Code: Pod {
    /// Greatest magnitude.
    const MOST: f32;
    /// The low bits of a code, which are all that it has.
    fn narrow(code: i16) -> Self;
    fn load<S: Simd>(s: S, codes: &[Self; 16]) -> S::I16;
    /// Bits of the scale that makes the greatest code of `greatest`, and the scale that they stand for.
    fn scale(greatest: f32) -> (u16, f32);
    fn load_scales<S: Simd>(s: S, scales: &[u16; LANES]) -> S::F32;
}

impl Code for i16 {
    const MOST: f32 = MOST;

    #[inline(always)]
    fn narrow(code: i16) -> i16 {
        code
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, codes: &[i16; 16]) -> S::I16 {
        s.load_i16(codes)
    }
    /// A bfloat16, which has the range of f32, rounded up so that no code comes out too large.
    #[inline(always)]
    fn scale(greatest: f32) -> (u16, f32) {
        let bits = ((greatest / MOST).to_bits() + 0xffff) >> 16;
        (bits as u16, f32::from_bits(bits << 16))
    }
    #[inline(always)]
    fn load_scales<S: Simd>(s: S, scales: &[u16; LANES]) -> S::F32 {
        s.load_bf16(scales)
    }
}

impl Code for i8 {
    const MOST: f32 = 127.0;

    #[inline(always)]
    fn narrow(code: i16) -> i8 {
        code as i8
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, codes: &[i8; 16]) -> S::I16 {
        s.load_i8(codes)
    }
    /// As GGUF's Q8_0: codes are those of the exact scale, of which the nearest f16 is kept.
    #[inline(always)]
    fn scale(greatest: f32) -> (u16, f32) {
        let scale = greatest / Self::MOST;
        (encode_f16(scale), scale)
    }
    #[inline(always)]
    fn load_scales<S: Simd>(s: S, scales: &[u16; LANES]) -> S::F32 {
        s.load_f16(scales)
    }
}

/// Pairs of codes, each to be multiplied and added up, for the lanes of two vectors.
type Pairs<C> = [[C; 16]; 2];

/// Rows of codes.
pub(crate) struct CodeRows<C> {
    pub(super) shape: Shape,
    /// `[kv_head, place / 16, head_dim / 2, place % 16, head_dim % 2]`, an odd last element padded.
    keys: Vec<Pairs<C>>,
    /// `[kv_head, place / 32, head_dim / 16, place % 32 / 2, head_dim % 16, place % 2]`, the last part padded.
    values: Vec<Pairs<C>>,
    /// `[kv_head, place / 8, block, place % 8]`, as those of the values.
    key_scales: Vec<[u16; LANES]>,
    value_scales: Vec<[u16; LANES]>,
}

/// Vectors of a block, and of a tile.
const VECTORS: usize = BLOCK / LANES;
const _: () = assert!(VECTORS * LANES == TILE);

/// Up to 32 numbers, padded with zeros.
type Block = [[f32; LANES]; VECTORS];

/// A block of these.
#[inline(always)]
fn block(values: &[f32]) -> Block {
    let mut block = [[0.0; LANES]; VECTORS];
    block.as_flattened_mut()[..values.len()].copy_from_slice(values);
    block
}

/// The greatest magnitude.
#[inline(always)]
fn greatest<S: Simd>(s: S, block: &Block) -> f32 {
    let mut greatest = s.splat(0.0);
    four_times!(I => { greatest = s.max(s.abs(s.load(&block[I])), greatest); });
    finite(s.reduce_max(greatest))
}

/// Of an infinity no scale could be made.
#[inline(always)]
fn finite(greatest: f32) -> f32 {
    if greatest < f32::MAX { greatest } else { f32::MAX }
}

/// What to multiply with for multiples of `scale`. Scales that are no normal number make zeros.
#[inline(always)]
fn inverse(scale: f32) -> f32 {
    if scale < f32::MIN_POSITIVE { 0.0 } else { 1.0 / scale }
}

/// The values as multiples of `scale`, none beyond `most`.
#[inline(always)]
fn encode<S: Simd>(s: S, block: &Block, scale: f32, most: f32, codes: &mut [[i16; LANES]; VECTORS]) {
    let inverse = s.splat(inverse(scale));
    four_times!(I => {
        let code = s.mul(s.load(&block[I]), inverse);
        s.store_as_i16(s.min(s.max(s.splat(-most), code), s.splat(most)), &mut codes[I]);
    });
}

impl<C: Code> CodeRows<C> {
    pub(super) fn new(shape: Shape) -> Result<Self, BackendError> {
        let Shape { head_dim, .. } = shape;
        let blocks = head_dim.div_ceil(BLOCK);
        let what = "KV cache";
        Ok(CodeRows {
            shape,
            keys: memory::zeroed(what, shape.len(GROUP, head_dim.div_ceil(2)))?,
            values: memory::zeroed(what, shape.len(2, head_dim.div_ceil(GROUP)))?,
            key_scales: memory::zeroed(what, shape.len(LANES, blocks))?,
            value_scales: memory::zeroed(what, shape.len(LANES, blocks))?,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        memory::bytes(&self.keys)
            + memory::bytes(&self.values)
            + memory::bytes(&self.key_scales)
            + memory::bytes(&self.value_scales)
    }

    /// Writes a head's key and value to row `row` of `[kv_head, place]`.
    #[inline(always)]
    pub(super) fn store<S: Simd>(&mut self, s: S, row: usize, k: &[f32], v: &[f32]) {
        let (blocks, pairs, parts) = (k.len().div_ceil(BLOCK), k.len().div_ceil(2), v.len().div_ceil(GROUP));
        let (scales, lane) = (row / LANES * blocks..(row / LANES + 1) * blocks, row % LANES);
        let keys = &mut self.keys[row / GROUP * pairs..(row / GROUP + 1) * pairs];
        let of_blocks = keys.chunks_mut(BLOCK / 2).zip(k.chunks(BLOCK));
        for ((keys, k), scale) in of_blocks.zip(&mut self.key_scales[scales.clone()]) {
            let (bits, codes) = encode_block::<S, C>(s, k);
            scale[lane] = bits;
            for (key, &[a, b]) in keys.iter_mut().zip(codes.as_flattened().as_chunks().0) {
                let key = &mut key[row % GROUP / LANES];
                key[lane * 2] = C::narrow(a);
                key[lane * 2 + 1] = C::narrow(b);
            }
        }
        let tile = row / TILE * parts * (TILE / 2);
        let values = self.values[tile..].chunks_mut(TILE / 2);
        let of_blocks = v.chunks(BLOCK).zip(&mut self.value_scales[scales]);
        let mut values = values.map(|part| &mut part[row % TILE / 2]);
        for (v, scale) in of_blocks {
            let (bits, codes) = encode_block::<S, C>(s, v);
            scale[lane] = bits;
            let codes = codes.as_flattened()[..v.len().next_multiple_of(GROUP)].chunks_exact(GROUP);
            for (codes, value) in codes.zip(values.by_ref()) {
                for (pair, &code) in value.as_flattened_mut().as_chunks_mut::<2>().0.iter_mut().zip(codes) {
                    pair[row % 2] = C::narrow(code);
                }
            }
        }
    }
}

/// Bits of the block's scale, and its codes.
#[inline(always)]
fn encode_block<S: Simd, C: Code>(s: S, values: &[f32]) -> (u16, [[i16; LANES]; VECTORS]) {
    let block = block(values);
    let mut codes = [[0; LANES]; VECTORS];
    let (bits, scale) = C::scale(greatest(s, &block));
    encode(s, &block, scale, C::MOST, &mut codes);
    (bits, codes)
}

impl<C: Code> CachedRows for CodeRows<C> {
    #[inline(always)]
    fn prepare<S: Simd>(&self, s: S, queries: &mut Queries, count: usize) {
        let head_dim = self.shape.head_dim;
        let blocks = head_dim.div_ceil(BLOCK);
        let values = queries.values[..count * head_dim].chunks_exact(head_dim);
        for (query, (q, scales)) in values.zip(queries.scales.chunks_exact_mut(blocks)).enumerate() {
            let codes = &mut queries.codes[query / 4 * blocks..(query / 4 + 1) * blocks];
            for ((q, codes), to) in q.chunks(BLOCK).zip(codes).zip(scales) {
                let block = block(q);
                let scale = greatest(s, &block) / MOST;
                encode(s, &block, scale, MOST, bytemuck::cast_mut(&mut codes[query % 4]));
                *to = scale;
            }
        }
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn scores<S: Simd, const N: usize>(
        &self,
        s: S,
        groups: Range<usize>,
        (queries, first): (&Queries, usize),
        scales: &[f32; 4],
        scores: &mut [[f32; TILE]],
    ) {
        if S::REGISTERS < 12 {
            self.scores_by::<S, N, 1>(s, groups, (queries, first), scales, scores);
        } else {
            self.scores_by::<S, N, 2>(s, groups, (queries, first), scales, scores);
        }
    }

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn add_values<S: Simd, const N: usize>(
        &self,
        s: S,
        tile: usize,
        count: usize,
        weights: &[[f32; TILE]],
        rescale: &[f32; 4],
        sums: &mut [Two],
    ) {
        if S::REGISTERS < 12 {
            self.add_values_by::<S, N, 1>(s, tile, count, weights, rescale, sums);
        } else {
            self.add_values_by::<S, N, 2>(s, tile, count, weights, rescale, sums);
        }
    }
}

impl<C: Code> CodeRows<C> {
    /// [`CachedRows::scores`] with `BY` vectors at a time.
    #[inline(always)]
    fn scores_by<S: Simd, const N: usize, const BY: usize>(
        &self,
        s: S,
        groups: Range<usize>,
        (queries, first): (&Queries, usize),
        scales: &[f32; 4],
        scores: &mut [[f32; TILE]],
    ) {
        let scores = &mut scores[..N];
        let (blocks, pairs) = (self.shape.head_dim.div_ceil(BLOCK), self.shape.head_dim.div_ceil(2));
        let codes = &queries.codes[first / 4 * blocks..(first / 4 + 1) * blocks];
        let keys = self.keys[groups.start * pairs..groups.end * pairs].chunks_exact(pairs);
        let key_scales = &self.key_scales[2 * groups.start * blocks..2 * groups.end * blocks];
        let key_scales = key_scales.chunks_exact(2 * blocks);
        for (group, (keys, key_scales)) in keys.zip(key_scales).enumerate() {
            for half in (0..2).step_by(BY) {
                let mut totals = [[s.splat(0.0); 4]; 2];
                for (block, (keys, codes)) in keys.chunks(BLOCK / 2).zip(codes).enumerate() {
                    let sums = products::<S, C, N, BY>(s, keys, half, codes);
                    twice!(J => {
                        if J < BY {
                            let scales = C::load_scales(s, &key_scales[(half + J) * blocks + block]);
                            four_times!(I => {
                                if I < N {
                                    let scale = s.splat(queries.scales[(first + I) * blocks + block]);
                                    totals[J][I] =
                                        s.mul_add(s.to_f32(sums[J][I]), s.mul(scales, scale), totals[J][I]);
                                }
                            });
                        }
                    });
                }
                twice!(J => {
                    if J < BY {
                        four_times!(I => {
                            if I < N {
                                let to = &mut scores[I].as_chunks_mut().0[2 * group + half + J];
                                s.store(s.mul(totals[J][I], s.splat(scales[I])), to);
                            }
                        });
                    }
                });
            }
        }
    }

    /// [`CachedRows::add_values`] with `BY` vectors at a time.
    #[inline(always)]
    fn add_values_by<S: Simd, const N: usize, const BY: usize>(
        &self,
        s: S,
        tile: usize,
        count: usize,
        weights: &[[f32; TILE]],
        rescale: &[f32; 4],
        sums: &mut [Two],
    ) {
        let weights = &weights[..N];
        let head_dim = self.shape.head_dim;
        let (blocks, parts) = (head_dim.div_ceil(BLOCK), head_dim.div_ceil(GROUP));
        let values = &self.values[tile * parts * (TILE / 2)..(tile + 1) * parts * (TILE / 2)];
        let of_parts = values.as_chunks::<{ TILE / 2 }>().0;
        let scales = &self.value_scales[tile * VECTORS * blocks..(tile + 1) * VECTORS * blocks];
        let mut codes: Codes = [[[0; 2]; BLOCK / 2]; 4];
        let mut factors = [0.0; 4];
        for (part, values) in of_parts.iter().enumerate() {
            const PARTS: usize = BLOCK / GROUP;
            if part % PARTS == 0 {
                for ((weights, codes), factor) in weights.iter().zip(&mut codes).zip(&mut factors) {
                    *factor = weigh::<S, C>(s, weights, &scales[part / PARTS..], blocks, codes);
                }
            }
            for half in (0..2).step_by(BY) {
                let totals = products::<S, C, N, BY>(s, &values[..count.div_ceil(2)], half, &codes);
                four_times!(I => {
                    if I < N {
                        let sum = &mut sums[I * parts + part];
                        twice!(J => {
                            if J < BY {
                                let sum = &mut sum[(half + J) % 2];
                                let rescaled = s.mul(s.load(sum), s.splat(rescale[I]));
                                s.store(s.mul_add(s.to_f32(totals[J][I]), s.splat(factors[I]), rescaled), sum);
                            }
                        });
                    }
                });
            }
        }
    }
}

/// The sums of the products of up to 32 codes in the lanes of `BY` vectors from `half` on with those of `N` rows: `[BY, N]`.
#[inline(always)]
fn products<S: Simd, C: Code, const N: usize, const BY: usize>(
    s: S,
    pairs: &[Pairs<C>],
    half: usize,
    codes: &Codes,
) -> [[S::I32; 4]; 2] {
    let mut sums = [[s.splat_i32(0); 4]; 2];
    for (pair, at) in pairs.iter().zip(0..BLOCK / 2) {
        s.prefetch(pair, AHEAD);
        let pair = [C::load(s, &pair[half % 2]), C::load(s, &pair[(half + BY - 1) % 2])];
        four_times!(I => {
            if I < N {
                let code = s.splat_pair(codes[I][at]);
                twice!(J => {
                    if J < BY {
                        sums[J][I] = s.add_i32(sums[J][I], s.dot(pair[J], code));
                    }
                });
            }
        });
    }
    sums
}

/// The products of weights with the scales of a block (every `stride`-th of `scales`) as codes, and the factor that makes
/// products of them again. None is negative.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn weigh<S: Simd, C: Code>(
    s: S,
    weights: &[f32; TILE],
    scales: &[[u16; LANES]],
    stride: usize,
    codes: &mut [[i16; 2]; TILE / 2],
) -> f32 {
    let weights: &Block = bytemuck::cast_ref(weights);
    let product = |group: usize| s.mul(s.load(&weights[group]), C::load_scales(s, &scales[group * stride]));
    let products = [product(0), product(1), product(2), product(3)];
    let greatest = s.max(s.max(products[0], products[1]), s.max(products[2], products[3]));
    let greatest = finite(s.reduce_max(greatest));
    // Neither division waits for the other.
    let inverse = s.splat(if greatest < MOST * f32::MIN_POSITIVE { 0.0 } else { MOST / greatest });
    let codes: &mut [[i16; LANES]; VECTORS] = bytemuck::cast_mut(codes);
    four_times!(GROUP => {
        let code = s.mul(products[GROUP], inverse);
        s.store_as_i16(s.min(code, s.splat(MOST)), &mut codes[GROUP]);
    });
    greatest / MOST
}
