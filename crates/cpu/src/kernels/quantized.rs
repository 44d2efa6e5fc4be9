//! Products with quantized weights.
//!
//! One row (decode): each run of codes is unpacked in registers and multiplied at once. Several rows (prefill): the
//! codes of a group are unpacked to a panel that stays in the cache, over which all rows pass four at a time.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::activations::{Input, Run};
use crate::packed::{Codes, Format, GROUP, Matrix, Packed, RUN, Sink};
use crate::simd::{Isa, Kernel, Simd};

/// A run of eight rows, unpacked: `value = scales[part] * codes + mins`.
#[repr(C, align(32))]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct PanelRun {
    codes: [[i16; 16]; 16],
    scales: [[f32; GROUP]; 2],
    mins: [f32; GROUP],
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
            let (blocks, per_group) = (self.groups(groups), self.per_group());
            isa.run(MatVec::<F> { blocks, per_group, runs: input.runs, out });
            return;
        }
        for (group, out) in groups.zip(out.chunks_exact_mut(input.rows * GROUP)) {
            let panel = &mut panel[..self.per_group() * F::RUNS];
            isa.run(Unpack::<F> { blocks: self.groups(group..group + 1), panel });
            let parts = F::Codes::PARTS;
            isa.run(MatMul { panel, parts, min: F::MIN, input, out });
        }
    }

    fn row(&self, isa: Isa, row: usize, out: &mut [f32]) {
        let mut panel = [PanelRun::zeroed(); 8];
        let group = row / GROUP;
        let blocks = self.groups(group..group + 1);
        for (block, out) in blocks.iter().zip(out.chunks_exact_mut(F::RUNS * RUN)) {
            let panel = &mut panel[..F::RUNS];
            isa.run(Unpack::<F> { blocks: std::slice::from_ref(block), panel });
            for (run, out) in panel.iter().zip(out.chunks_exact_mut(RUN)) {
                for (k, value) in out.iter_mut().enumerate() {
                    let part = if F::Codes::PARTS == 2 { k / 16 } else { 0 };
                    let code = run.codes[k / 2][row % GROUP * 2 + k % 2];
                    *value = f32::from(code) * run.scales[part][row % GROUP] + run.mins[row % GROUP];
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
    blocks: &'a [F::Block],
    per_group: usize,
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
        let groups = self.blocks.chunks_exact(self.per_group);
        for (blocks, out) in groups.zip(self.out.as_chunks_mut::<GROUP>().0) {
            let mut total = s.splat(0.0);
            for (block, runs) in blocks.iter().zip(self.runs.chunks_exact(F::RUNS)) {
                for (r, run) in runs.iter().enumerate() {
                    total = multiply_run::<S, F>(s, block, r, run, total);
                }
            }
            s.store(total, out);
        }
    }
}

/// `total` plus the products of a run.
#[inline(always)]
fn multiply_run<S: Simd, F: Format>(s: S, block: &F::Block, r: usize, run: &Run, total: S::F32) -> S::F32 {
    let mut total = total;
    let words = F::codes(block, r);
    let activation_scale = s.splat(run.scale);
    for part in 0..F::Codes::PARTS {
        let q_sum = if F::Codes::PARTS == 2 { run.q_sums[part] } else { run.q_sums[0] + run.q_sums[1] };
        let offset = s.splat_i32(-i32::from(F::OFFSET) * q_sum);
        let mut dot = Dot { q: &run.q, start: part * (16 / F::Codes::PARTS), sum: offset };
        F::Codes::unpack(s, words, part, &mut dot);
        let scale = s.mul(F::scale(s, block, r, part), activation_scale);
        total = s.mul_add(s.to_f32(dot.sum), scale, total);
    }
    if F::MIN { s.mul_add(F::min(s, block, r), s.splat(run.sum), total) } else { total }
}

/// Unpacks blocks to a panel.
struct Unpack<'a, F: Format> {
    blocks: &'a [F::Block],
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
        for (block, panel) in self.blocks.iter().zip(self.panel.chunks_exact_mut(F::RUNS)) {
            for (r, panel) in panel.iter_mut().enumerate() {
                for part in 0..F::Codes::PARTS {
                    let start = part * (16 / F::Codes::PARTS);
                    let mut store = Store { codes: &mut panel.codes, start, offset };
                    F::Codes::unpack(s, F::codes(block, r), part, &mut store);
                    s.store(F::scale(s, block, r, part), &mut panel.scales[part]);
                }
                s.store(F::min(s, block, r), &mut panel.mins);
            }
        }
    }
}

/// All rows of activations times the eight rows of a panel.
struct MatMul<'a> {
    panel: &'a [PanelRun],
    parts: usize,
    min: bool,
    input: Input<'a>,
    /// `[input row, lane]`.
    out: &'a mut [f32],
}

impl Kernel for MatMul<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match (self.parts, self.min) {
            (1, false) => self.run_as::<S, 1, false>(s),
            (1, true) => self.run_as::<S, 1, true>(s),
            _ => self.run_as::<S, 2, false>(s),
        }
    }
}

impl MatMul<'_> {
    #[inline(always)]
    fn run_as<S: Simd, const PARTS: usize, const MIN: bool>(self, s: S) {
        let per_row = self.panel.len();
        let rows = self.input.runs.chunks_exact(4 * per_row);
        let rest = rows.remainder();
        let (out, _) = self.out.as_chunks_mut::<GROUP>();
        let (out, out_rest) = out.split_at_mut(self.input.rows / 4 * 4);
        for (runs, out) in rows.zip(out.chunks_exact_mut(4)) {
            tile::<S, PARTS, MIN, 4>(s, self.panel, runs, out);
        }
        match out_rest.len() {
            1 => tile::<S, PARTS, MIN, 1>(s, self.panel, rest, out_rest),
            2 => tile::<S, PARTS, MIN, 2>(s, self.panel, rest, out_rest),
            3 => tile::<S, PARTS, MIN, 3>(s, self.panel, rest, out_rest),
            _ => {}
        }
    }
}

/// `ROWS` rows of activations (`runs`: `[ROWS, panel.len()]`) times a panel.
#[inline(always)]
fn tile<S: Simd, const PARTS: usize, const MIN: bool, const ROWS: usize>(
    s: S,
    panel: &[PanelRun],
    runs: &[Run],
    out: &mut [[f32; GROUP]],
) {
    let mut totals = [s.splat(0.0); ROWS];
    for (r, weights) in panel.iter().enumerate() {
        let mut x = [&runs[r]; ROWS];
        for row in 1..ROWS {
            x[row] = &runs[row * panel.len() + r];
        }
        for part in 0..PARTS {
            let mut sums = [s.splat_i32(0); ROWS];
            for index in part * (16 / PARTS)..(part + 1) * (16 / PARTS) {
                let codes = s.load_i16(&weights.codes[index]);
                for row in 0..ROWS {
                    sums[row] = s.add_i32(sums[row], s.dot(codes, s.splat_pair(x[row].q[index])));
                }
            }
            let scales = s.load(&weights.scales[part]);
            for row in 0..ROWS {
                let scale = s.mul(scales, s.splat(x[row].scale));
                totals[row] = s.mul_add(s.to_f32(sums[row]), scale, totals[row]);
            }
        }
        if MIN {
            let mins = s.load(&weights.mins);
            for row in 0..ROWS {
                totals[row] = s.mul_add(mins, s.splat(x[row].sum), totals[row]);
            }
        }
    }
    for row in 0..ROWS {
        s.store(totals[row], &mut out[row]);
    }
}
