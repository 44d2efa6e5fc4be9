//! Causal attention over the KV cache, without a matrix of scores.
//!
//! The queries of some tokens that share a key/value head pass over the cache in tiles of [`TILE_KEYS`] positions
//! and keep, each, the greatest score so far, the sum of the exponentials and the weighted sum of values; an earlier
//! sum is rescaled when a greater score turns up (Milakov and Gimelshein, Online normalizer calculation for softmax,
//! 2018). A tile is converted to f32 once for all its queries.

use std::slice::ChunksExact;

use linnet_graph::{Attention, BackendError, KvLayer, Temperature};

use super::rows::{exp, tanh};
use crate::kv::{KEY_LANES, KvCache};
use crate::memory;
use crate::simd::{Kernel, Simd, four_times, twice};

/// Positions of the cache that are converted and scored at a time.
const TILE_KEYS: usize = 32;

/// A tile begins at a multiple of its length, so that no ring ends within it.
const _: () = assert!(KvLayer::TILE.is_multiple_of(TILE_KEYS));

/// Tokens whose queries pass over the cache together.
pub(crate) const TILE_TOKENS: usize = 8;

/// Lanes of an f32 vector.
const LANES: usize = 8;

/// Working memory of one thread.
pub(crate) struct AttentionScratch {
    /// Keys of a tile: `[TILE_KEYS / 8, head_dim, key]`.
    keys: Vec<[f32; LANES]>,
    /// Values of a tile: `[TILE_KEYS, padded head_dim / 8]`.
    values: Vec<[f32; LANES]>,
    /// Scores, then weights, of each query for a tile.
    weights: Vec<[f32; TILE_KEYS]>,
    /// Greatest score and sum of each query.
    state: Vec<[f32; 2]>,
    /// Weighted sum of values of each query: `[queries, padded head_dim / 8]`.
    sums: Vec<[f32; LANES]>,
    /// The result: `[tokens, heads_per_kv, head_dim]`.
    out: Vec<f32>,
}

impl AttentionScratch {
    /// Room for tiles of `heads_per_kv * TILE_TOKENS` queries.
    pub(crate) fn new(heads_per_kv: usize, head_dim: usize) -> Result<Self, BackendError> {
        let queries = heads_per_kv.checked_mul(TILE_TOKENS);
        let chunks = head_dim.div_ceil(LANES);
        let what = "attention scratch";
        Ok(AttentionScratch {
            keys: memory::zeroed(what, head_dim.checked_mul(TILE_KEYS / KEY_LANES))?,
            values: memory::zeroed(what, chunks.checked_mul(TILE_KEYS))?,
            weights: memory::zeroed(what, queries)?,
            state: memory::zeroed(what, queries)?,
            sums: memory::zeroed(what, queries.and_then(|q| q.checked_mul(chunks)))?,
            out: memory::zeroed(what, queries.and_then(|q| q.checked_mul(head_dim)))?,
        })
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.keys)
            + memory::bytes(&self.values)
            + memory::bytes(&self.weights)
            + memory::bytes(&self.state)
            + memory::bytes(&self.sums)
            + memory::bytes(&self.out)
    }

    /// The result for token `token` of the tile: `[heads_per_kv, head_dim]` in a row of `width`.
    pub(crate) fn result(&self, token: usize, width: usize) -> &[f32] {
        &self.out[token * width..(token + 1) * width]
    }
}

/// The attention of some tokens' query heads that share a key/value head.
pub(crate) struct AttendTile<'a> {
    pub(crate) attention: Attention,
    /// Of all query heads.
    pub(crate) sinks: Option<&'a [f32]>,
    pub(crate) cache: &'a KvCache,
    pub(crate) kv_head: usize,
    /// Query rows of 1 to [`TILE_TOKENS`] tokens: `[tokens, heads * head_dim]`.
    pub(crate) q: &'a [f32],
    /// Position of the first of them.
    pub(crate) position: usize,
    /// Takes the result.
    pub(crate) scratch: &'a mut AttentionScratch,
}

