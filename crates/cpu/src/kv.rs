//! The KV cache of one layer, in the form and the order in which attention reads it: keys in groups of sixteen, so that a
//! vector holds the same elements of eight keys, and values in parts of sixteen elements.

mod codes;
mod float;
mod products;

use std::ops::Range;

use linnet_graph::{BackendError, CompileOptions, KvFormat, KvLayer};

use self::codes::CodeRows;
use self::float::FloatRows;
use crate::memory;
use crate::simd::{Kernel, Simd};

/// Lanes of a vector of f32.
pub(crate) const LANES: usize = 8;

/// Two vectors: enough independent sums to hide the latency of an addition.
pub(crate) type Two = [[f32; LANES]; 2];

/// Positions of a group, and elements of a part: the lanes of two vectors.
pub(crate) const GROUP: usize = 2 * LANES;

/// Positions whose values lie together.
pub(crate) const TILE: usize = 32;

/// Positions whose scores and weights a kernel holds at a time, at most: whole tiles. What is done once for all of them, such as
/// finding the greatest score, is little beside the rest.
pub(crate) const CHUNK: usize = 256;
const _: () = assert!(CHUNK.is_multiple_of(TILE));

/// Scores, then weights, of a query for the positions of a chunk.
pub(crate) type Scores = [f32; CHUNK];

/// A tile begins at a multiple of its length, so that no ring ends within it.
const _: () = assert!(KvLayer::TILE.is_multiple_of(TILE));

/// Elements of a head that share a scale, where numbers have one.
const BLOCK: usize = KvFormat::BLOCK;

/// Bytes between what is multiplied and what is fetched for later: a cache that fills the memory's bandwidth is read with
/// gaps by what processors guess of themselves. (Measured: 4,096 and 8,192 are alike, 2,048 is too near.)
const AHEAD: usize = 8192;

/// Keys and values of the positions that the layer keeps, allocated once.
pub(crate) enum KvCache {
    /// Numbers as they are.
    F32(FloatRows),
    /// Integers of 14 bits with a scale per head: finer than f16 for the greater numbers, which decide what a product comes to,
    /// and what processors without f16 instructions, as that of WebAssembly, multiply without converting.
    F16(CodeRows<i16>),
    /// GGUF's Q8_0.
    Q8_0(CodeRows<i8>),
}

/// The sizes of a cache.
#[derive(Clone, Copy)]
struct Shape {
    kv_heads: usize,
    head_dim: usize,
    /// Places of the ring, whole tiles.
    places: usize,
}

/// What attention does with the rows of a cache: `[kv_head, place]`, in groups or tiles.
///
/// For WebAssembly these methods are functions of their own, as are the other steps of attention: JavaScript engines compile long
/// functions badly. Elsewhere they must be inlined, as all that a kernel calls.
pub(crate) trait CachedRows {
    /// Makes the first `count` of `queries` ready for [`CachedRows::scores`].
    fn prepare<S: Simd>(&self, s: S, queries: &mut Queries, count: usize);

    /// Products of `N` of the `queries`, from one on, with some groups of keys, times the queries' `scales`: `scores[query][key]`.
    fn scores<S: Simd, const N: usize>(
        &self,
        s: S,
        groups: Range<usize>,
        queries: (&Queries, usize),
        scales: &[f32; 4],
        scores: &mut [Scores],
    );

    /// Rescales the sums of `N` queries (`[N, head_dim / 16]`) and adds the values of some tiles times the queries' `weights`, which
    /// are 0 for what lies behind the first `count` places.
    fn add_values<S: Simd, const N: usize>(
        &self,
        s: S,
        tiles: Range<usize>,
        count: usize,
        weights: (&[Scores], &mut Weighed),
        rescale: &[f32; 4],
        sums: &mut [Two],
    );
}

/// Pairs of codes that a kernel multiplies in one turn of its loop: two turns at once are cheaper than one by one, and what they
/// need still fits into registers.
const STEP: usize = 2;

