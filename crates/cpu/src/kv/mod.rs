//! The KV cache of one layer, in the form and the order in which attention reads it: keys in groups of sixteen, so that
//! a vector holds the same elements of eight keys, and values in parts of sixteen elements.

mod codes;
mod float;
mod products;
mod rows;

use linnet_graph::{BackendError, CompileOptions, KvFormat, KvLayer};

use self::codes::CodeRows;
use self::float::FloatRows;
use self::rows::CacheShape;
pub(crate) use self::rows::{CHUNK, CachedRows, KV_GROUP, LANES, Queries, Scores, TILE, Two, Weighed};
use crate::simd::{Kernel, Simd};

/// Keys and values of the positions that the layer keeps, allocated once.
pub(crate) enum KvCache {
    /// Plain f32.
    F32(FloatRows),
    /// 14-bit integers with a scale per head: more precise than f16 for the larger values, which dominate a product,
    /// and multiplied without conversion on processors without f16 instructions, such as WebAssembly's.
    F16(CodeRows<i16>),
    /// GGUF's Q8_0.
    Q8_0(CodeRows<i8>),
}

impl KvCache {
    /// The cache of a layer in a program with these options.
    pub(crate) fn new(layer: KvLayer, options: &CompileOptions) -> Result<Self, BackendError> {
        let KvLayer { kv_heads, head_dim, .. } = layer;
        let places = layer.positions(options).next_multiple_of(TILE);
        let shape = CacheShape { kv_heads, head_dim, places };
        Ok(match options.kv {
            KvFormat::F32 => KvCache::F32(FloatRows::new(shape)?),
            KvFormat::F16 => KvCache::F16(CodeRows::new(shape)?),
            KvFormat::Q8_0 => KvCache::Q8_0(CodeRows::new(shape)?),
        })
    }

    /// Positions that it holds, in whole tiles.
    pub(crate) fn places(&self) -> usize {
        match self {
            KvCache::F32(rows) => rows.shape.places,
            KvCache::F16(rows) => rows.shape.places,
            KvCache::Q8_0(rows) => rows.shape.places,
        }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            KvCache::F32(rows) => rows.bytes(),
            KvCache::F16(rows) => rows.bytes(),
            KvCache::Q8_0(rows) => rows.bytes(),
        }
    }
}

/// Writes the keys and values of some tokens.
pub(crate) struct StoreKv<'a> {
    pub(crate) cache: &'a mut KvCache,
    /// Position of the first token.
    pub(crate) position: usize,
    /// `[tokens, kv_heads * head_dim]`, like `v`.
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
}

impl Kernel for StoreKv<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let StoreKv { cache, position, k, v } = self;
        match cache {
            KvCache::F32(rows) => rows.shape.each(position, k, v, |at, k, v| rows.store(at, k, v)),
            KvCache::F16(rows) => rows.shape.each(position, k, v, |at, k, v| rows.store(s, at, k, v)),
            KvCache::Q8_0(rows) => rows.shape.each(position, k, v, |at, k, v| rows.store(s, at, k, v)),
        }
    }
}
