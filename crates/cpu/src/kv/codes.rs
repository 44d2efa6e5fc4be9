//! Keys and values as integers that share a scale.

use bytemuck::Pod;
use linnet_graph::{BackendError, KvFormat};

use super::rows::{CacheShape, KV_GROUP, LANES, STEP, TILE};
use crate::memory;
use crate::simd::{Simd, encode_f16, four_times};

/// An integer type of the cache.
pub(crate) trait Code: Pod {
    /// Greatest magnitude.
    const MOST: f32;
    /// Elements of a head that share a scale.
    fn block(head_dim: usize) -> usize;
    /// Mask of the bits of a code.
    fn narrow(code: i16) -> Self;
    fn load<S: Simd>(s: S, codes: &[Self; 16]) -> S::I16;
    /// The stored bits of the scale that maps `greatest` to the greatest code, and the scale that they encode.
    fn scale(greatest: f32) -> (u16, f32);
    fn load_scales<S: Simd>(s: S, scales: &[u16; LANES]) -> S::F32;
}

impl Code for i16 {
    /// Of 14 bits.
    const MOST: f32 = 8191.0;

    #[inline(always)]
    fn block(head_dim: usize) -> usize {
        head_dim
    }
    #[inline(always)]
    fn narrow(code: i16) -> i16 {
        code
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, codes: &[i16; 16]) -> S::I16 {
        s.load_i16(codes)
    }
    /// A bfloat16, which has the range of f32, rounded up so that no code becomes too large.
    #[inline(always)]
    fn scale(greatest: f32) -> (u16, f32) {
        let bits = ((greatest / Self::MOST).to_bits() + 0xffff) >> 16;
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
    fn block(_: usize) -> usize {
        KvFormat::BLOCK
    }
    #[inline(always)]
    fn narrow(code: i16) -> i8 {
        code as i8
    }
    #[inline(always)]
    fn load<S: Simd>(s: S, codes: &[i8; 16]) -> S::I16 {
        s.load_i8(codes)
    }
    /// As in GGUF's Q8_0: codes are computed with the exact scale, and the nearest f16 of it is stored.
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

/// Codes that a kernel multiplies in one iteration: a pair for each lane, [`STEP`] times.
pub(super) type Pairs<C> = [[C; 2 * LANES]; STEP];

/// Rows of codes.
pub(crate) struct CodeRows<C> {
    pub(super) shape: CacheShape,
    /// `[kv_head, place / 8, head_dim / 2, place % 8, head_dim % 2]`, the last pairs padded with zeros.
    pub(super) keys: Vec<Pairs<C>>,
    /// `[kv_head, place / 32, head_dim / 8, place % 32 / 2, head_dim % 8, place % 2]`, an even number of parts.
    pub(super) values: Vec<Pairs<C>>,
    /// `[kv_head, place / 8, block, place % 8]`, like the scales of the values.
    pub(super) key_scales: Vec<[u16; LANES]>,
    pub(super) value_scales: Vec<[u16; LANES]>,
}

/// Iterations for a tile of positions, or for the same number of elements of a key.
pub(super) const STEPS: usize = TILE / (2 * STEP);

/// One number for each position of a tile, as vectors.
pub(super) type TileValues = [[f32; LANES]; TILE / LANES];

/// Their codes.
pub(super) type RunCodes = [[i16; LANES]; TILE / LANES];

/// Up to 32 numbers, padded with zeros.
#[inline(always)]
pub(super) fn run(values: &[f32]) -> TileValues {
    let mut run = [[0.0; LANES]; TILE / LANES];
    run.as_flattened_mut()[..values.len()].copy_from_slice(values);
    run
}

/// The greatest magnitude, and the sum of all.
#[inline(always)]
pub(super) fn magnitudes<S: Simd>(s: S, values: &[f32]) -> (f32, f32) {
    let (mut greatest, mut sum) = (s.splat(0.0), s.splat(0.0));
    for values in values.chunks(TILE) {
        let run = run(values);
        four_times!(I => {
            let magnitude = s.abs(s.load(&run[I]));
            greatest = s.max(magnitude, greatest);
            sum = s.add(magnitude, sum);
        });
    }
    (finite(s.reduce_max(greatest)), finite(s.reduce_add(sum)))
}

/// Clamps infinities, which have no scale.
#[inline(always)]
pub(super) fn finite(greatest: f32) -> f32 {
    if greatest < f32::MAX { greatest } else { f32::MAX }
}

/// The reciprocal of `scale`; 0 for a scale that is not a normal number.
#[inline(always)]
pub(super) fn inverse(scale: f32) -> f32 {
    if scale < f32::MIN_POSITIVE { 0.0 } else { 1.0 / scale }
}

/// The values times `factor` as integers, clamped to `most`.
#[inline(always)]
pub(super) fn encode<S: Simd>(s: S, run: &TileValues, factor: f32, most: f32) -> RunCodes {
    let mut codes = [[0; LANES]; TILE / LANES];
    let factor = s.splat(factor);
    four_times!(I => {
        let code = s.mul(s.load(&run[I]), factor);
        s.store_as_i16(s.min(s.max(s.splat(-most), code), s.splat(most)), &mut codes[I]);
    });
    codes
}

impl<C: Code> CodeRows<C> {
    pub(super) fn new(shape: CacheShape) -> Result<Self, BackendError> {
        let CacheShape { head_dim, .. } = shape;
        let blocks = head_dim.div_ceil(C::block(head_dim));
        let what = "KV cache";
        Ok(CodeRows {
            shape,
            keys: memory::zeroed(what, shape.len(LANES, head_dim.div_ceil(2 * STEP)))?,
            values: memory::zeroed(what, shape.len(TILE, 2 * head_dim.div_ceil(KV_GROUP) * STEPS))?,
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
        let block = C::block(k.len());
        let (blocks, steps, parts) =
            (k.len().div_ceil(block), k.len().div_ceil(2 * STEP), 2 * v.len().div_ceil(KV_GROUP));
        let (scales, lane) = (row / LANES * blocks..(row / LANES + 1) * blocks, row % LANES);

        let keys = &mut self.keys[row / LANES * steps..(row / LANES + 1) * steps];
        let mut keys = keys.chunks_mut(STEPS);
        for (k, scale) in k.chunks(block).zip(&mut self.key_scales[scales.clone()]) {
            let (bits, factor) = scale_of::<S, C>(s, k);
            scale[lane] = bits;
            for (k, keys) in k.chunks(TILE).zip(keys.by_ref()) {
                let codes = encode(s, &run(k), factor, C::MOST);
                let pairs = codes.as_flattened().as_chunks().0;
                for (key, &[a, b]) in keys.as_flattened_mut().iter_mut().zip(pairs) {
                    key[lane * 2] = C::narrow(a);
                    key[lane * 2 + 1] = C::narrow(b);
                }
            }
        }

        let tile = &mut self.values[row / TILE * parts * STEPS..(row / TILE + 1) * parts * STEPS];
        let mut parts = tile.chunks_exact_mut(STEPS);
        for (v, scale) in v.chunks(block).zip(&mut self.value_scales[scales]) {
            let (bits, factor) = scale_of::<S, C>(s, v);
            scale[lane] = bits;
            for v in v.chunks(TILE) {
                let codes = encode(s, &run(v), factor, C::MOST);
                let codes = codes.iter().take(v.len().div_ceil(LANES));
                for (codes, part) in codes.zip(parts.by_ref()) {
                    let value = &mut part.as_flattened_mut()[row % TILE / 2];
                    let pairs = value.as_chunks_mut::<2>().0;
                    for (pair, &code) in pairs.iter_mut().zip(codes) {
                        pair[row % 2] = C::narrow(code);
                    }
                }
            }
        }
    }
}

/// The bits of a block's scale, and the factor that makes codes of its values.
#[inline(always)]
fn scale_of<S: Simd, C: Code>(s: S, values: &[f32]) -> (u16, f32) {
    let (greatest, _) = magnitudes(s, values);
    let (bits, scale) = C::scale(greatest);
    (bits, inverse(scale))
}