/// That many pairs of each of four rows.
type Codes = [[[i16; 2]; STEP]; 4];

/// Query heads that share a key/value head, as they are and as caches of integers want them.
pub(crate) struct Queries {
    /// `[queries, head_dim]`.
    pub(crate) values: Vec<f32>,
    /// `[queries / 4, head_dim / 4]`, padded with zeros.
    codes: Vec<Codes>,
    /// `[queries]`.
    scales: Vec<f32>,
}

/// What caches of integers make of the weights of up to four queries.
pub(crate) struct Weighed {
    /// The products with the values' scales: `[blocks, CHUNK / 4]`.
    codes: Vec<Codes>,
    /// What a code stands for: `[blocks, 4]`.
    factors: Vec<[f32; 4]>,
    /// Scales of a block, then the products: `[CHUNK]`.
    scales: Vec<f32>,
    products: Vec<f32>,
    /// Sums of products of codes: `[head_dim / 16, 2, 4]`.
    sums: Vec<[[[i32; LANES]; 4]; 2]>,
}

impl Queries {
    /// Room for so many queries of heads up to `head_dim`.
    pub(crate) fn new(queries: Option<usize>, head_dim: usize) -> Result<Self, BackendError> {
        let what = "attention scratch";
        let fours = queries.map(|queries| queries.div_ceil(4));
        Ok(Queries {
            values: memory::zeroed(what, queries.and_then(|queries| queries.checked_mul(head_dim)))?,
            codes: memory::zeroed(
                what,
                fours.and_then(|fours| fours.checked_mul(head_dim.div_ceil(2 * STEP))),
            )?,
            scales: memory::zeroed(what, queries)?,
        })
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.values) + memory::bytes(&self.codes) + memory::bytes(&self.scales)
    }
}

impl Weighed {
    /// Room for heads up to `head_dim`.
    pub(crate) fn new(head_dim: usize) -> Result<Self, BackendError> {
        let (what, blocks) = ("attention scratch", head_dim.div_ceil(BLOCK));
        Ok(Weighed {
            codes: memory::zeroed(what, blocks.checked_mul(CHUNK / (2 * STEP)))?,
            factors: memory::zeroed(what, Some(blocks))?,
            scales: memory::zeroed(what, Some(CHUNK))?,
            products: memory::zeroed(what, Some(CHUNK))?,
            sums: memory::zeroed(what, Some(head_dim.div_ceil(GROUP)))?,
        })
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.codes)
            + memory::bytes(&self.factors)
            + memory::bytes(&self.scales)
            + memory::bytes(&self.products)
            + memory::bytes(&self.sums)
    }
}

impl KvCache {
    /// The cache of a layer in a program compiled so.
    pub(crate) fn new(layer: KvLayer, options: &CompileOptions) -> Result<Self, BackendError> {
        let KvLayer { kv_heads, head_dim, .. } = layer;
        let places = layer.positions(options).next_multiple_of(TILE);
        let shape = Shape { kv_heads, head_dim, places };
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

    /// Bytes held.
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
    /// Of the first token.
    pub(crate) position: usize,
    /// `[tokens, kv_heads * head_dim]`, as `v`.
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

impl Shape {
    /// Calls `store` with every head's row among all rows, key and value.
    #[inline(always)]
    fn each(self, position: usize, k: &[f32], v: &[f32], mut store: impl FnMut(usize, &[f32], &[f32])) {
        let heads = k.chunks_exact(self.head_dim).zip(v.chunks_exact(self.head_dim));
        for (index, (k, v)) in heads.enumerate() {
            let (token, kv_head) = (index / self.kv_heads, index % self.kv_heads);
            store(kv_head * self.places + (position + token) % self.places, k, v);
        }
    }

    /// Elements of planes of `[kv_heads, places / positions, width]`.
    fn len(self, positions: usize, width: usize) -> Option<usize> {
        self.kv_heads.checked_mul(self.places / positions)?.checked_mul(width)
    }
}