impl Kernel for AttendTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Attention { heads, kv_heads, head_dim, .. } = self.attention;
        let heads_per_kv = heads / kv_heads;
        let tokens = self.q.len() / (heads * head_dim);
        let queries = tokens * heads_per_kv;
        let chunks = head_dim.div_ceil(LANES);

        for (query, state) in self.scratch.state[..queries].iter_mut().enumerate() {
            let sink = |sinks: &[f32]| sinks[self.kv_head * heads_per_kv + query % heads_per_kv];
            // A sink is a score whose weight relative to itself is 1, and whose value is 0.
            *state = self.sinks.map_or([f32::NEG_INFINITY, 0.0], |sinks| [sink(sinks), 1.0]);
        }
        self.scratch.sums[..queries * chunks].fill([0.0; LANES]);

        let visible = self.position + tokens;
        // The first token's window begins first. Of what lies before it in its tile the ring may hold something newer.
        let first = self.attention.window.map_or(0, |window| (self.position + 1).saturating_sub(window));
        for start in (first / TILE_KEYS * TILE_KEYS..visible).step_by(TILE_KEYS) {
            let keys = (visible - start).min(TILE_KEYS);
            self.convert(s, start, keys);
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
        }

        let scratch = self.scratch;
        for (query, out) in scratch.out[..queries * head_dim].chunks_exact_mut(head_dim).enumerate() {
            let factor = s.splat(1.0 / scratch.state[query][1]);
            let sums = &scratch.sums[query * chunks..(query + 1) * chunks];
            for (sum, out) in sums.iter().zip(out.chunks_mut(LANES)) {
                let mut values = [0.0; LANES];
                s.store(s.mul(s.load(sum), factor), &mut values);
                out.copy_from_slice(&values[..out.len()]);
            }
        }
    }
}

impl AttendTile<'_> {
    /// Converts the keys and values at `start..start + keys` to f32.
    #[inline(always)]
    fn convert<S: Simd>(&mut self, s: S, start: usize, keys: usize) {
        let groups = keys.div_ceil(KEY_LANES);
        self.cache.keys(s, self.kv_head, start, groups, &mut self.scratch.keys);
        self.cache.values(s, self.kv_head, start, keys, &mut self.scratch.values);
    }

    /// Takes a tile into account for `N` queries from `first` on.
    #[inline(always)]
    fn pass<S: Simd, const N: usize>(&mut self, s: S, first: usize, start: usize, keys: usize) {
        let Attention { heads, kv_heads, head_dim, scale, .. } = self.attention;
        let heads_per_kv = heads / kv_heads;
        let mut q = [&self.q[..0]; 4];
        // The keys of the tile that a query sees: from, to.
        let mut seen = [[0; 2]; 4];
        let mut scales = [0.0; 4];
        four_times!(I => {
            if I < N {
                let (token, head) = ((first + I) / heads_per_kv, (first + I) % heads_per_kv);
                let at = (token * heads + self.kv_head * heads_per_kv + head) * head_dim;
                q[I] = &self.q[at..at + head_dim];
                let end = self.position + token + 1;
                let from = self.attention.window.map_or(0, |window| end.saturating_sub(window));
                seen[I] = [from, end].map(|at| at.saturating_sub(start).min(keys));
                scales[I] = scale;
                if let Some(Temperature { scale, period }) = self.attention.temperature {
                    scales[I] *= 1.0 + scale * (1.0 + ((end - 1) / period.max(1)) as f32).ln();
                }
            }
        });
        // The queries are in the order of their tokens, so the last one sees most.
        let [_, keys] = seen[N - 1];
        if keys == 0 {
            return;
        }
        let groups = keys.div_ceil(KEY_LANES);

        let AttentionScratch { keys: key_tile, values: value_tile, weights, state, sums, .. } =
            &mut *self.scratch;
        let weights = &mut weights[first..first + N];
        let mut group = 0;
        while group < groups {
            let (key_tile, pair) = (&key_tile[group * head_dim..], group + 1 < groups);
            let dots = match pair {
                true => scores::<S, N, 2>(s, key_tile, q, head_dim),
                false => scores::<S, N, 1>(s, key_tile, q, head_dim),
            };
            twice!(G => {
                if G == 0 || pair {
                    four_times!(I => {
                        if I < N {
                            let (to, _) = weights[I].as_chunks_mut::<LANES>();
                            let mut scores = s.mul(dots[G][I], s.splat(scales[I]));
                            if let Some(cap) = self.attention.soft_cap {
                                scores = s.mul(tanh(s, s.mul(scores, s.splat(1.0 / cap))), s.splat(cap));
                            }
                            s.store(scores, &mut to[group + G]);
                        }
                    });
                }
            });
            group += 2;
        }

        let mut rescale = [1.0; 4];
        for i in 0..N {
            let [from, to] = seen[i];
            if from >= to {
                // Nothing of this tile; maybe there was nothing before either, and no score to compare with.
                weights[i][..groups * KEY_LANES].fill(0.0);
                continue;
            }
            weights[i][..from].fill(f32::NEG_INFINITY);
            weights[i][to..groups * KEY_LANES].fill(f32::NEG_INFINITY);
            let (scores, _) = weights[i][..groups * KEY_LANES].as_chunks_mut::<LANES>();
            rescale[i] = soften(s, scores, &mut state[first + i]);
        }

        let chunks = head_dim.div_ceil(LANES);
        let sums = &mut sums[first * chunks..(first + N) * chunks];
        let mut chunk = 0;
        while chunk < chunks {
            let values = value_tile[..keys * chunks].chunks_exact(chunks);
            match chunk + 1 < chunks {
                true => add_values::<S, N, 2>(s, values, weights, chunk, rescale, sums),
                false => add_values::<S, N, 1>(s, values, weights, chunk, rescale, sums),
            }
            chunk += 2;
        }
    }
}

