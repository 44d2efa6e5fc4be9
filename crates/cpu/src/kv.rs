//! The KV cache of one layer.

use linnet_graph::{BackendError, CompileOptions, KvFormat, KvLayer};

use crate::memory;
use crate::simd::{Simd, encode_f16};

/// Positions whose keys are interleaved, so that one vector holds the same element of eight keys.
pub(crate) const KEY_LANES: usize = 8;

/// Elements of a value that lie together.
const VALUE_LANES: usize = 8;

/// Keys and values of the positions that the layer keeps, allocated once.
pub(crate) struct KvCache {
    layer: KvLayer,
    /// Places of the ring, whole groups of keys.
    places: usize,
    /// `[kv_head, place / 8, head_dim, place % 8]`.
    keys: Plane,
    /// `[kv_head, place, head_dim / 8, head_dim % 8]`, the last part padded.
    values: Plane,
}

/// Eights of numbers.
enum Plane {
    /// Numbers beyond the range of f16 become its greatest.
    F16(Vec<[u16; 8]>),
    F32(Vec<[f32; 8]>),
    /// Codes, and the f16 scales of a block: of the same eight keys, or in the first lane of one value's.
    Q8_0 {
        codes: Vec<[i8; 8]>,
        scales: Vec<[u16; 8]>,
    },
}

impl Plane {
    /// Zeros: so many eights, and so many scales.
    fn new(format: KvFormat, len: Option<usize>, scales: Option<usize>) -> Result<Self, BackendError> {
        const WHAT: &str = "KV cache";
        Ok(match format {
            KvFormat::F16 => Plane::F16(memory::zeroed(WHAT, len)?),
            KvFormat::F32 => Plane::F32(memory::zeroed(WHAT, len)?),
            KvFormat::Q8_0 => {
                Plane::Q8_0 { codes: memory::zeroed(WHAT, len)?, scales: memory::zeroed(WHAT, scales)? }
            }
        })
    }

    fn bytes(&self) -> u64 {
        match self {
            Plane::F16(eights) => memory::bytes(eights),
            Plane::F32(eights) => memory::bytes(eights),
            Plane::Q8_0 { codes, scales } => memory::bytes(codes) + memory::bytes(scales),
        }
    }
}

/// The scale of a block and its inverse, as GGUF's Q8_0 chooses them.
fn scale(block: &[f32]) -> (u16, f32) {
    let greatest = block.iter().fold(0.0, |greatest: f32, value| greatest.max(value.abs()));
    let scale = greatest / 127.0;
    (encode_f16(scale), if scale > 0.0 { 1.0 / scale } else { 0.0 })
}

/// The saturating conversion cuts off what is not a number or too large.
fn code(value: f32, inverse: f32) -> i8 {
    (value * inverse).round() as i8
}

impl KvCache {
    /// The cache of a layer in a program compiled so.
    pub(crate) fn new(layer: KvLayer, options: &CompileOptions) -> Result<Self, BackendError> {
        let format = options.kv;
        let places = layer.positions(options).next_multiple_of(KEY_LANES);
        let len =
            |width: usize, depth: usize| layer.kv_heads.checked_mul(width).and_then(|n| n.checked_mul(depth));
        let blocks = layer.head_dim.div_ceil(KvFormat::BLOCK);
        let groups = places / KEY_LANES;
        let keys = Plane::new(format, len(layer.head_dim, groups), len(blocks, groups))?;
        let parts = layer.head_dim.div_ceil(VALUE_LANES);
        // The scales of eight blocks of values lie together.
        let values = Plane::new(format, len(parts, places), len(blocks, places).map(|n| n.div_ceil(8)))?;
        Ok(KvCache { layer, places, keys, values })
    }

    /// Writes a token's keys and values (`[kv_heads, head_dim]` each).
    pub(crate) fn store(&mut self, position: usize, k: &[f32], v: &[f32]) {
        let (head_dim, place) = (self.layer.head_dim, position % self.places);
        let heads = k.chunks_exact(head_dim).zip(v.chunks_exact(head_dim));
        for (kv_head, (k, v)) in heads.enumerate() {
            self.store_key(kv_head, place, k);
            self.store_value(kv_head, place, v);
        }
    }

    fn store_key(&mut self, kv_head: usize, place: usize, k: &[f32]) {
        let row = kv_head * (self.places / KEY_LANES) + place / KEY_LANES;
        let lane = place % KEY_LANES;
        let at = row * k.len();
        match &mut self.keys {
            Plane::F16(eights) => {
                eights[at..].iter_mut().zip(k).for_each(|(to, &value)| to[lane] = encode_f16(value));
            }
            Plane::F32(eights) => eights[at..].iter_mut().zip(k).for_each(|(to, &value)| to[lane] = value),
            Plane::Q8_0 { codes, scales } => {
                let blocks = k.chunks(KvFormat::BLOCK);
                let first = row * blocks.len();
                for (index, block) in blocks.enumerate() {
                    let (scale, inverse) = scale(block);
                    scales[first + index][lane] = scale;
                    let codes = &mut codes[at + index * KvFormat::BLOCK..];
                    codes.iter_mut().zip(block).for_each(|(to, &value)| to[lane] = code(value, inverse));
                }
            }
        }
    }

