//! The rows of a cache: their layout, and the operations of attention on them.

use std::ops::Range;

use linnet_graph::{BackendError, KvFormat, KvLayer};

use crate::memory;
use crate::simd::Simd;

/// Lanes of a vector of f32.
pub(crate) const LANES: usize = 8;

/// Two vectors: enough independent sums to hide the latency of an addition.
pub(crate) type Two = [[f32; LANES]; 2];

/// Positions of a group, and elements of a part: the lanes of two vectors.
pub(crate) const KV_GROUP: usize = 2 * LANES;

/// Positions whose values are contiguous.
pub(crate) const TILE: usize = 32;

/// The most positions whose scores and weights a kernel holds at a time: whole tiles. The work per chunk, such as
/// finding the greatest score, is small compared with the work per position.
pub(crate) const CHUNK: usize = 256;
const _: () = assert!(CHUNK.is_multiple_of(TILE));

/// Scores, then weights, of a query for the positions of a chunk.
pub(crate) type Scores = [f32; CHUNK];

/// A tile begins at a multiple of its length, so no ring ends within a tile.
const _: () = assert!(KvLayer::TILE.is_multiple_of(TILE));

/// Elements of a head that share a scale, in formats with scales.
pub(super) const BLOCK: usize = KvFormat::BLOCK;

/// Distance in bytes of software prefetching: with the hardware prefetcher alone, reading a large cache stalls.
/// (Measured: 4,096 and 8,192 are equally fast, 2,048 is too short.)
pub(super) const AHEAD: usize = 8192;

/// The sizes of a cache.
#[derive(Clone, Copy)]
pub(super) struct CacheShape {
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    /// Places of the ring, whole tiles.
    pub(super) places: usize,
}

/// The operations of attention on the rows of a cache: `[kv_head, place]`, in groups or tiles.
///
/// For WebAssembly these methods are separate functions, like the other steps of attention, because JavaScript engines
/// compile long functions badly. Elsewhere they must be inlined, like everything that a kernel calls.
pub(crate) trait CachedRows {
    /// Prepares the first `count` of `queries` for [`CachedRows::scores`].
    fn prepare<S: Simd>(&self, s: S, queries: &mut Queries, count: usize);

    /// Products of `N` of the `queries`, from one on, with some groups of keys, times the `scales` of the queries:
    /// `scores[query][key]`.
    fn scores<S: Simd, const N: usize>(
        &self,
        s: S,
        groups: Range<usize>,
        queries: (&Queries, usize),
        scales: &[f32; 4],
        scores: &mut [Scores],
    );

    /// Rescales the sums of `N` queries (`[N, head_dim / 16]`) and adds the values of some tiles times the `weights` of
    /// the queries, which are 0 after the first `count` places.
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

/// Pairs of codes that a kernel multiplies in one iteration: twice the minimum, which is cheaper and still fits the
/// registers.
pub(super) const STEP: usize = 2;

/// That many pairs of each of four rows.
pub(super) type Codes = [[[i16; 2]; STEP]; 4];

/// Query heads that share a key/value head, as f32 and as integers for caches of integers.
pub(crate) struct Queries {
    /// `[queries, head_dim]`.
    pub(crate) values: Vec<f32>,
    /// `[queries / 4, head_dim / 4]`, padded with zeros.
    pub(super) codes: Vec<Codes>,
    /// `[queries]`.
    pub(super) scales: Vec<f32>,
}

/// Working memory of integer caches for the weights of up to four queries.
pub(crate) struct Weighed {
    /// The products with the values' scales: `[blocks, CHUNK / 4]`.
    pub(super) codes: Vec<Codes>,
    /// The scale of the codes: `[blocks, 4]`.
    pub(super) factors: Vec<[f32; 4]>,
    /// Scales of a block, then the products: `[CHUNK]`.
    pub(super) scales: Vec<f32>,
    pub(super) products: Vec<f32>,
    /// Sums of products of codes: `[head_dim / 16, 2, 4]`.
    pub(super) sums: Vec<[[[i32; LANES]; 4]; 2]>,
}

impl Queries {
    /// Allocates room for queries of heads up to `head_dim`.
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

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.values) + memory::bytes(&self.codes) + memory::bytes(&self.scales)
    }
}

impl Weighed {
    /// Allocates room for heads up to `head_dim`.
    pub(crate) fn new(head_dim: usize) -> Result<Self, BackendError> {
        let (what, blocks) = ("attention scratch", head_dim.div_ceil(BLOCK));
        Ok(Weighed {
            codes: memory::zeroed(what, blocks.checked_mul(CHUNK / (2 * STEP)))?,
            factors: memory::zeroed(what, Some(blocks))?,
            scales: memory::zeroed(what, Some(CHUNK))?,
            products: memory::zeroed(what, Some(CHUNK))?,
            sums: memory::zeroed(what, Some(head_dim.div_ceil(KV_GROUP)))?,
        })
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.codes)
            + memory::bytes(&self.factors)
            + memory::bytes(&self.scales)
            + memory::bytes(&self.products)
            + memory::bytes(&self.sums)
    }
}

impl CacheShape {
    /// Calls `store` with every head's row among all rows, key and value.
    #[inline(always)]
    pub(super) fn each(
        self,
        position: usize,
        k: &[f32],
        v: &[f32],
        mut store: impl FnMut(usize, &[f32], &[f32]),
    ) {
        let heads = k.chunks_exact(self.head_dim).zip(v.chunks_exact(self.head_dim));
        for (index, (k, v)) in heads.enumerate() {
            let (token, kv_head) = (index / self.kv_heads, index % self.kv_heads);
            store(kv_head * self.places + (position + token) % self.places, k, v);
        }
    }

    /// Elements of planes of `[kv_heads, places / positions, width]`.
    pub(super) fn len(self, positions: usize, width: usize) -> Option<usize> {
        self.kv_heads.checked_mul(self.places / positions)?.checked_mul(width)
    }
}
