//! Products with weights in float formats.

use std::ops::Range;

use crate::activations::{Form, Input};
use crate::layout::GROUP;
use crate::packed::{FloatFormat, Matrix, PackedFloat, PanelRun};
use crate::pool::Pool;
use crate::simd::{Isa, Kernel, Simd, four_times};

impl<F: FloatFormat> Matrix for PackedFloat<F> {
    fn push(&mut self, pool: &mut Pool, rows: &[u8], row_bytes: usize) {
        self.push(pool, rows, row_bytes);
    }

    fn form(&self) -> Form {
        Form::Values
    }

    fn products(
        &self,
        isa: Isa,
        groups: Range<usize>,
        input: Input<'_>,
        _panel: &mut [PanelRun],
        out: &mut [f32],
    ) {
        let cols = self.cols();
        isa.run(MatMul::<F> { weights: self.groups(groups), cols, input, out });
    }

    fn row(&self, isa: Isa, row: usize, out: &mut [f32]) {
        let group = row / GROUP;
        isa.run(Row::<F> { weights: self.groups(group..group + 1), lane: row % GROUP, out });
    }

    fn bytes(&self) -> usize {
        self.byte_len()
    }
}

/// One lane of a group's values.
struct Row<'a, F: FloatFormat> {
    weights: &'a [[F::Value; GROUP]],
    lane: usize,
    out: &'a mut [f32],
}

impl<F: FloatFormat> Kernel for Row<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut values = [0.0; GROUP];
        for (weights, out) in self.weights.iter().zip(self.out) {
            s.store(F::load(s, weights), &mut values);
            *out = values[self.lane];
        }
    }
}

/// Every row of `input` times the rows of some groups.
struct MatMul<'a, F: FloatFormat> {
    weights: &'a [[F::Value; GROUP]],
    cols: usize,
    input: Input<'a>,
    /// `[group, input row, lane]`.
    out: &'a mut [f32],
}

impl<F: FloatFormat> Kernel for MatMul<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let groups = self.weights.chunks_exact(self.cols);
        for (weights, out) in groups.zip(self.out.chunks_exact_mut(self.input.rows * GROUP)) {
            let (out, _) = out.as_chunks_mut::<GROUP>();
            let rows = self.input.values.chunks_exact(4 * self.cols);
            let rest = rows.remainder();
            let (out, out_rest) = out.split_at_mut(self.input.rows / 4 * 4);
            for (x, out) in rows.zip(out.chunks_exact_mut(4)) {
                tile::<S, F, 4>(s, weights, x, out);
            }
            match out_rest.len() {
                1 => row::<S, F>(s, weights, rest, &mut out_rest[0]),
                2 => tile::<S, F, 2>(s, weights, rest, out_rest),
                3 => tile::<S, F, 3>(s, weights, rest, out_rest),
                _ => {}
            }
        }
    }
}

/// `ROWS` rows of activations (`x`: `[ROWS, weights.len()]`) times a group.
#[inline(always)]
fn tile<S: Simd, F: FloatFormat, const ROWS: usize>(
    s: S,
    weights: &[[F::Value; GROUP]],
    x: &[f32],
    out: &mut [[f32; GROUP]],
) {
    let cols = weights.len();
    let mut rows = [&x[..cols]; 4];
    four_times!(ROW => {
        if ROW < ROWS {
            rows[ROW] = &x[ROW * cols..(ROW + 1) * cols];
        }
    });
    let mut sums = [s.splat(0.0); 4];
    for (k, weights) in weights.iter().enumerate() {
        let weights = F::load(s, weights);
        four_times!(ROW => {
            if ROW < ROWS {
                sums[ROW] = s.mul_add(weights, s.splat(rows[ROW][k]), sums[ROW]);
            }
        });
    }
    four_times!(ROW => {
        if ROW < ROWS {
            s.store(sums[ROW], &mut out[ROW]);
        }
    });
}

/// One row of activations times a group, in four sums to hide the latency of additions.
#[inline(always)]
fn row<S: Simd, F: FloatFormat>(s: S, weights: &[[F::Value; GROUP]], x: &[f32], out: &mut [f32; GROUP]) {
    let mut sums = [s.splat(0.0); 4];
    let (quads, rest) = weights.as_chunks::<4>();
    let (x_quads, x_rest) = x.as_chunks::<4>();
    for (weights, x) in quads.iter().zip(x_quads) {
        four_times!(I => {
            sums[I] = s.mul_add(F::load(s, &weights[I]), s.splat(x[I]), sums[I]);
        });
    }
    for (weights, x) in rest.iter().zip(x_rest) {
        sums[0] = s.mul_add(F::load(s, weights), s.splat(*x), sums[0]);
    }
    s.store(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])), out);
}
