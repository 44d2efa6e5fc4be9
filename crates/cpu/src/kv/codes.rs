//! Keys and values as integers that share a scale per block of a head.
//!
//! Queries, and weights times the values' scales, are rounded to integers too: products and sums of a block are exact then,
//! two products an instruction lane, and nothing is converted on the way.

use bytemuck::Pod;
use linnet_graph::BackendError;

use super::{AHEAD, BLOCK, CachedRows, GROUP, LANES, Queries, Shape, TILE, Two};
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
fn greatest<S: Simd>(s: S, parts: &[[f32; LANES]]) -> f32 {
    let mut greatest = s.splat(0.0);
    for part in parts {
        greatest = s.max(s.abs(s.load(part)), greatest);
    }
    // Of an infinity no scale could be made.
    s.reduce_max(greatest).min(f32::MAX)
}

/// The values as multiples of `scale`, none beyond `most`. Scales that are no normal number make zeros.
#[inline(always)]
fn encode<S: Simd>(s: S, parts: &[[f32; LANES]], scale: f32, most: f32, codes: &mut [[i16; LANES]]) {
    let inverse = s.splat(if scale < f32::MIN_POSITIVE { 0.0 } else { 1.0 / scale });
    for (part, codes) in parts.iter().zip(codes) {
        let code = s.round(s.mul(s.load(part), inverse));
        s.store_as_i16(s.min(s.max(code, s.splat(-most)), s.splat(most)), codes);
    }
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
        let codes = queries.codes.chunks_exact_mut(blocks * BLOCK / 2);
        for ((q, codes), scales) in values.zip(codes).zip(queries.scales.chunks_exact_mut(blocks)) {
            let of_blocks = q.chunks(BLOCK).zip(codes.chunks_exact_mut(BLOCK / 2));
            for ((q, codes), to) in of_blocks.zip(scales) {
                let block = block(q);
                let scale = greatest(s, &block) / MOST;
                encode(s, &block, scale, MOST, bytemuck::cast_slice_mut(codes));
                *to = scale;
            }
        }
    }

    #[inline(always)]
    fn scores<S: Simd, const N: usize>(
        &self,
        s: S,
        group: usize,
        queries: &Queries,
        first: usize,
    ) -> [[S::F32; 4]; 2] {
        let (blocks, pairs) = (self.shape.head_dim.div_ceil(BLOCK), self.shape.head_dim.div_ceil(2));
        let keys = self.keys[group * pairs..(group + 1) * pairs].chunks(BLOCK / 2);
        let mut totals = [[s.splat(0.0); 4]; 2];
        for (block, keys) in keys.enumerate() {
            let mut q = [&queries.codes[..0]; 4];
            four_times!(I => {
                if I < N {
                    let start = ((first + I) * blocks + block) * (BLOCK / 2);
                    q[I] = &queries.codes[start..start + keys.len()];
                }
            });
            let mut sums = [[s.splat_i32(0); 4]; 2];
            for (pair, keys) in keys.iter().enumerate() {
                s.prefetch(keys, AHEAD);
                let keys = [C::load(s, &keys[0]), C::load(s, &keys[1])];
                four_times!(I => {
                    if I < N {
                        let q = s.splat_pair(q[I][pair]);
                        sums[0][I] = s.add_i32(sums[0][I], s.dot(keys[0], q));
                        sums[1][I] = s.add_i32(sums[1][I], s.dot(keys[1], q));
                    }
                });
            }
            twice!(J => {
                let scales = C::load_scales(s, &self.key_scales[(2 * group + J) * blocks + block]);
                four_times!(I => {
                    if I < N {
                        let scale = s.mul(scales, s.splat(queries.scales[(first + I) * blocks + block]));
                        totals[J][I] = s.mul_add(s.to_f32(sums[J][I]), scale, totals[J][I]);
                    }
                });
            });
        }
        totals
    }

    #[inline(always)]
    fn add_values<S: Simd, const N: usize>(
        &self,
        s: S,
        tile: usize,
        count: usize,
        weights: &[[f32; TILE]],
        rescale: [f32; 4],
        sums: &mut [Two],
    ) {
        let head_dim = self.shape.head_dim;
        let (blocks, parts) = (head_dim.div_ceil(BLOCK), head_dim.div_ceil(GROUP));
        let values = &self.values[tile * parts * (TILE / 2)..(tile + 1) * parts * (TILE / 2)];
        let of_parts = values.as_chunks::<{ TILE / 2 }>().0;
        let scales = tile * VECTORS..tile * VECTORS + count.div_ceil(LANES);
        let scales = &self.value_scales[scales.start * blocks..scales.end * blocks];
        let mut codes = [[[0; 2]; TILE / 2]; 4];
        let mut factors = [0.0; 4];
        for (part, values) in of_parts.iter().enumerate() {
            const PARTS: usize = BLOCK / GROUP;
            if part % PARTS == 0 {
                four_times!(I => {
                    if I < N {
                        let scales = &scales[part / PARTS..];
                        factors[I] = weigh::<S, C>(s, &weights[I], scales, blocks, &mut codes[I]);
                    }
                });
            }
            let mut totals = [[s.splat_i32(0); 4]; 2];
            for (pair, values) in values[..count.div_ceil(2)].iter().enumerate() {
                s.prefetch(values, AHEAD);
                let values = [C::load(s, &values[0]), C::load(s, &values[1])];
                four_times!(I => {
                    if I < N {
                        let weights = s.splat_pair(codes[I][pair]);
                        totals[0][I] = s.add_i32(totals[0][I], s.dot(values[0], weights));
                        totals[1][I] = s.add_i32(totals[1][I], s.dot(values[1], weights));
                    }
                });
            }
            four_times!(I => {
                if I < N {
                    let sum = &mut sums[I * parts + part];
                    twice!(J => {
                        let rescaled = s.mul(s.load(&sum[J]), s.splat(rescale[I]));
                        s.store(s.mul_add(s.to_f32(totals[J][I]), s.splat(factors[I]), rescaled), &mut sum[J]);
                    });
                }
            });
        }
    }
}

/// The products of weights with the scales of a block (every `stride`-th of `scales`) as codes, and the factor that makes
/// products of them again.
#[inline(always)]
fn weigh<S: Simd, C: Code>(
    s: S,
    weights: &[f32; TILE],
    scales: &[[u16; LANES]],
    stride: usize,
    codes: &mut [[i16; 2]; TILE / 2],
) -> f32 {
    let mut products = [[0.0; LANES]; VECTORS];
    let groups = scales.len().div_ceil(stride);
    let products = &mut products[..groups];
    for (group, product) in products.iter_mut().enumerate() {
        let weights = s.load(&weights.as_chunks().0[group]);
        s.store(s.mul(weights, C::load_scales(s, &scales[group * stride])), product);
    }
    let factor = greatest(s, products) / MOST;
    encode(s, products, factor, MOST, bytemuck::cast_slice_mut(codes));
    factor
}
