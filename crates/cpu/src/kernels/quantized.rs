//! Products with quantized weights.
//!
//! One row (decode): each run of codes is unpacked in registers and multiplied at once. Several rows (prefill): the
//! codes of a group are unpacked to a panel that stays in the cache, over which all rows pass four at a time.
//!
//! Both are generic over [`DotKind`], whose two kinds (`dot_kind`, `quads`) have the same results to the last bit.

use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::Zeroable;

use super::dot_kind::{DotKind, Pairs};
use super::quads::Quads;
use crate::activations::{Form, Input, QBlock};
use crate::layout::{GROUP, RUN};
use crate::packed::{Codes, Format, Matrix, Packed, PackedRuns, PanelRun};
use crate::pool::Pool;
use crate::simd::{ByteIsa, ByteKernel, ByteSimd, Isa, Kernel, Simd, four_times, twice};

/// Distance in bytes of software prefetching. Decoding reads every weight once, and stalls if only the hardware
/// prefetches.
const AHEAD: usize = 4096;

/// The instruction set that multiplies the bytes of a format, if there is one.
#[inline]
fn bytes<F: Format>() -> Option<ByteIsa> {
    if F::Codes::SEVEN_BITS { ByteIsa::choose() } else { None }
}

impl<F: Format> Matrix for Packed<F> {
    fn push(&mut self, pool: &mut Pool, rows: &[u8], row_bytes: usize) {
        self.push(pool, rows, row_bytes);
    }

    fn form(&self) -> Form {
        if bytes::<F>().is_some() { Form::Quads } else { Form::Pairs }
    }

    fn products(
        &self,
        isa: Isa,
        groups: Range<usize>,
        input: Input<'_>,
        panel: &mut [PanelRun],
        out: &mut [f32],
    ) {
        let Input { rows, pairs, quads, .. } = input;
        if rows == 1 {
            let weights = self.groups(groups);
            match bytes::<F>() {
                Some(bytes) => bytes.run(MatVec::<F> { weights, runs: quads, out }),
                None => isa.run(MatVec::<F> { weights, runs: pairs, out }),
            }
            return;
        }
        let panel = &mut panel[..self.per_row()];
        for (group, out) in groups.zip(out.chunks_exact_mut(rows * GROUP)) {
            let weights = self.groups(group..group + 1);
            match bytes::<F>() {
                Some(bytes) => {
                    bytes.run(Unpack::<F> { weights, panel });
                    bytes.run(MatMul::<F> { panel, rows, runs: quads, out, format: PhantomData });
                }
                None => {
                    isa.run(Unpack::<F> { weights, panel });
                    isa.run(MatMul::<F> { panel, rows, runs: pairs, out, format: PhantomData });
                }
            }
        }
    }

