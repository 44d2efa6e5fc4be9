//! Products with quantized weights.
//!
//! One row (decode): each run of codes is unpacked in registers and multiplied at once. Several rows (prefill): the
//! codes of a group are unpacked to a panel that stays in the cache, over which all rows pass four at a time.

use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::activations::{Input, Run};
use crate::packed::{Codes, Format, GROUP, Matrix, Packed, PackedRuns, RUN, Sink};
use crate::simd::{Isa, Kernel, Simd, four_times, twice};

/// Bytes between the weights that are multiplied and those that are fetched for later. Decoding reads every weight once,
/// and what processors fetch of themselves leaves it waiting.
const AHEAD: usize = 4096;

/// A run of eight rows, unpacked: `value = scales[part] * codes + mins[part]`.
#[repr(C, align(32))]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct PanelRun {
    codes: [[i16; 16]; 16],
    scales: [[f32; GROUP]; 2],
    mins: [[f32; GROUP]; 2],
}

impl<F: Format> Matrix for Packed<F> {
    fn push_group(&mut self, rows: &[u8], row_bytes: usize) {
        self.push(rows, row_bytes);
    }

    fn wants_runs(&self) -> bool {
        true
    }

    fn products(
        &self,
        isa: Isa,
        groups: Range<usize>,
        input: Input<'_>,
        panel: &mut [PanelRun],
        out: &mut [f32],
    ) {
        if input.rows == 1 {
            isa.run(MatVec::<F> { weights: self.groups(groups), runs: input.runs, out });
            return;
        }
        for (group, out) in groups.zip(out.chunks_exact_mut(input.rows * GROUP)) {
            let panel = &mut panel[..self.per_row()];
            isa.run(Unpack::<F> { weights: self.groups(group..group + 1), panel });
            isa.run(MatMul::<F> { panel, input, out, format: PhantomData });
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
    runs: &'a [Run],
    out: &'a mut [f32],
}

/// Multiplies the pairs of a part with activations and adds them up.
struct Dot<'a, S: Simd> {
    q: &'a [[i16; 2]; 16],
    /// Where the part starts in `q`.
    start: usize,
    sum: S::I32,
}

impl<S: Simd> Sink<S> for Dot<'_, S> {
    #[inline(always)]
    fn pair(&mut self, s: S, index: usize, codes: S::I16) {
        self.sum = s.add_i32(self.sum, s.dot(codes, s.splat_pair(self.q[self.start + index])));
    }
}

impl<F: Format> Kernel for MatVec<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let PackedRuns { runs: weights, shared } = self.weights;
        let groups =
            weights.chunks_exact(self.runs.len()).zip(shared.chunks_exact(self.runs.len() / F::RUNS));
        for ((weights, shared), out) in groups.zip(self.out.as_chunks_mut::<GROUP>().0) {
            let mut total = s.splat(0.0);
            let mut factors = F::factors(s, &shared[0]);
            // One loop, not one in another: of eight known turns, the inner one would be written out, and JavaScript
            // engines compile functions of such size badly.
            for (index, (weights, run)) in weights.iter().zip(self.runs).enumerate() {
                if F::RUNS > 1 && index % F::RUNS == 0 {
                    factors = F::factors(s, &shared[index / F::RUNS]);
                }
                four_times!(LINE => {
                    if LINE * 64 < size_of::<F::Run>() {
                        s.prefetch(weights, AHEAD + LINE * 64);
                    }
                });
                total = multiply_run::<S, F>(s, weights, factors, run, total);
            }
            s.store(total, out);
        }
    }
}

