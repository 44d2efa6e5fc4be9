//! One product of a matrix: which kernel computes it, and what that is given.

use linnet_graph::{Activation, BackendError, Norm, Projection, Rows, WeightId, WeightSpec};
use linnet_shaders::{Format, Kernel, broadcast, matmul, matvec};
use wgpu::BindingResource;

use crate::error::internal;
use crate::kernels::Lanes;
use crate::layout::{activation, flag, stride};
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Cost, Grid, When};
use crate::weights::Part;

/// A row before it is what a product reads: that is `scale * (residual + norm(y))`.
pub(crate) struct Before<'a> {
    pub norm: Norm,
    pub y: BindingResource<'a>,
    pub residual: BindingResource<'a>,
}

/// The second matrix of a gated product.
#[derive(Clone, Copy)]
pub(crate) enum Up {
    Matrix(Projection),
    /// The second half of the first one, which has no bias and lies in one part.
    Half,
}

/// A product that is to be computed.
pub(crate) struct Product<'a> {
    pub label: &'a str,
    pub rows: Rows,
    /// What `matvec` makes x of by itself.
    pub before: Option<Before<'a>>,
    /// Norm that `matvec` applies by itself.
    pub norm: Option<Norm>,
    pub x: BindingResource<'a>,
    /// The rows of x as kernels read them that multiply integers, and their blocks; of many rows.
    pub staged: Option<[BindingResource<'a>; 2]>,
    pub y: BindingResource<'a>,
    pub matrix: Projection,
    /// The second matrix of a gated product.
    pub up: Option<(Up, Activation)>,
    /// A matrix of another format whose products follow those of the first: each has one part.
    pub below: Option<WeightId>,
    /// A row that is added to the product, which is multiplied by this number first.
    pub residual: Option<(BindingResource<'a>, f32)>,
    /// Where the product begins in its row, the bias of the whole row, and the row's width.
    pub joined: Option<(usize, BindingResource<'a>, usize)>,
}

impl Product<'_> {
    /// How many outputs a part of the matrix makes.
    fn outputs_of(&self, part: &Part) -> usize {
        if matches!(self.up, Some((Up::Half, _))) { part.rows / 2 } else { part.rows }
    }
}

impl<'a> Lowering<'a> {
    /// One dispatch for each part of the matrix, or each two of them.
    pub fn product(&mut self, product: Product<'a>, when: When) -> Result<(), BackendError> {
        let (format, parts) = self.matrix(product.matrix.weight)?;
        let (up_parts, up_bias) = match product.up {
            Some((Up::Matrix(up), _)) => (Some(self.matrix(up.weight)?.1), up.bias),
            Some((Up::Half, _)) => (Some(parts), None),
            None => (None, None),
        };
        let below = match product.below.map(|below| self.matrix(below)).transpose()? {
            Some((format, [part])) => Some((format, part)),
            _ => None,
        };
        let spec = &self.weight(product.matrix.weight)?.spec;
        let bias = product.matrix.bias;
        let begin = product.joined.as_ref().map_or(0, |(begin, ..)| *begin);
        let halved = format.is_halved() && below.is_none() && product.up.is_none() && when != When::ManyRows;
        for (index, parts) in parts.chunks(if halved { 2 } else { 1 }).enumerate() {
            let Some(part) = parts.first() else { continue };
            let below = parts.get(1).map(|part| (format, part)).or(below);
            let outputs = product.outputs_of(part);
            let mut constants = vec![
                ("COLS", spec.cols as f64),
                ("OUTPUTS", outputs as f64),
                ("FIRST", (begin + part.first) as f64),
                ("SCALES", part.scales as f64),
                ("BIAS", flag(bias.is_some())),
            ];
            match product.up {
                Some((up, of)) => {
                    let first = if matches!(up, Up::Half) { outputs } else { 0 };
                    constants.extend([("ACTIVATION", activation(of)), ("UP_FIRST", first as f64)]);
                }
                None => {
                    let factor = product.residual.as_ref().map_or(1.0, |(_, factor)| *factor);
                    let residual = flag(product.residual.is_some());
                    constants.extend([("RESIDUAL", residual), ("FACTOR", f64::from(factor))]);
                }
            }
            // The other parts read the row that the first made.
            let before = product.before.as_ref().filter(|_| index == 0);
            let mut call = self.shape((format, below), spec, part, &product, (when, before.is_some()));
            if let Some(before) = before {
                call.constants.push(("BEFORE_EPS", f64::from(before.norm.eps)));
            }
            call.constants.extend(constants);
            let matrix = part.buffer.as_entire_binding();
            let up = match up_parts {
                Some(parts) => {
                    let part = parts.get(index).ok_or_else(|| internal("gate and up differ in shape"))?;
                    Some((part.buffer.as_entire_binding(), self.buffers.vector(up_bias)?))
                }
                None => None,
            };
            let mut bound = Vec::new();
            if let Some(before) = before {
                let gains = self.buffers.of_node(self.index);
                let (residual, row) = (before.residual.clone(), product.x.clone());
                bound.extend([before.y.clone(), gains, matrix, residual, product.y.clone(), row]);
                bound.extend(up.map(|(matrix, _)| matrix));
            } else {
                let staged = product.staged.as_ref().filter(|_| call.kernel.is_staged());
                bound.extend(match when {
                    When::ManyRows => {
                        let x = staged.map_or(&product.x, |[x, _]| x);
                        [self.buffers.step(), x.clone()]
                    }
                    _ => [product.x.clone(), self.buffers.gain(product.norm)?],
                });
                let bias = match &product.joined {
                    Some((_, bias, _)) => bias.clone(),
                    None => self.buffers.vector(bias)?,
                };
                bound.extend([matrix, bias, product.y.clone()]);
                match up {
                    Some((matrix, bias)) => bound.extend([matrix, bias]),
                    None => {
                        let residual = product.residual.as_ref().map(|(residual, _)| residual.clone());
                        bound.push(residual.unwrap_or_else(|| self.buffers.none()));
                    }
                }
                bound.extend(staged.map(|[_, blocks]| blocks.clone()));
            }
            if let Some((_, below)) = below {
                let (outputs, scales) = (below.rows as f64, below.scales as f64);
                call.constants.extend([("BELOW_OUTPUTS", outputs), ("BELOW_SCALES", scales)]);
                bound.push(below.buffer.as_entire_binding());
            }
            self.emit.push(product.label, call, &bound)?;
            let other = |(up, _): &(Up, Activation)| matches!(up, Up::Matrix(_));
            let up = up_parts.filter(|_| product.up.as_ref().is_some_and(other)).and_then(|p| p.get(index));
            let read = [Some(part), up, below.map(|(_, part)| part)].into_iter().flatten();
            let [bytes, rows] = read.fold([0.0, 0.0], |[bytes, rows], part| {
                [bytes + part.buffer.size() as f64, rows + part.rows as f64]
            });
            self.emit.weigh(Cost { bytes, macs: rows * spec.cols as f64 });
        }
        Ok(())
    }

    /// The kernel for a product, its grid, and the constants that only this kernel has.
    fn shape(
        &self,
        (format, below): (Format, Option<(Format, &Part)>),
        spec: &WeightSpec,
        part: &Part,
        product: &Product<'_>,
        (when, before): (When, bool),
    ) -> Call {
        let chosen = self.emit.gpu.variants.chosen();
        let broadcast = chosen.software;
        let (gated, outputs) = (product.up.is_some(), product.outputs_of(part) as u32);
        let of_below = below.map_or(0, |(_, part)| part.rows as u32);
        let below = below.map(|(format, _)| format);
        let tiles = |tile: u32| outputs.div_ceil(tile) + of_below.div_ceil(tile);
        let (kernel, constants, grid) = if when != When::ManyRows {
            let mut constants = vec![
                ("NORM", flag(product.norm.is_some())),
                ("EPS", f64::from(product.norm.map_or(0.0, |norm| norm.eps))),
            ];
            if broadcast {
                let grid = Grid::Linear(tiles(broadcast::rows(gated)));
                (Kernel::MatVecBroadcast { format, below, before, gated }, constants, grid)
            } else {
                let formats: Vec<Format> = std::iter::once(format).chain(below).collect();
                let memory = self.emit.gpu.device.workgroup_memory();
                let lanes = Lanes::new(&chosen, &formats, (spec.cols, outputs + of_below), memory);
                constants.extend([
                    ("SPLIT", f64::from(lanes.split)),
                    ("GROUPS", f64::from(lanes.groups)),
                    ("THREADS", f64::from(lanes.threads)),
                ]);
                let grid = Grid::Linear(tiles(lanes.groups * matvec::ROWS));
                let (subgroups, math) = (chosen.subgroup_size.is_some(), lanes.math);
                (Kernel::MatVec { format, below, before, gated, subgroups, math }, constants, grid)
            }
        } else {
            let width = match (&product.joined, product.up) {
                (Some((.., width)), _) => *width,
                (None, Some((Up::Half, _))) => spec.rows / 2,
                (None, _) => spec.rows,
            };
            let constants =
                vec![("STRIDE", stride(width) as f64), ("LOGITS", flag(product.rows == Rows::Logits))];
            let (kernel, tile, tokens) = if broadcast {
                (Kernel::MatMulBroadcast { format, gated }, broadcast::rows(gated), broadcast::TOKENS)
            } else {
                let math = chosen.math_for(&[format]);
                (Kernel::MatMul { format, gated, math }, matmul::rows(gated), matmul::TOKENS)
            };
            (kernel, constants, Grid::Rows { x: outputs.div_ceil(tile), factor: 1, tile: tokens })
        };
        Call { kernel, constants, grid, rows: product.rows, when }
    }
}