    fn row(&self, isa: Isa, row: usize, out: &mut [f32]) {
        const BLOCKS: usize = 8;
        let mut panel = [PanelRun::zeroed(); BLOCKS];
        let (group, lane) = (row / GROUP, row % GROUP);
        let PackedRuns { runs, shared } = self.groups(group..group + 1);
        let blocks = runs.chunks(BLOCKS).zip(shared.chunks(BLOCKS / F::RUNS));
        for ((runs, shared), out) in blocks.zip(out.chunks_mut(BLOCKS * RUN)) {
            let panel = &mut panel[..runs.len()];
            isa.run(Unpack::<F> { weights: PackedRuns { runs, shared }, panel });
            for (run, out) in panel.iter().zip(out.chunks_exact_mut(RUN)) {
                for (k, value) in out.iter_mut().enumerate() {
                    let part = k / (RUN / F::Codes::PARTS);
                    let (scale, min) = (run.scales[part][lane], run.mins[part][lane]);
                    *value = f32::from(run.codes[k / 2][lane * 2 + k % 2]) * scale + min;
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.byte_len()
    }
}

/// One row of activations times the rows of some groups.
struct MatVec<'a, F: Format> {
    weights: PackedRuns<'a, F>,
    runs: &'a [QBlock],
    out: &'a mut [f32],
}

impl<F: Format> MatVec<'_, F> {
    /// Walks two distant streams of groups at once: the hardware prefetcher follows each of them, so more bandwidth is
    /// used. Both groups are multiplied with the same activations.
    #[inline(always)]
    fn multiply<S: Simd, D: DotKind<S>>(self, s: S) {
        let MatVec { weights: PackedRuns { runs: weights, shared }, runs, out } = self;
        let (out, _) = out.as_chunks_mut::<GROUP>();
        let half = out.len() / 2;
        let group = |index: usize| {
            let (from, to) = (index * runs.len(), (index + 1) * runs.len());
            PackedRuns::<F> { runs: &weights[from..to], shared: &shared[from / F::RUNS..to / F::RUNS] }
        };
        for index in 0..half {
            let [first, second] = multiply_groups::<S, D, F, 2>(s, [group(index), group(half + index)], runs);
            s.store(first, &mut out[index]);
            s.store(second, &mut out[half + index]);
        }
        if out.len() % 2 == 1 {
            let last = out.len() - 1;
            let [total, _] = multiply_groups::<S, D, F, 1>(s, [group(last), group(last)], runs);
            s.store(total, &mut out[last]);
        }
    }
}

/// The products of the first `N` groups with a row of activations.
#[inline(always)]
fn multiply_groups<S: Simd, D: DotKind<S>, F: Format, const N: usize>(
    s: S,
    groups: [PackedRuns<'_, F>; 2],
    runs: &[QBlock],
) -> [S::F32; 2] {
    let [first, second] = groups;
    let mut totals = [s.splat(0.0); 2];
    let mut factors = [F::factors(s, &first.shared[0]), F::factors(s, &second.shared[0])];
    let weights = first.runs.iter().zip(second.runs);
    // One loop instead of two nested ones: the inner loop of eight iterations would be unrolled, and JavaScript engines
    // compile such long functions badly.
    for (index, ((first_run, second_run), run)) in weights.zip(runs).enumerate() {
        let weights = [first_run, second_run];
        if F::RUNS > 1 && index % F::RUNS == 0 {
            let at = index / F::RUNS;
            factors = [F::factors(s, &first.shared[at]), F::factors(s, &second.shared[at])];
        }
        twice!(I => {
            if I < N {
                four_times!(LINE => {
                    if LINE * 64 < size_of::<F::Run>() {
                        s.prefetch(weights[I], AHEAD + LINE * 64);
                    }
                });
                totals[I] = multiply_run::<S, D, F>(s, weights[I], factors[I], run, totals[I]);
            }
        });
    }
    totals
}

/// `total` plus the products of a run.
#[inline(always)]
fn multiply_run<S: Simd, D: DotKind<S>, F: Format>(
    s: S,
    weights: &F::Run,
    factors: F::Factors<S>,
    run: &QBlock,
    total: S::F32,
) -> S::F32 {
    let mut total = total;
    let words = F::codes(weights);
    let activation_scale = s.splat(run.scale);
    twice!(PART => {
        if PART < F::Codes::PARTS {
            let sum = D::multiply::<F>(s, words, PART, run);
            let scale = s.mul(F::scale(s, factors, weights, PART), activation_scale);
            total = s.mul_add(s.to_f32(sum), scale, total);
            if F::MIN {
                let sum = s.splat(run.part_sum::<F>(PART));
                total = s.mul_add(F::min(s, factors, weights, PART), sum, total);
            }
        }
    });
    total
}

impl QBlock {
    /// The sum of the values of a part.
    #[inline(always)]
    fn part_sum<F: Format>(&self, part: usize) -> f32 {
        if F::Codes::PARTS == 2 { self.scale * self.q_sums[part] as f32 } else { self.sum }
    }

    /// The contribution of the format's offset to the products of a part.
    #[inline(always)]
    pub(super) fn offset<F: Format>(&self, part: usize) -> i32 {
        let q_sum = if F::Codes::PARTS == 2 { self.q_sums[part] } else { self.q_sums[0] + self.q_sums[1] };
        -i32::from(F::OFFSET) * q_sum
    }
}

/// Unpacks runs into a panel.
struct Unpack<'a, F: Format> {
    weights: PackedRuns<'a, F>,
    panel: &'a mut [PanelRun],
}

impl<F: Format> Unpack<'_, F> {
    #[inline(always)]
    fn unpack<S: Simd, D: DotKind<S>>(self, s: S) {
        for (index, (run, panel)) in self.weights.runs.iter().zip(self.panel).enumerate() {
            let factors = F::factors(s, &self.weights.shared[index / F::RUNS]);
            twice!(PART => {
                if PART < F::Codes::PARTS {
                    D::unpack::<F>(s, F::codes(run), PART, &mut panel.codes);
                    s.store(F::scale(s, factors, run, PART), &mut panel.scales[PART]);
                    s.store(F::min(s, factors, run, PART), &mut panel.mins[PART]);
                }
            });
        }
    }
}