/// `total` plus the products of a run.
#[inline(always)]
fn multiply_run<S: Simd, F: Format>(
    s: S,
    weights: &F::Run,
    factors: F::Factors<S>,
    run: &Run,
    total: S::F32,
) -> S::F32 {
    let mut total = total;
    let words = F::codes(weights);
    let activation_scale = s.splat(run.scale);
    twice!(PART => {
        if PART < F::Codes::PARTS {
            let q_sum = if F::Codes::PARTS == 2 { run.q_sums[PART] } else { run.q_sums[0] + run.q_sums[1] };
            let offset = s.splat_i32(-i32::from(F::OFFSET) * q_sum);
            let mut dot = Dot { q: &run.q, start: PART * (16 / F::Codes::PARTS), sum: offset };
            F::Codes::unpack(s, words, PART, &mut dot);
            let scale = s.mul(F::scale(s, factors, weights, PART), activation_scale);
            total = s.mul_add(s.to_f32(dot.sum), scale, total);
            if F::MIN {
                let sum = s.splat(run.part_sum::<F>(PART));
                total = s.mul_add(F::min(s, factors, weights, PART), sum, total);
            }
        }
    });
    total
}

impl Run {
    /// The sum of the values of a part.
    #[inline(always)]
    fn part_sum<F: Format>(&self, part: usize) -> f32 {
        if F::Codes::PARTS == 2 { self.scale * self.q_sums[part] as f32 } else { self.sum }
    }
}

/// Unpacks runs to a panel.
struct Unpack<'a, F: Format> {
    weights: PackedRuns<'a, F>,
    panel: &'a mut [PanelRun],
}

/// Stores the pairs of a part, less the offset.
struct Store<'a, S: Simd> {
    codes: &'a mut [[i16; 16]; 16],
    start: usize,
    offset: S::I16,
}

impl<S: Simd> Sink<S> for Store<'_, S> {
    #[inline(always)]
    fn pair(&mut self, s: S, index: usize, codes: S::I16) {
        s.store_i16(s.sub_i16(codes, self.offset), &mut self.codes[self.start + index]);
    }
}

impl<F: Format> Kernel for Unpack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let offset = s.splat_i16(F::OFFSET);
        for (index, (run, panel)) in self.weights.runs.iter().zip(self.panel).enumerate() {
            let factors = F::factors(s, &self.weights.shared[index / F::RUNS]);
            twice!(PART => {
                if PART < F::Codes::PARTS {
                    let start = PART * (16 / F::Codes::PARTS);
                    let mut store = Store { codes: &mut panel.codes, start, offset };
                    F::Codes::unpack(s, F::codes(run), PART, &mut store);
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
    input: Input<'a>,
    /// `[input row, lane]`.
    out: &'a mut [f32],
    format: PhantomData<F>,
}

impl<F: Format> Kernel for MatMul<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.input.runs.chunks_exact(4 * self.panel.len());
        let rest = rows.remainder();
        let (out, _) = self.out.as_chunks_mut::<GROUP>();
        let (out, out_rest) = out.split_at_mut(self.input.rows / 4 * 4);
        for (runs, out) in rows.zip(out.chunks_exact_mut(4)) {
            tile::<S, F, 4>(s, self.panel, runs, out);
        }
        match out_rest.len() {
            1 => tile::<S, F, 1>(s, self.panel, rest, out_rest),
            2 => tile::<S, F, 2>(s, self.panel, rest, out_rest),
            3 => tile::<S, F, 3>(s, self.panel, rest, out_rest),
            _ => {}
        }
    }
}

/// `ROWS` rows of activations (`runs`: `[ROWS, panel.len()]`) times a panel.
#[inline(always)]
fn tile<S: Simd, F: Format, const ROWS: usize>(
    s: S,
    panel: &[PanelRun],
    runs: &[Run],
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
                let mut sums = [s.splat_i32(0); 4];
                let pairs = 16 / F::Codes::PARTS;
                for index in PART * pairs..(PART + 1) * pairs {
                    let codes = s.load_i16(&weights.codes[index]);
                    four_times!(ROW => {
                        if ROW < ROWS {
                            sums[ROW] = s.add_i32(sums[ROW], s.dot(codes, s.splat_pair(x[ROW].q[index])));
                        }
                    });
                }
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
