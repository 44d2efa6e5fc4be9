//! A matrix product node: normalizes and quantizes the input once, multiplies it with every matrix, and applies the
//! epilogue.

use std::ops::Range;
use std::sync::Mutex;

use linnet_graph::{Activation, BackendError, Epilogue, MatMul, Norm};

use crate::activations::{Form, Input, Quantize};
use crate::kernels::{Gated, RmsNorm};
use crate::layout::{GROUP, RUN};
use crate::min_parallel_work;
use crate::packed::Matrix;
use crate::pool::Pool;
use crate::scratch::{InputScratch, ThreadScratch, lock};
use crate::shared_rows::SharedRows;
use crate::simd::Isa;
use crate::weight::CpuWeight;

/// The node's parameters.
#[derive(Clone, Copy)]
pub(crate) struct MatMulNode<'a> {
    pub(crate) matmul: &'a MatMul,
    pub(crate) weights: &'a [CpuWeight],
    pub(crate) isa: Isa,
    /// Rows of the input.
    pub(crate) rows: usize,
    /// Added to the product.
    pub(crate) residual: Option<&'a [f32]>,
}

/// One matrix and the place of its products.
struct Target<'a> {
    matrix: &'a dyn Matrix,
    bias: Option<&'a [f32]>,
    /// Its groups of rows.
    groups: usize,
    /// Groups of the targets before it.
    start: usize,
}

