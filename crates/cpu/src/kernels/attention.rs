//! Causal attention over the KV cache, without a matrix of scores.
//!
//! The queries of some tokens that share a key/value head pass over the cache in chunks of up to [`CHUNK`] positions.
//! Each query keeps the greatest score so far, the sum of the exponentials and the weighted sum of values, which are
//! rescaled for a greater score (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018). Scores are
//! multiplied by log2 e first, so that the exponentials are powers of two, which are cheaper.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use linnet_graph::{Attention, BackendError, Temperature};

use super::rows::{exp2, tanh};
use crate::kv::{CHUNK, CachedRows, KV_GROUP, KvCache, LANES, Queries, Scores, TILE, Two, Weighed};
use crate::memory;
use crate::simd::{Isa, Kernel, Simd, four_times};

/// Tokens whose queries pass over the cache together.
pub(crate) const TILE_TOKENS: usize = 8;

/// The first position of the first tile that attention at `position` reads; earlier tiles are outside its window.
pub(crate) fn first_tile(attention: &Attention, position: usize) -> usize {
    attention.window.map_or(0, |window| (position + 1).saturating_sub(window)) / TILE * TILE
}

/// Working memory of one thread.
pub(crate) struct AttentionScratch {
    queries: Queries,
    /// Scores, then weights, of up to four queries.
    weights: Vec<Scores>,
    weighed: Weighed,
    /// Greatest score and sum of each query.
    state: Vec<[f32; 2]>,
    /// Weighted sum of values of each query: `[queries, padded head_dim / 16]`.
    sums: Vec<Two>,
    /// The result: `[tokens, heads_per_kv, head_dim]`.
    out: Vec<f32>,
}

impl AttentionScratch {
    /// Allocates room for tiles of `heads_per_kv * TILE_TOKENS` queries.
    pub(crate) fn new(heads_per_kv: usize, head_dim: usize) -> Result<Self, BackendError> {
        let queries = heads_per_kv.checked_mul(TILE_TOKENS);
        let parts = head_dim.div_ceil(KV_GROUP);
        let what = "attention scratch";
        Ok(AttentionScratch {
            queries: Queries::new(queries, head_dim)?,
            weights: memory::zeroed(what, Some(4))?,
            weighed: Weighed::new(head_dim)?,
            state: memory::zeroed(what, queries)?,
            sums: memory::zeroed(what, queries.and_then(|q| q.checked_mul(parts)))?,
            out: memory::zeroed(what, queries.and_then(|q| q.checked_mul(head_dim)))?,
        })
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.queries.bytes()
            + memory::bytes(&self.weights)
            + self.weighed.bytes()
            + memory::bytes(&self.state)
            + memory::bytes(&self.sums)
            + memory::bytes(&self.out)
    }

    /// The result of [`AttendTile`]: greatest score and sum, and the weighted sum of values (`[queries, parts]`), of
    /// the first queries.
    pub(crate) fn partial(&mut self, queries: usize, parts: usize) -> (&mut [[f32; 2]], &mut [Two]) {
        (&mut self.state[..queries], &mut self.sums[..queries * parts])
    }

    /// The result of [`Finish`] for token `token` of the tile: `[heads_per_kv, head_dim]` in a row of `width`.
    pub(crate) fn result(&self, token: usize, width: usize) -> &[f32] {
        &self.out[token * width..(token + 1) * width]
    }
}

/// The attention of some tokens' query heads that share a key/value head, up to the division by the sum of weights.
pub(crate) struct AttendTile<'a> {
    pub(crate) attention: Attention,
    /// Sinks of all query heads; one of several spans includes them.
    pub(crate) sinks: Option<&'a [f32]>,
    pub(crate) kv_head: usize,
    /// The positions, which begin at a tile.
    pub(crate) span: Range<usize>,
    /// Query rows of 1 to [`TILE_TOKENS`] tokens: `[tokens, heads * head_dim]`.
    pub(crate) q: &'a [f32],
    /// Position of the first of them.
    pub(crate) position: usize,
    /// Receives the result.
    pub(crate) scratch: &'a mut AttentionScratch,
}

impl AttendTile<'_> {
    /// Runs it on the keys and values of `cache`.
    pub(crate) fn over(self, isa: Isa, cache: &KvCache) {
        let (tile, places) = (self, cache.places());
        // One kernel per format instead of a branch, because JavaScript engines compile long functions badly.
        match cache {
            KvCache::F32(rows) => isa.run(Attend { tile, rows, places }),
            KvCache::F16(rows) => isa.run(Attend { tile, rows, places }),
            KvCache::Q8_0(rows) => isa.run(Attend { tile, rows, places }),
        }
    }
}

