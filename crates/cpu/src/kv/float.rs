//! Keys and values as they are.

use linnet_graph::BackendError;

use super::{AHEAD, CachedRows, GROUP, Queries, Shape, TILE, Two};
use crate::memory;
use crate::simd::{Simd, four_times, twice};

/// Rows of f32.
pub(crate) struct FloatRows {
    pub(super) shape: Shape,
    /// `[kv_head, place / 16, head_dim, place % 16]`.
    keys: Vec<Two>,
    /// `[kv_head, place / 32, head_dim / 16, place % 32, head_dim % 16]`, the last part padded.
    values: Vec<Two>,
}

impl FloatRows {
    pub(super) fn new(shape: Shape) -> Result<Self, BackendError> {
        let parts = shape.head_dim.div_ceil(GROUP);
        Ok(FloatRows {
            shape,
            keys: memory::zeroed("KV cache", shape.len(GROUP, shape.head_dim))?,
            values: memory::zeroed("KV cache", shape.len(1, parts))?,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        memory::bytes(&self.keys) + memory::bytes(&self.values)
    }

    /// Writes a head's key and value to row `row` of `[kv_head, place]`.
    pub(super) fn store(&mut self, row: usize, k: &[f32], v: &[f32]) {
        let keys = &mut self.keys[row / GROUP * k.len()..];
        keys.iter_mut().zip(k).for_each(|(to, &value)| to.as_flattened_mut()[row % GROUP] = value);
        let parts = v.chunks(GROUP);
        let first = row / TILE * parts.len() * TILE + row % TILE;
        for (to, v) in self.values[first..].iter_mut().step_by(TILE).zip(parts) {
            to.as_flattened_mut()[..v.len()].copy_from_slice(v);
        }
    }
}

impl CachedRows for FloatRows {
    #[inline(always)]
    fn prepare<S: Simd>(&self, _: S, _: &mut Queries, _: usize) {}

    #[inline(always)]
    fn scores<S: Simd, const N: usize>(
        &self,
        s: S,
        group: usize,
        queries: &Queries,
        first: usize,
    ) -> [[S::F32; 4]; 2] {
        let head_dim = self.shape.head_dim;
        let keys = &self.keys[group * head_dim..(group + 1) * head_dim];
        let mut q = [&queries.values[..0]; 4];
        four_times!(I => {
            if I < N {
                q[I] = &queries.values[(first + I) * head_dim..(first + I + 1) * head_dim];
            }
        });
        let mut dots = [[s.splat(0.0); 4]; 2];
        for (d, keys) in keys.iter().enumerate() {
            s.prefetch(keys, AHEAD);
            let keys = [s.load(&keys[0]), s.load(&keys[1])];
            four_times!(I => {
                if I < N {
                    let q = s.splat(q[I][d]);
                    dots[0][I] = s.mul_add(keys[0], q, dots[0][I]);
                    dots[1][I] = s.mul_add(keys[1], q, dots[1][I]);
                }
            });
        }
        dots
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
        let parts = self.shape.head_dim.div_ceil(GROUP);
        let values = self.values[tile * parts * TILE..(tile + 1) * parts * TILE].as_chunks::<TILE>().0;
        for (part, values) in values.iter().enumerate() {
            let mut totals = [[s.splat(0.0); 4]; 2];
            four_times!(I => {
                if I < N {
                    let sum = &sums[I * parts + part];
                    twice!(J => { totals[J][I] = s.mul(s.load(&sum[J]), s.splat(rescale[I])); });
                }
            });
            for (place, values) in values[..count].iter().enumerate() {
                s.prefetch(values, AHEAD);
                let values = [s.load(&values[0]), s.load(&values[1])];
                four_times!(I => {
                    if I < N {
                        let weight = s.splat(weights[I][place]);
                        totals[0][I] = s.mul_add(values[0], weight, totals[0][I]);
                        totals[1][I] = s.mul_add(values[1], weight, totals[1][I]);
                    }
                });
            }
            four_times!(I => {
                if I < N {
                    let sum = &mut sums[I * parts + part];
                    twice!(J => { s.store(totals[J][I], &mut sum[J]); });
                }
            });
        }
    }
}
