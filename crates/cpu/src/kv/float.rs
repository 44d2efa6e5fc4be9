//! Keys and values as f32.

use std::ops::Range;

use linnet_graph::BackendError;

use super::rows::{AHEAD, CacheShape, CachedRows, KV_GROUP, Queries, Scores, TILE, Two, Weighed};
use crate::memory;
use crate::simd::{Simd, four_times, twice};

/// Rows of f32.
pub(crate) struct FloatRows {
    pub(super) shape: CacheShape,
    /// `[kv_head, place / 16, head_dim, place % 16]`.
    keys: Vec<Two>,
    /// `[kv_head, place / 32, head_dim / 16, place % 32, head_dim % 16]`, the last part padded.
    values: Vec<Two>,
}

impl FloatRows {
    pub(super) fn new(shape: CacheShape) -> Result<Self, BackendError> {
        let parts = shape.head_dim.div_ceil(KV_GROUP);
        Ok(FloatRows {
            shape,
            keys: memory::zeroed("KV cache", shape.len(KV_GROUP, shape.head_dim))?,
            values: memory::zeroed("KV cache", shape.len(1, parts))?,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        memory::bytes(&self.keys) + memory::bytes(&self.values)
    }

    /// Writes a head's key and value to row `row` of `[kv_head, place]`.
    pub(super) fn store(&mut self, row: usize, k: &[f32], v: &[f32]) {
        let keys = &mut self.keys[row / KV_GROUP * k.len()..];
        keys.iter_mut().zip(k).for_each(|(to, &value)| to.as_flattened_mut()[row % KV_GROUP] = value);
        let parts = v.chunks(KV_GROUP);
        let first = row / TILE * parts.len() * TILE + row % TILE;
        for (to, v) in self.values[first..].iter_mut().step_by(TILE).zip(parts) {
            to.as_flattened_mut()[..v.len()].copy_from_slice(v);
        }
    }
}

impl CachedRows for FloatRows {
    #[inline(always)]
    fn prepare<S: Simd>(&self, _: S, _: &mut Queries, _: usize) {}

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn scores<S: Simd, const N: usize>(
        &self,
        s: S,
        groups: Range<usize>,
        (queries, first): (&Queries, usize),
        scales: &[f32; 4],
        scores: &mut [Scores],
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
        tiles: Range<usize>,
        count: usize,
        (weights, _): (&[Scores], &mut Weighed),
        rescale: &[f32; 4],
        sums: &mut [Two],
    ) {
        let mut rescale = *rescale;
        for (index, tile) in tiles.enumerate() {
            let count = (count - index * TILE).min(TILE);
            let mut of_tile = [&[0.0; TILE]; 4];
            for (weights, of_tile) in weights.iter().zip(&mut of_tile) {
                *of_tile = &weights.as_chunks().0[index];
            }
            if S::REGISTERS < 12 {
                self.add_values_by::<S, N, 1>(s, tile, count, of_tile, &rescale, sums);
            } else {
                self.add_values_by::<S, N, 2>(s, tile, count, of_tile, &rescale, sums);
            }
            rescale = [1.0; 4];
        }
    }
}

impl FloatRows {
    /// [`CachedRows::scores`] with `BY` vectors at a time.
    #[inline(always)]
    fn scores_by<S: Simd, const N: usize, const BY: usize>(
        &self,
        s: S,
        groups: Range<usize>,
        (queries, first): (&Queries, usize),
        scales: &[f32; 4],
        scores: &mut [Scores],
    ) {
        let scores = &mut scores[..N];
        let head_dim = self.shape.head_dim;
        let keys = &self.keys[groups.start * head_dim..groups.end * head_dim];
        let mut q = [&queries.values[..0]; 4];
        four_times!(I => {
            if I < N {
                q[I] = &queries.values[(first + I) * head_dim..(first + I + 1) * head_dim];
            }
        });
        for (group, keys) in keys.chunks_exact(head_dim).enumerate() {
            for half in (0..2).step_by(BY) {
                let mut dots = [[s.splat(0.0); 4]; 2];
                for (d, keys) in keys.iter().enumerate() {
                    s.prefetch(keys, AHEAD);
                    let keys = [s.load(&keys[half % 2]), s.load(&keys[(half + BY - 1) % 2])];
                    four_times!(I => {
                        if I < N {
                            let q = s.splat(q[I][d]);
                            twice!(J => {
                                if J < BY {
                                    dots[J][I] = s.mul_add(keys[J], q, dots[J][I]);
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
                                s.store(s.mul(dots[J][I], s.splat(scales[I])), to);
                            }
                        });
                    }
                });
            }
        }
    }

    /// [`CachedRows::add_values`] of one tile, with `BY` vectors at a time.
    #[inline(always)]
    fn add_values_by<S: Simd, const N: usize, const BY: usize>(
        &self,
        s: S,
        tile: usize,
        count: usize,
        weights: [&[f32; TILE]; 4],
        rescale: &[f32; 4],
        sums: &mut [Two],
    ) {
        let parts = self.shape.head_dim.div_ceil(KV_GROUP);
        let values = self.values[tile * parts * TILE..(tile + 1) * parts * TILE].as_chunks::<TILE>().0;
        for (part, values) in values.iter().enumerate() {
            for half in (0..2).step_by(BY) {
                let mut totals = [[s.splat(0.0); 4]; 2];
                four_times!(I => {
                    if I < N {
                        let sum = &sums[I * parts + part];
                        twice!(J => {
                            if J < BY {
                                totals[J][I] = s.mul(s.load(&sum[(half + J) % 2]), s.splat(rescale[I]));
                            }
                        });
                    }
                });
                for (place, values) in values[..count].iter().enumerate() {
                    s.prefetch(values, AHEAD);
                    let values = [s.load(&values[half % 2]), s.load(&values[(half + BY - 1) % 2])];
                    four_times!(I => {
                        if I < N {
                            let weight = s.splat(weights[I][place]);
                            twice!(J => {
                                if J < BY {
                                    totals[J][I] = s.mul_add(values[J], weight, totals[J][I]);
                                }
                            });
                        }
                    });
                }
                four_times!(I => {
                    if I < N {
                        let sum = &mut sums[I * parts + part];
                        twice!(J => {
                            if J < BY {
                                s.store(totals[J][I], &mut sum[(half + J) % 2]);
                            }
                        });
                    }
                });
            }
        }
    }
}