    fn store_value(&mut self, kv_head: usize, place: usize, v: &[f32]) {
        let row = kv_head * self.places + place;
        let at = row * v.len().div_ceil(VALUE_LANES);
        match &mut self.values {
            Plane::F16(eights) => {
                for (to, v) in eights[at..].iter_mut().zip(v.chunks(VALUE_LANES)) {
                    to.iter_mut().zip(v).for_each(|(to, &value)| *to = encode_f16(value));
                }
            }
            Plane::F32(eights) => {
                for (to, v) in eights[at..].iter_mut().zip(v.chunks(VALUE_LANES)) {
                    to[..v.len()].copy_from_slice(v);
                }
            }
            Plane::Q8_0 { codes, scales } => {
                let blocks = v.chunks(KvFormat::BLOCK);
                let first = row * blocks.len();
                for (index, block) in blocks.enumerate() {
                    let (scale, inverse) = scale(block);
                    scales[(first + index) / 8][(first + index) % 8] = scale;
                    let codes = &mut codes[at + index * (KvFormat::BLOCK / VALUE_LANES)..];
                    for (to, v) in codes.iter_mut().zip(block.chunks(VALUE_LANES)) {
                        to.iter_mut().zip(v).for_each(|(to, &value)| *to = code(value, inverse));
                    }
                }
            }
        }
    }

    /// Reads `groups` groups of keys, up to a tile, from `position` (a multiple of the tile's) on: `[groups, head_dim]` into
    /// `out`.
    #[inline(always)]
    pub(crate) fn keys<S: Simd>(
        &self,
        s: S,
        kv_head: usize,
        position: usize,
        groups: usize,
        out: &mut [[f32; 8]],
    ) {
        let head_dim = self.layer.head_dim;
        let row = kv_head * (self.places / KEY_LANES) + position % self.places / KEY_LANES;
        let range = row * head_dim..(row + groups) * head_dim;
        match &self.keys {
            Plane::F16(eights) => {
                eights[range].iter().zip(out).for_each(|(from, to)| s.store(s.load_f16(from), to));
            }
            Plane::F32(eights) => out[..range.len()].copy_from_slice(&eights[range]),
            Plane::Q8_0 { codes, scales } => {
                let blocks = head_dim.div_ceil(KvFormat::BLOCK);
                let rows = codes[range].chunks_exact(head_dim).zip(out.chunks_exact_mut(head_dim));
                for ((codes, out), scales) in rows.zip(scales[row * blocks..].chunks_exact(blocks)) {
                    let parts = codes.chunks(KvFormat::BLOCK).zip(out.chunks_mut(KvFormat::BLOCK));
                    for ((codes, out), scale) in parts.zip(scales) {
                        let scale = s.load_f16(scale);
                        for (code, to) in codes.iter().zip(out) {
                            s.store(s.mul(s.load_i8_f32(code), scale), to);
                        }
                    }
                }
            }
        }
    }

    /// Reads the values of `count` positions, as [`KvCache::keys`] does: `[count, head_dim / 8 rounded up]` into `out`.
    #[inline(always)]
    pub(crate) fn values<S: Simd>(
        &self,
        s: S,
        kv_head: usize,
        position: usize,
        count: usize,
        out: &mut [[f32; 8]],
    ) {
        let parts = self.layer.head_dim.div_ceil(VALUE_LANES);
        let row = kv_head * self.places + position % self.places;
        let range = row * parts..(row + count) * parts;
        match &self.values {
            Plane::F16(eights) => {
                eights[range].iter().zip(out).for_each(|(from, to)| s.store(s.load_f16(from), to));
            }
            Plane::F32(eights) => out[..range.len()].copy_from_slice(&eights[range]),
            Plane::Q8_0 { codes, scales } => {
                let blocks = self.layer.head_dim.div_ceil(KvFormat::BLOCK);
                let rows = codes[range].chunks_exact(parts).zip(out.chunks_exact_mut(parts));
                for (index, (codes, out)) in rows.enumerate() {
                    let per_block = KvFormat::BLOCK / VALUE_LANES;
                    for (block, (codes, out)) in
                        codes.chunks(per_block).zip(out.chunks_mut(per_block)).enumerate()
                    {
                        let at = (row + index) * blocks + block;
                        let mut eight = [0.0; 8];
                        s.store(s.load_f16(&scales[at / 8]), &mut eight);
                        let scale = s.splat(eight[at % 8]);
                        for (code, to) in codes.iter().zip(out) {
                            s.store(s.mul(s.load_i8_f32(code), scale), to);
                        }
                    }
                }
            }
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.keys.bytes() + self.values.bytes()
    }
}
