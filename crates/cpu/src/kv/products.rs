//! Attention over keys and values that are integers.
//!
//! Queries, and weights times the values' scales, are rounded to integers, too. Products and their sums are then exact,
//! an instruction lane does two products, and nothing is converted. A sum is bounded by the greatest code of the cache
//! times the sum of the other factors' magnitudes. Their scales keep this bound below 2^31, over all elements of a key
//! and over all positions of a chunk.

use std::ops::Range;

use super::codes::{Code, CodeRows, Pairs, STEPS, TileValues, encode, finite, inverse, magnitudes, run};
use super::rows::{
    AHEAD, CHUNK, CachedRows, Codes, KV_GROUP, LANES, Queries, STEP, Scores, TILE, Two, Weighed,
};
use crate::simd::{Simd, four_times, twice};

/// The greatest code of a query or weight, so that rounding does not exceed 16 bits.
const MOST: f32 = 32_766.0;

/// The limit of the sum of the codes' magnitudes before rounding, which adds at most a half to each.
#[inline(always)]
fn most_together<C: Code>(codes: usize) -> f32 {
    (i32::MAX as f32 / C::MOST - codes as f32).floor()
}

/// The scale of the codes, given the greatest magnitude and the sum of the magnitudes of the numbers.
#[inline(always)]
fn step<C: Code>(greatest: f32, sum: f32, numbers: usize) -> f32 {
    (greatest / MOST).max(sum / most_together::<C>(numbers))
}

impl<C: Code> CachedRows for CodeRows<C> {
    #[inline(always)]
    fn prepare<S: Simd>(&self, s: S, queries: &mut Queries, count: usize) {
        let head_dim = self.shape.head_dim;
        let steps = head_dim.div_ceil(2 * STEP);
        let values = queries.values[..count * head_dim].chunks_exact(head_dim);
        for (query, (q, scale)) in values.zip(&mut queries.scales).enumerate() {
            let (greatest, sum) = magnitudes(s, q);
            *scale = step::<C>(greatest, sum, head_dim);
            let inverse = inverse(*scale);
            let codes = &mut queries.codes[query / 4 * steps..(query / 4 + 1) * steps];
            for (q, codes) in q.chunks(TILE).zip(codes.chunks_mut(STEPS)) {
                let run: [[[i16; 2]; STEP]; STEPS] = bytemuck::cast(encode(s, &run(q), inverse, MOST));
                codes.iter_mut().zip(run).for_each(|(codes, run)| codes[query % 4] = run);
            }
        }
    }

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

    #[inline(always)]
    fn add_values<S: Simd, const N: usize>(
        &self,
        s: S,
        tiles: Range<usize>,
        _: usize,
        (weights, weighed): (&[Scores], &mut Weighed),
        rescale: &[f32; 4],
        sums: &mut [Two],
    ) {
        self.weigh_all(s, tiles.clone(), &weights[..N], weighed);
        if S::REGISTERS < 12 {
            self.sum_by::<S, N, 1>(s, tiles, weighed);
        } else {
            self.sum_by::<S, N, 2>(s, tiles, weighed);
        }
        self.add_sums::<S, N>(s, weighed, rescale, sums);
    }
}