/// An [`AttendTile`] over rows of one format.
struct Attend<'a, R> {
    tile: AttendTile<'a>,
    rows: &'a R,
    /// Size of the ring.
    places: usize,
}

impl<R: CachedRows> Kernel for Attend<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let AttendTile { attention, sinks, kv_head, q, .. } = self.tile;
        let Attention { heads, kv_heads, head_dim, .. } = attention;
        let heads_per_kv = heads / kv_heads;
        let tokens = q.len() / (heads * head_dim);
        let queries = tokens * heads_per_kv;
        let parts = head_dim.div_ceil(KV_GROUP);

        let scratch = &mut *self.tile.scratch;
        for (query, state) in scratch.state[..queries].iter_mut().enumerate() {
            let sink = |sinks: &[f32]| sinks[kv_head * heads_per_kv + query % heads_per_kv] * LOG2_E;
            // A sink is a score whose weight relative to itself is 1, and whose value is 0.
            *state = sinks.map_or([f32::NEG_INFINITY, 0.0], |sinks| [sink(sinks), 1.0]);
        }
        scratch.sums[..queries * parts].fill([[0.0; LANES]; 2]);
        let width = heads_per_kv * head_dim;
        let of_tokens = scratch.queries.values.chunks_exact_mut(width).zip(q.chunks_exact(heads * head_dim));
        of_tokens.for_each(|(to, q)| to.copy_from_slice(&q[kv_head * width..(kv_head + 1) * width]));
        self.rows.prepare(s, &mut scratch.queries, queries);

        // In the first tile, the ring may have newer positions in the places before the window.
        let Range { mut start, end } = self.tile.span;
        while start < end {
            // No chunk crosses the end of the ring.
            let keys = (end - start).min(CHUNK).min(self.places - start % self.places);
            let mut query = 0;
            while query < queries {
                let count = (queries - query).min(4);
                match count {
                    1 => self.pass::<S, 1>(s, query, start, keys),
                    2 => self.pass::<S, 2>(s, query, start, keys),
                    3 => self.pass::<S, 3>(s, query, start, keys),
                    _ => self.pass::<S, 4>(s, query, start, keys),
                }
                query += count;
            }
            start += keys;
        }
    }
}

/// Merges the partial result of the same queries over later positions.
pub(crate) struct Absorb<'a> {
    pub(crate) state: &'a mut [[f32; 2]],
    /// `[queries, parts]`, like that of `later`.
    pub(crate) sums: &'a mut [Two],
    pub(crate) later: (&'a [[f32; 2]], &'a [Two]),
}

impl Kernel for Absorb<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (states, sums) = self.later;
        let parts = sums.len() / states.len();
        let queries = self.state.iter_mut().zip(self.sums.chunks_exact_mut(parts));
        for ((state, sums), (later, more)) in queries.zip(states.iter().zip(sums.chunks_exact(parts))) {
            let greatest = state[0].max(later[0]);
            let factors = [state[0], later[0]].map(|own| (own - greatest).exp2());
            *state = [greatest, state[1] * factors[0] + later[1] * factors[1]];
            for (sum, more) in sums.as_flattened_mut().iter_mut().zip(more.as_flattened()) {
                let rescaled = s.mul(s.load(sum), s.splat(factors[0]));
                s.store(s.mul_add(s.load(more), s.splat(factors[1]), rescaled), sum);
            }
        }
    }
}

/// Divides the sums of the queries by their sums of weights.
pub(crate) struct Finish<'a> {
    pub(crate) scratch: &'a mut AttentionScratch,
    pub(crate) queries: usize,
    pub(crate) head_dim: usize,
}

impl Kernel for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Finish { scratch, queries, head_dim } = self;
        let parts = head_dim.div_ceil(KV_GROUP);
        for (query, out) in scratch.out[..queries * head_dim].chunks_exact_mut(head_dim).enumerate() {
            let factor = s.splat(1.0 / scratch.state[query][1]);
            let sums = &scratch.sums[query * parts..(query + 1) * parts];
            for (sum, out) in sums.as_flattened().iter().zip(out.chunks_mut(LANES)) {
                let mut values = [0.0; LANES];
                s.store(s.mul(s.load(sum), factor), &mut values);
                out.copy_from_slice(&values[..out.len()]);
            }
        }
    }
}