/// All rows of activations times the eight rows of a panel.
struct MatMul<'a, F: Format> {
    panel: &'a [PanelRun],
    /// Rows of `runs` and of `out`.
    rows: usize,
    /// `[input row, panel.len()]`.
    runs: &'a [QBlock],
    /// `[input row, lane]`.
    out: &'a mut [f32],
    format: PhantomData<F>,
}

impl<F: Format> MatMul<'_, F> {
    #[inline(always)]
    fn multiply<S: Simd, D: DotKind<S>>(self, s: S) {
        let rows = self.runs.chunks_exact(4 * self.panel.len());
        let rest = rows.remainder();
        let (out, _) = self.out.as_chunks_mut::<GROUP>();
        let (out, out_rest) = out.split_at_mut(self.rows / 4 * 4);
        for (runs, out) in rows.zip(out.chunks_exact_mut(4)) {
            tile::<S, D, F, 4>(s, self.panel, runs, out);
        }
        match out_rest.len() {
            1 => tile::<S, D, F, 1>(s, self.panel, rest, out_rest),
            2 => tile::<S, D, F, 2>(s, self.panel, rest, out_rest),
            3 => tile::<S, D, F, 3>(s, self.panel, rest, out_rest),
            _ => {}
        }
    }
}

/// `ROWS` rows of activations (`runs`: `[ROWS, panel.len()]`) times a panel.
#[inline(always)]
fn tile<S: Simd, D: DotKind<S>, F: Format, const ROWS: usize>(
    s: S,
    panel: &[PanelRun],
    runs: &[QBlock],
    out: &mut [[f32; GROUP]],
) {
    let mut totals = [s.splat(0.0); 4];
    for (r, weights) in panel.iter().enumerate() {
        let mut x = [&runs[r]; 4];
        four_times!(ROW => {
            if ROW < ROWS {
                x[ROW] = &runs[ROW * panel.len() + r];
            }
        });
        twice!(PART => {
            if PART < F::Codes::PARTS {
                let sums = D::tile::<F, ROWS>(s, &weights.codes, PART, x);
                let scales = s.load(&weights.scales[PART]);
                four_times!(ROW => {
                    if ROW < ROWS {
                        let scale = s.mul(scales, s.splat(x[ROW].scale));
                        totals[ROW] = s.mul_add(s.to_f32(sums[ROW]), scale, totals[ROW]);
                    }
                });
                if F::MIN {
                    let mins = s.load(&weights.mins[PART]);
                    four_times!(ROW => {
                        if ROW < ROWS {
                            let sum = s.splat(x[ROW].part_sum::<F>(PART));
                            totals[ROW] = s.mul_add(mins, sum, totals[ROW]);
                        }
                    });
                }
            }
        });
    }
    four_times!(ROW => {
        if ROW < ROWS {
            s.store(totals[ROW], &mut out[ROW]);
        }
    });
}

/// A kernel for both kinds of dot product.
macro_rules! both_ways {
    ($name:ident, $method:ident) => {
        impl<F: Format> Kernel for $name<'_, F> {
            type Output = ();

            #[inline(always)]
            fn run<S: Simd>(self, s: S) {
                self.$method::<S, Pairs>(s);
            }
        }

        impl<F: Format> ByteKernel for $name<'_, F> {
            type Output = ();

            #[inline(always)]
            fn run<S: ByteSimd>(self, s: S) {
                self.$method::<S, Quads>(s);
            }
        }
    };
}

both_ways!(MatVec, multiply);
both_ways!(Unpack, unpack);
both_ways!(MatMul, multiply);