impl<C: Code> CodeRows<C> {
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
        let (steps, of_block) = (head_dim.div_ceil(2 * STEP), C::block(head_dim).div_ceil(2 * STEP));
        let blocks = head_dim.div_ceil(C::block(head_dim));
        let codes = &queries.codes[first / 4 * steps..(first / 4 + 1) * steps];
        let mut factors = [0.0; 4];
        for ((factor, of_query), scale) in
            factors.iter_mut().zip(&queries.scales[first..first + N]).zip(scales)
        {
            *factor = of_query * scale;
        }
        let keys = self.keys[2 * groups.start * steps..2 * groups.end * steps].chunks_exact(2 * steps);
        let key_scales = &self.key_scales[2 * groups.start * blocks..2 * groups.end * blocks];
        let key_scales = key_scales.chunks_exact(2 * blocks);
        for (group, (keys, key_scales)) in keys.zip(key_scales).enumerate() {
            for half in (0..2).step_by(BY) {
                let [first, second] =
                    [half, half + BY - 1].map(|half| keys[half * steps..][..steps].chunks(of_block));
                for (block, (keys, codes)) in first.zip(second).zip(codes.chunks(of_block)).enumerate() {
                    let zero = [[s.splat_i32(0); 4]; 2];
                    let sums = products::<S, C, N, BY>(s, keys.into(), codes, zero);
                    twice!(J => {
                        if J < BY {
                            let scales = C::load_scales(s, &key_scales[(half + J) * blocks + block]);
                            four_times!(I => {
                                if I < N {
                                    // Sums of blocks stay in memory because the products need the registers.
                                    let to = &mut scores[I].as_chunks_mut().0[2 * group + half + J];
                                    let score = s.mul(s.to_f32(sums[J][I]), s.mul(scales, s.splat(factors[I])));
                                    let before = if block == 0 { s.splat(0.0) } else { s.load(to) };
                                    s.store(s.add(score, before), to);
                                }
                            });
                        }
                    });
                }
            }
        }
    }

    /// The codes of some queries' weights times the scales of the values.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn weigh_all<S: Simd>(&self, s: S, tiles: Range<usize>, weights: &[Scores], weighed: &mut Weighed) {
        const VECTORS: usize = TILE / LANES;
        let count = tiles.len();
        let blocks = self.shape.head_dim.div_ceil(C::block(self.shape.head_dim));
        let scales = &self.value_scales[tiles.start * VECTORS * blocks..tiles.end * VECTORS * blocks];
        let wide = weighed.scales.as_chunks_mut().0;
        let of_blocks = weighed.codes.chunks_exact_mut(CHUNK / (2 * STEP)).zip(&mut weighed.factors);
        for (block, (codes, factors)) in of_blocks.take(blocks).enumerate() {
            for (scales, wide) in scales.chunks_exact(blocks).zip(&mut *wide) {
                s.store(C::load_scales(s, &scales[block]), wide);
            }
            let wide = &wide.as_chunks().0[..count];
            let products = &mut weighed.products.as_chunks_mut().0.as_chunks_mut().0[..count];
            let codes = &mut codes.as_chunks_mut().0[..count];
            for (query, (weights, factor)) in weights.iter().zip(factors).enumerate() {
                let weights = &weights.as_chunks().0.as_chunks().0[..count];
                *factor = weigh::<S, C>(s, weights, wide, products, codes, query);
            }
        }
    }

    /// Dot products of codes, with `BY` vectors per iteration.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn sum_by<S: Simd, const N: usize, const BY: usize>(
        &self,
        s: S,
        tiles: Range<usize>,
        weighed: &mut Weighed,
    ) {
        let head_dim = self.shape.head_dim;
        let (parts, of_block) = (head_dim.div_ceil(KV_GROUP), C::block(head_dim).div_ceil(KV_GROUP));
        let of_tile = 2 * parts * STEPS;
        let values = &self.values[tiles.start * of_tile..tiles.end * of_tile];
        let sums = &mut weighed.sums[..parts];
        sums.fill([[[0; LANES]; 4]; 2]);
        for (tile, values) in values.chunks_exact(of_tile).enumerate() {
            let of_blocks = values.chunks(2 * of_block * STEPS).zip(sums.chunks_mut(of_block));
            for ((values, sums), codes) in of_blocks.zip(weighed.codes.chunks_exact(CHUNK / (2 * STEP))) {
                let codes = &codes.as_chunks::<STEPS>().0[tile];
                for (values, sums) in values.chunks_exact(2 * STEPS).zip(sums) {
                    for half in (0..2).step_by(BY) {
                        let mut totals = [[s.splat_i32(0); 4]; 2];
                        twice!(J => {
                            if J < BY {
                                four_times!(I => {
                                    if I < N {
                                        totals[J][I] = s.load_i32(&sums[(half + J) % 2][I]);
                                    }
                                });
                            }
                        });
                        let values = [half, half + BY - 1].map(|half| &values[half * STEPS..][..STEPS]);
                        let totals = products::<S, C, N, BY>(s, values, codes, totals);
                        twice!(J => {
                            if J < BY {
                                four_times!(I => {
                                    if I < N {
                                        s.store_i32(totals[J][I], &mut sums[(half + J) % 2][I]);
                                    }
                                });
                            }
                        });
                    }
                }
            }
        }
    }

    /// Rescales the sums of `N` queries and adds the sums of the codes times their scales.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn add_sums<S: Simd, const N: usize>(
        &self,
        s: S,
        weighed: &Weighed,
        rescale: &[f32; 4],
        sums: &mut [Two],
    ) {
        let head_dim = self.shape.head_dim;
        let (parts, of_block) = (head_dim.div_ceil(KV_GROUP), C::block(head_dim).div_ceil(KV_GROUP));
        for (query, (sums, rescale)) in sums.chunks_exact_mut(parts).zip(rescale).enumerate() {
            let rescale = s.splat(*rescale);
            let of_blocks = sums.chunks_mut(of_block).zip(weighed.sums.chunks(of_block));
            for ((sums, totals), factors) in of_blocks.zip(&weighed.factors) {
                let factor = s.splat(factors[query % N]);
                for (sum, total) in sums.iter_mut().zip(totals) {
                    twice!(J => {
                        let total = s.to_f32(s.load_i32(&total[J][query % N]));
                        let rescaled = s.mul(s.load(&sum[J]), rescale);
                        s.store(s.mul_add(total, factor, rescaled), &mut sum[J]);
                    });
                }
            }
        }
    }
}