impl<R: CachedRows> Attend<'_, R> {
    /// Adds a chunk of positions to `N` queries from `first` on.
    #[inline(always)]
    fn pass<S: Simd, const N: usize>(&mut self, s: S, first: usize, start: usize, keys: usize) {
        let AttendTile { attention, kv_head, position, .. } = self.tile;
        let Attention { heads, kv_heads, head_dim, scale, .. } = attention;
        // The range of the chunk's keys that each query sees: start and end.
        let mut seen = [[0; 2]; 4];
        let mut scales = [0.0; 4];
        let scale = if attention.soft_cap.is_some() { scale } else { scale * LOG2_E };
        four_times!(I => {
            if I < N {
                let end = position + (first + I) / (heads / kv_heads) + 1;
                let from = attention.window.map_or(0, |window| end.saturating_sub(window));
                seen[I] = [from, end].map(|at| at.saturating_sub(start).min(keys));
                scales[I] = scale;
                if let Some(Temperature { scale, period }) = attention.temperature {
                    scales[I] *= 1.0 + scale * (1.0 + ((end - 1) / period.max(1)) as f32).ln();
                }
            }
        });
        // Queries are in the order of their tokens, so the first one sees the earliest tile, and the last one the
        // latest.
        let skipped = seen[0][0] / TILE * TILE;
        let keys = seen[N - 1][1].saturating_sub(skipped);
        if keys == 0 {
            return;
        }
        let tiles = keys.div_ceil(TILE);
        let row = kv_head * self.places + start % self.places + skipped;

        let AttentionScratch { queries, weights, weighed, state, sums, .. } = &mut *self.tile.scratch;
        let weights = &mut weights[..N];
        let groups = row / KV_GROUP..row / KV_GROUP + keys.div_ceil(KV_GROUP);
        self.rows.scores::<S, N>(s, groups, (queries, first), &scales, weights);
        for (scores, seen) in weights.iter_mut().zip(seen) {
            let [from, to] = seen.map(|at| at.saturating_sub(skipped));
            if let Some(cap) = attention.soft_cap {
                soft_cap(s, cap, &mut scores[..tiles * TILE]);
            }
            scores[..from].fill(f32::NEG_INFINITY);
            scores[to..tiles * TILE].fill(f32::NEG_INFINITY);
        }
        let mut rescale = [1.0; 4];
        soften(s, weights, tiles, &mut state[first..first + N], &mut rescale);

        let parts = head_dim.div_ceil(KV_GROUP);
        let sums = &mut sums[first * parts..(first + N) * parts];
        let tiles = row / TILE..row / TILE + tiles;
        self.rows.add_values::<S, N>(s, tiles, keys, (weights, weighed), &rescale, sums);
    }
}

/// `cap * tanh(score / cap)` of scores that are multiplied by log2 e.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn soft_cap<S: Simd>(s: S, cap: f32, scores: &mut [f32]) {
    for scores in scores.as_chunks_mut().0 {
        let capped = tanh(s, s.mul(s.load(scores), s.splat(1.0 / cap)));
        s.store(s.mul(capped, s.splat(cap * LOG2_E)), scores);
    }
}

/// Converts the scores of some queries and tiles to weights relative to the greatest score so far, updates `state`, and
/// returns the factor for earlier weights.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn soften<S: Simd>(
    s: S,
    weights: &mut [Scores],
    tiles: usize,
    state: &mut [[f32; 2]],
    rescale: &mut [f32; 4],
) {
    for ((scores, [greatest, sum]), rescale) in weights.iter_mut().zip(state).zip(rescale) {
        let scores = &mut scores.as_chunks_mut().0.as_chunks_mut::<{ TILE / LANES }>().0[..tiles];
        let before = *greatest;
        let mut most = s.splat(before);
        for scores in &*scores {
            let pair = |a: usize, b: usize| s.max(s.load(&scores[a]), s.load(&scores[b]));
            most = s.max(s.max(pair(0, 1), pair(2, 3)), most);
        }
        *greatest = s.reduce_max(most);
        // The difference of two infinities would be NaN.
        *rescale = if before == *greatest { 1.0 } else { (before - *greatest).exp2() };
        // If no position was visible so far either, all weights are 0.
        let greatest = s.splat(greatest.max(f32::MIN));
        let mut added = s.splat(0.0);
        for scores in scores {
            four_times!(I => {
                let weight = exp2(s, s.sub(s.load(&scores[I]), greatest));
                added = s.add(added, weight);
                s.store(weight, &mut scores[I]);
            });
        }
        *sum = *sum * *rescale + s.reduce_add(added);
    }
}