impl MatMulNode<'_> {
    /// Computes `outputs` from `x`.
    pub(crate) fn run(
        &self,
        x: &[f32],
        scratch: &mut InputScratch,
        threads: &[Mutex<ThreadScratch>],
        pool: &mut Pool,
        outputs: &mut [Vec<f32>],
    ) -> Result<(), BackendError> {
        let targets = self.targets()?;
        let input = self.prepare(x, &targets, scratch, pool)?;
        let cols = x.len() / self.rows;
        let widths = self.matmul.projections.iter().map(|p| self.weights[p.weight.0 as usize].spec().rows);
        let outs: Vec<_> = outputs
            .iter_mut()
            .zip(widths)
            .map(|(out, width)| SharedRows::new(out, self.rows, width))
            .collect();

        let gate = match self.matmul.epilogue {
            Epilogue::Gated(activation) => Some(activation),
            Epilogue::Store | Epilogue::Residual => None,
        };
        let gated = gate.is_some();
        let wrong = if gated { targets.len() != 2 || outs.len() != 1 } else { targets.len() != outs.len() };
        if wrong || (self.matmul.epilogue == Epilogue::Residual) != self.residual.is_some() {
            return Err(BackendError::Internal(
                "the number of matrices does not fit the epilogue".to_owned(),
            ));
        }
        let units: usize = if gated { targets[0].groups } else { targets.iter().map(|t| t.groups).sum() };
        pool.split(units, units * GROUP * cols * self.rows < min_parallel_work::PRODUCTS, |thread, range| {
            let scratch = &mut *lock(&threads[thread]);
            if let Some(activation) = gate {
                self.gated(activation, &targets, input, range, scratch, &outs[0]);
                return;
            }
            for (target, out) in targets.iter().zip(&outs) {
                let start = range.start.clamp(target.start, target.start + target.groups) - target.start;
                let end = range.end.clamp(target.start, target.start + target.groups) - target.start;
                self.stored(target, input, start..end, scratch, out);
            }
        });
        Ok(())
    }

    fn targets(&self) -> Result<Vec<Target<'_>>, BackendError> {
        let mut start = 0;
        let target = |projection: &linnet_graph::Projection| {
            let weight = &self.weights[projection.weight.0 as usize];
            let bias = projection.bias.map(|bias| self.weights[bias.0 as usize].vector()).transpose()?;
            let groups = weight.spec().rows.div_ceil(GROUP);
            start += groups;
            Ok(Target { matrix: weight.matrix()?, bias, groups, start: start - groups })
        };
        self.matmul.projections.iter().map(target).collect()
    }

    /// Normalizes and quantizes the input as the matrices need it.
    fn prepare<'a>(
        &self,
        x: &'a [f32],
        targets: &[Target<'_>],
        scratch: &'a mut InputScratch,
        pool: &mut Pool,
    ) -> Result<Input<'a>, BackendError> {
        let (rows, isa) = (self.rows, self.isa);
        let cols = x.len() / rows;
        let norm = match self.matmul.norm {
            Some(Norm { weight, eps, .. }) => {
                let weight = weight.map(|weight| self.weights[weight.0 as usize].vector()).transpose()?;
                Some((weight, eps))
            }
            None => None,
        };
        let per_row = |form| {
            let wanted = targets.iter().any(|target| target.matrix.form() == form);
            if wanted { cols / RUN } else { 0 }
        };
        let (pairs_per_row, quads_per_row) = (per_row(Form::Pairs), per_row(Form::Quads));
        {
            let normed = SharedRows::new(&mut scratch.normed, rows, if norm.is_some() { cols } else { 0 });
            let pairs = SharedRows::new(&mut scratch.pairs, rows, pairs_per_row);
            let quads = SharedRows::new(&mut scratch.quads, rows, quads_per_row);
            pool.split(rows, rows * cols < min_parallel_work::QUANTIZED_INPUTS, |_, range| {
                for row in range {
                    let mut values = &x[row * cols..(row + 1) * cols];
                    if let Some((weight, eps)) = norm {
                        // SAFETY: the ranges of the threads are disjoint, so each row is reached once.
                        let out = unsafe { normed.part(row, 0, cols) };
                        isa.run(RmsNorm { x: values, weight, eps, out });
                        values = out;
                    }
                    if pairs_per_row > 0 {
                        // SAFETY: as above.
                        let runs = unsafe { pairs.part(row, 0, pairs_per_row) };
                        isa.run(Quantize { values, runs, quads: false });
                    }
                    if quads_per_row > 0 {
                        // SAFETY: as above.
                        let runs = unsafe { quads.part(row, 0, quads_per_row) };
                        isa.run(Quantize { values, runs, quads: true });
                    }
                }
            });
        }
        let values = if norm.is_some() { &scratch.normed[..rows * cols] } else { x };
        let (pairs, quads) = (&scratch.pairs[..rows * pairs_per_row], &scratch.quads[..rows * quads_per_row]);
        Ok(Input { rows, values, pairs, quads })
    }

    /// Computes groups of one target, adds bias and residual, and stores them.
    fn stored(
        &self,
        target: &Target<'_>,
        input: Input<'_>,
        groups: Range<usize>,
        scratch: &mut ThreadScratch,
        out: &SharedRows<'_, f32>,
    ) {
        let ThreadScratch { panel, products: [products, ..], .. } = scratch;
        for groups in blocks(groups, products.len() / (GROUP * self.rows)) {
            let products = &mut products[..groups.len() * GROUP * self.rows];
            target.matrix.products(self.isa, groups.clone(), input, panel, products);
            add_bias(products, target.bias, groups.start, self.rows);
            self.emit(products, groups, out);
        }
    }

    /// Computes groups of `activation(gate) * up` and stores them.
    fn gated(
        &self,
        activation: Activation,
        targets: &[Target<'_>],
        input: Input<'_>,
        groups: Range<usize>,
        scratch: &mut ThreadScratch,
        out: &SharedRows<'_, f32>,
    ) {
        let ThreadScratch { panel, products: [gate, up, result], .. } = scratch;
        for groups in blocks(groups, gate.len() / (GROUP * self.rows)) {
            let len = groups.len() * GROUP * self.rows;
            let parts = [&mut gate[..len], &mut up[..len]];
            for (target, products) in targets.iter().zip(parts) {
                target.matrix.products(self.isa, groups.clone(), input, panel, products);
                add_bias(products, target.bias, groups.start, self.rows);
            }
            let (gate, up) = (&gate[..len], &up[..len]);
            self.isa.run(Gated { activation, gate, up, out: &mut result[..len] });
            self.emit(&result[..len], groups, out);
        }
    }

    /// Moves `products` (`[groups, rows, lane]`) to their rows and columns.
    fn emit(&self, products: &[f32], groups: Range<usize>, out: &SharedRows<'_, f32>) {
        for (group, products) in groups.zip(products.chunks_exact(GROUP * self.rows)) {
            let column = group * GROUP;
            let len = GROUP.min(out.width() - column);
            for (row, products) in products.chunks_exact(GROUP).enumerate() {
                // SAFETY: a group is computed by one thread, and different groups are different columns.
                let to = unsafe { out.part(row, column, len) };
                to.copy_from_slice(&products[..len]);
                if let Some(residual) = self.residual {
                    let residual = &residual[row * out.width() + column..][..len];
                    to.iter_mut().zip(residual).for_each(|(to, residual)| *to += residual);
                }
            }
        }
    }
}

/// Splits groups into blocks of at most `size`, at least one.
fn blocks(groups: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let size = size.max(1);
    groups.clone().step_by(size).map(move |start| start..(start + size).min(groups.end))
}

/// Adds the bias of the groups from `first` on to `products` (`[groups, rows, lane]`).
fn add_bias(products: &mut [f32], bias: Option<&[f32]>, first: usize, rows: usize) {
    let Some(bias) = bias else { return };
    let groups = bias[first * GROUP..].chunks(GROUP);
    for (products, bias) in products.chunks_exact_mut(GROUP * rows).zip(groups) {
        for products in products.chunks_exact_mut(GROUP) {
            products.iter_mut().zip(bias).for_each(|(product, bias)| *product += bias);
        }
    }
}