/// `sums` plus the products of pairs of codes in the lanes of `BY` vectors with those of `N` rows: `[BY, N]`.
#[inline(always)]
fn products<S: Simd, C: Code, const N: usize, const BY: usize>(
    s: S,
    pairs: [&[Pairs<C>]; 2],
    codes: &[Codes],
    sums: [[S::I32; 4]; 2],
) -> [[S::I32; 4]; 2] {
    let mut sums = sums;
    let [first, second] = pairs;
    for ((first, second), codes) in first.iter().zip(second).zip(codes) {
        s.prefetch(first, AHEAD);
        if BY > 1 {
            s.prefetch(second, AHEAD);
        }
        twice!(P => {
            let pair = [C::load(s, &first[P]), C::load(s, &second[P])];
            four_times!(I => {
                if I < N {
                    let code = s.splat_pair(codes[I][P]);
                    twice!(J => {
                        if J < BY {
                            sums[J][I] = s.add_i32(sums[J][I], s.dot(pair[J], code));
                        }
                    });
                }
            });
        });
    }
    sums
}

/// The products of a query's weights with the values' scales as codes, and the scale of the codes. None is negative.
#[inline(always)]
fn weigh<S: Simd, C: Code>(
    s: S,
    weights: &[TileValues],
    scales: &[TileValues],
    products: &mut [TileValues],
    codes: &mut [[Codes; STEPS]],
    query: usize,
) -> f32 {
    let (mut greatest, mut sum) = (s.splat(0.0), s.splat(0.0));
    for ((weights, scales), products) in weights.iter().zip(scales).zip(&mut *products) {
        let product = |at: usize| s.mul(s.load(&weights[at]), s.load(&scales[at]));
        let of_run = [product(0), product(1), product(2), product(3)];
        greatest = s.max(s.max(s.max(of_run[0], of_run[1]), s.max(of_run[2], of_run[3])), greatest);
        sum = s.add(s.add(s.add(of_run[0], of_run[1]), s.add(of_run[2], of_run[3])), sum);
        four_times!(I => { s.store(of_run[I], &mut products[I]); });
    }
    let step = step::<C>(finite(s.reduce_max(greatest)), finite(s.reduce_add(sum)), CHUNK);
    let factor = s.splat(inverse(step));
    for (products, codes) in products.iter().zip(codes) {
        four_times!(I => {
            let mut both = [0; LANES];
            s.store_as_i16(s.mul(s.load(&products[I]), factor), &mut both);
            let both: [[[i16; 2]; STEP]; 2] = bytemuck::cast(both);
            twice!(J => { codes[2 * I + J][query % 4] = both[J]; });
        });
    }
    step
}