/// Products of `N` queries with `G` groups of keys (`[G, head_dim, key]`): `[G, N]` vectors of scores. Two groups at a time
/// are enough independent sums to hide the latency of an addition.
#[inline(always)]
fn scores<S: Simd, const N: usize, const G: usize>(
    s: S,
    keys: &[[f32; LANES]],
    q: [&[f32]; 4],
    head_dim: usize,
) -> [[S::F32; 4]; 2] {
    let groups = [&keys[..head_dim], &keys[(G - 1) * head_dim..G * head_dim]];
    let mut dots = [[s.splat(0.0); 4]; 2];
    for d in 0..head_dim {
        let keys = [s.load(&groups[0][d]), s.load(&groups[1][d])];
        four_times!(I => {
            if I < N {
                let q = s.splat(q[I][d]);
                dots[0][I] = s.mul_add(keys[0], q, dots[0][I]);
                if G == 2 {
                    dots[1][I] = s.mul_add(keys[1], q, dots[1][I]);
                }
            }
        });
    }
    dots
}

/// Adds weighted values to the rescaled sums (`[N, chunks]`) of `N` queries: of each row of values, `C` chunks from `chunk`
/// on, one or two for the reason given at [`scores`].
#[inline(always)]
fn add_values<S: Simd, const N: usize, const C: usize>(
    s: S,
    values: ChunksExact<'_, [f32; LANES]>,
    weights: &[[f32; TILE_KEYS]],
    chunk: usize,
    rescale: [f32; 4],
    sums: &mut [[f32; LANES]],
) {
    let chunks = sums.len() / N;
    let mut totals = [[s.splat(0.0); 4]; 2];
    twice!(J => {
        four_times!(I => {
            if I < N && J < C {
                totals[J][I] = s.mul(s.load(&sums[I * chunks + chunk + J]), s.splat(rescale[I]));
            }
        });
    });
    for (key, values) in values.enumerate() {
        let values = [s.load(&values[chunk]), s.load(&values[chunk + C - 1])];
        four_times!(I => {
            if I < N {
                let weight = s.splat(weights[I][key]);
                totals[0][I] = s.mul_add(values[0], weight, totals[0][I]);
                if C == 2 {
                    totals[1][I] = s.mul_add(values[1], weight, totals[1][I]);
                }
            }
        });
    }
    twice!(J => {
        four_times!(I => {
            if I < N && J < C {
                s.store(totals[J][I], &mut sums[I * chunks + chunk + J]);
            }
        });
    });
}

/// Turns scores into weights relative to the greatest score so far, updates `state`, and returns the factor by which
/// earlier weights shrink.
#[inline(always)]
fn soften<S: Simd>(s: S, scores: &mut [[f32; LANES]], state: &mut [f32; 2]) -> f32 {
    let [before, sum] = *state;
    let mut greatest = s.splat(before);
    for scores in scores.iter() {
        greatest = s.max(s.load(scores), greatest);
    }
    let greatest = s.reduce_max(greatest);
    let mut added = s.splat(0.0);
    for scores in scores.iter_mut() {
        let weight = exp(s, s.sub(s.load(scores), s.splat(greatest)));
        added = s.add(added, weight);
        s.store(weight, scores);
    }
    // The first tile has no earlier weights; the difference of two infinities would not be a number.
    let rescale = if before == f32::NEG_INFINITY { 0.0 } else { (before - greatest).exp() };
    *state = [greatest, sum * rescale + s.reduce_add(added)];
    rescale
}
