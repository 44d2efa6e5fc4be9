//! The rows of a cache: their order, their sizes, and what attention does with them.

use std::ops::Range;

use linnet_graph::{BackendError, KvFormat, KvLayer};

use crate::memory;
use crate::simd::Simd;

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
pub(super) const BLOCK: usize = KvFormat::BLOCK;

/// Bytes between what is multiplied and what is fetched for later: a cache that fills the memory's bandwidth is read with
/// gaps by what processors guess of themselves. (Measured: 4,096 and 8,192 are alike, 2,048 is too near.)
pub(super) const AHEAD: usize = 8192;

/// The sizes of a cache.
#[derive(Clone, Copy)]
pub(super) struct CacheShape {
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    /// Places of the ring, whole tiles.
    pub(super) places: usize,
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
pub(super) const STEP: usize = 2;

/// That many pairs of each of four rows.
pub(super) type Codes = [[[i16; 2]; STEP]; 4];

/// Query heads that share a key/value head, as they are and as caches of integers want them.
pub(crate) struct Queries {
    /// `[queries, head_dim]`.
    pub(crate) values: Vec<f32>,
    /// `[queries / 4, head_dim / 4]`, padded with zeros.
    pub(super) codes: Vec<Codes>,
    /// `[queries]`.
    pub(super) scales: Vec<f32>,
}

/// What caches of integers make of the weights of up to four queries.
pub(crate) struct Weighed {
    /// The products with the values' scales: `[blocks, CHUNK / 4]`.
    pub(super) codes: Vec<Codes>,
    /// What a code stands for: `[blocks, 4]`.
    pub(super) factors: Vec<[f32; 4]>,
    /// Scales of a block, then the products: `[CHUNK]`.
    pub(super) scales: Vec<f32>,
    pub(super) products: Vec<f32>,
    /// Sums of products of codes: `[head_dim / 16, 2, 4]`.
    pub(super) sums: Vec<[[[i32; LANES]; 4]; 2]>,
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
