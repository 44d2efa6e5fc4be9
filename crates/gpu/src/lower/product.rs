//! A matrix product: its kernel, and the kernel's constants and buffers.

use linnet_graph::{Activation, BackendError, Norm, Projection, Rows, WeightId, WeightSpec};
use linnet_shaders::{Format, Kernel, broadcast, matmul, matvec};
use wgpu::BindingResource;

use crate::error::internal;
use crate::kernels::{Constants, MatvecLaunch};
use crate::layout::{activation, flag, stride};
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Cost, Grid, When};
use crate::weights::Part;

/// An input row that the product computes first: `scale * (residual + norm(y))`.
pub(crate) struct FusedAddNorm<'a> {
    pub norm: Norm,
    pub y: BindingResource<'a>,
    pub residual: BindingResource<'a>,
}

/// The second matrix of a gated product.
#[derive(Clone, Copy)]
pub(crate) enum Up {
    Matrix(Projection),
    /// The second half of the first matrix, which has no bias and only one part.
    Half,
}

/// The second matrix and the activation of a gated product.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    pub up: Up,
    pub activation: Activation,
}

/// A row that is added to a product.
pub(crate) struct Residual<'a> {
    pub row: BindingResource<'a>,
    /// Factor of the product.
    pub factor: f32,
}

/// A row that holds the products of several matrices.
pub(crate) struct JoinedRow<'a> {
    /// The first column of this product.
    pub first: usize,
    /// Elements of the whole row.
    pub bias: BindingResource<'a>,
    pub width: usize,
}

/// A product to compute.
pub(crate) struct Product<'a> {
    pub label: &'a str,
    pub rows: Rows,
    /// The sum and norm that `matvec` computes x from.
    pub fused_add_norm: Option<FusedAddNorm<'a>>,
    /// The norm that `matvec` applies to x.
    pub norm: Option<Norm>,
    pub x: BindingResource<'a>,
    /// For many rows: the staged rows of x, and their blocks.
    pub staged: Option<[BindingResource<'a>; 2]>,
    pub y: BindingResource<'a>,
    pub matrix: Projection,
    pub gate: Option<Gate>,
    /// A matrix of another format whose outputs follow those of the first; both have one part.
    pub second_matrix: Option<WeightId>,
    pub residual: Option<Residual<'a>>,
    pub joined: Option<JoinedRow<'a>>,
}

impl Product<'_> {
    /// Whether both matrices of a gated product are halves of one.
    fn is_halved(&self) -> bool {
        matches!(self.gate, Some(Gate { up: Up::Half, .. }))
    }

    /// The number of outputs of a part of the matrix.
    fn outputs_of(&self, part: &Part) -> usize {
        if self.is_halved() { part.rows / 2 } else { part.rows }
    }
}

/// A part of a matrix, with its format.
#[derive(Clone, Copy)]
struct MatrixPart<'a> {
    format: Format,
    part: &'a Part,
}

/// The share of a product that one dispatch computes.
struct PartProduct<'p, 'a> {
    product: &'p Product<'a>,
    spec: &'a WeightSpec,
    first: MatrixPart<'a>,
    /// Its outputs follow those of the first.
    second: Option<MatrixPart<'a>>,
    /// This dispatch computes x; the dispatches of other parts read it.
    fused_add_norm: Option<&'p FusedAddNorm<'a>>,
    when: When,
}

/// A kernel with its own constants and grid.
struct KernelChoice {
    kernel: Kernel,
    constants: Constants,
    grid: Grid,
}

impl<'a> Lowering<'a> {
    /// One dispatch for each part of the matrix, or for two of them.
    pub fn product(&mut self, product: Product<'a>, when: When) -> Result<(), BackendError> {
        let (format, parts) = self.matrix(product.matrix.weight)?;
        let (up_parts, up_bias) = match product.gate {
            Some(Gate { up: Up::Matrix(up), .. }) => (Some(self.matrix(up.weight)?.1), up.bias),
            Some(Gate { up: Up::Half, .. }) => (Some(parts), None),
            None => (None, None),
        };
        let second = match product.second_matrix.map(|second| self.matrix(second)).transpose()? {
            Some((format, [part])) => Some(MatrixPart { format, part }),
            _ => None,
        };
        let spec = &self.weight(product.matrix.weight)?.spec;
        let pairs = format.is_halved() && second.is_none() && product.gate.is_none();
        let pairs = pairs && when != When::ManyRows;
        for (index, parts) in parts.chunks(if pairs { 2 } else { 1 }).enumerate() {
            let Some(part) = parts.first() else { continue };
            let of_part = PartProduct {
                product: &product,
                spec,
                first: MatrixPart { format, part },
                second: parts.get(1).map(|part| MatrixPart { format, part }).or(second),
                fused_add_norm: product.fused_add_norm.as_ref().filter(|_| index == 0),
                when,
            };
            let up = match up_parts {
                Some(parts) => Some(parts.get(index).ok_or_else(|| internal("gate and up differ in shape"))?),
                None => None,
            };
            self.part_product(&of_part, up, up_bias)?;
        }
        Ok(())
    }

    /// One dispatch; for a gated product, `up` is the part of the second matrix.
    fn part_product(
        &mut self,
        of_part: &PartProduct<'_, 'a>,
        up: Option<&'a Part>,
        up_bias: Option<WeightId>,
    ) -> Result<(), BackendError> {
        let PartProduct { product, spec, first: MatrixPart { part, .. }, second, when, .. } = *of_part;
        let KernelChoice { kernel, mut constants, grid } = self.choose(of_part);
        constants.extend(product_constants(of_part));
        let matrix = part.buffer.as_entire_binding();
        let up_matrix = up.map(|up| up.buffer.as_entire_binding());
        let mut bound = Vec::new();
        if let Some(sum) = of_part.fused_add_norm {
            constants.push(("ADD_NORM_EPS", f64::from(sum.norm.eps)));
            let gains = self.buffers.of_node(self.index);
            let (residual, row) = (sum.residual.clone(), product.x.clone());
            bound.extend([sum.y.clone(), gains, matrix, residual, product.y.clone(), row]);
            bound.extend(up_matrix);
        } else {
            let staged = product.staged.as_ref().filter(|_| kernel.is_staged());
            bound.extend(match when {
                When::ManyRows => {
                    let x = staged.map_or(&product.x, |[x, _]| x);
                    [self.buffers.step(), x.clone()]
                }
                _ => [product.x.clone(), self.buffers.gain(product.norm)?],
            });
            let bias = match &product.joined {
                Some(joined) => joined.bias.clone(),
                None => self.buffers.vector(product.matrix.bias)?,
            };
            bound.extend([matrix, bias, product.y.clone()]);
            match up_matrix {
                Some(matrix) => bound.extend([matrix, self.buffers.vector(up_bias)?]),
                None => {
                    let residual = product.residual.as_ref().map(|residual| residual.row.clone());
                    bound.push(residual.unwrap_or_else(|| self.buffers.none()));
                }
            }
            bound.extend(staged.map(|[_, blocks]| blocks.clone()));
        }
        if let Some(MatrixPart { part, .. }) = second {
            constants.extend([
                ("SECOND_OUTPUTS", part.rows as f64),
                ("SECOND_WEIGHTS_SCALES", part.scales as f64),
            ]);
            bound.push(part.buffer.as_entire_binding());
        }
        let call = Call { kernel, constants, grid, rows: product.rows, when };
        self.emit.push(product.label, call, &bound)?;
        let own_up = up.filter(|_| !product.is_halved());
        let read = [Some(part), own_up, second.map(|second| second.part)].into_iter().flatten();
        let [bytes, rows] = read.fold([0.0, 0.0], |[bytes, rows], part| {
            [bytes + part.buffer.size() as f64, rows + part.rows as f64]
        });
        self.emit.weigh(Cost { bytes, macs: rows * spec.cols as f64 });
        Ok(())
    }

    /// The kernel for a product.
    fn choose(&self, of_part: &PartProduct<'_, 'a>) -> KernelChoice {
        if of_part.when == When::ManyRows { self.choose_matmul(of_part) } else { self.choose_matvec(of_part) }
    }

    /// The kernel for one row.
    fn choose_matvec(&self, of_part: &PartProduct<'_, 'a>) -> KernelChoice {
        let PartProduct { product, spec, first: MatrixPart { format, part }, second, .. } = *of_part;
        let (selected, gated) = (self.emit.gpu.config.selected(), product.gate.is_some());
        let (outputs, second_outputs) =
            (product.outputs_of(part) as u32, second.map_or(0, |second| second.part.rows as u32));
        let second_matrix = second.map(|second| second.format);
        let fused_add_norm = of_part.fused_add_norm.is_some();
        let tiles = |tile: u32| outputs.div_ceil(tile) + second_outputs.div_ceil(tile);
        let mut constants = vec![
            ("NORM", flag(product.norm.is_some())),
            ("EPS", f64::from(product.norm.map_or(0.0, |norm| norm.eps))),
        ];
        if selected.software {
            let kernel = Kernel::MatVecBroadcast { format, second_matrix, fused_add_norm, gated };
            return KernelChoice { kernel, constants, grid: Grid::Linear(tiles(broadcast::rows(gated))) };
        }
        let formats: Vec<Format> = std::iter::once(format).chain(second_matrix).collect();
        let size = (spec.cols, outputs + second_outputs);
        let memory = self.emit.gpu.device.workgroup_memory();
        let MatvecLaunch { threads, groups, split, math } =
            MatvecLaunch::new(&selected, &formats, size, memory);
        constants.extend([
            ("SPLIT", f64::from(split)),
            ("GROUPS", f64::from(groups)),
            ("THREADS", f64::from(threads)),
        ]);
        let subgroups = selected.subgroup_size.is_some();
        let kernel = Kernel::MatVec { format, second_matrix, fused_add_norm, gated, subgroups, math };
        KernelChoice { kernel, constants, grid: Grid::Linear(tiles(groups * matvec::ROWS)) }
    }

    /// The kernel for many rows.
    fn choose_matmul(&self, of_part: &PartProduct<'_, 'a>) -> KernelChoice {
        let PartProduct { product, spec, first: MatrixPart { format, part }, .. } = *of_part;
        let (selected, gated) = (self.emit.gpu.config.selected(), product.gate.is_some());
        let width = match &product.joined {
            Some(joined) => joined.width,
            None if product.is_halved() => spec.rows / 2,
            None => spec.rows,
        };
        let constants =
            vec![("STRIDE", stride(width) as f64), ("LOGITS", flag(product.rows == Rows::Logits))];
        let (kernel, tile, tokens) = if selected.software {
            (Kernel::MatMulBroadcast { format, gated }, broadcast::rows(gated), broadcast::TOKENS)
        } else {
            let math = selected.math_for(&[format]);
            (Kernel::MatMul { format, gated, math }, matmul::rows(gated), matmul::TOKENS)
        };
        let x = (product.outputs_of(part) as u32).div_ceil(tile);
        KernelChoice { kernel, constants, grid: Grid::Rows { x, factor: 1, tile: tokens } }
    }
}

/// The constants of all kernels for products.
fn product_constants(of_part: &PartProduct<'_, '_>) -> Constants {
    let PartProduct { product, spec, first: MatrixPart { part, .. }, .. } = *of_part;
    let (outputs, begin) =
        (product.outputs_of(part), product.joined.as_ref().map_or(0, |joined| joined.first));
    let mut constants = vec![
        ("COLS", spec.cols as f64),
        ("OUTPUTS", outputs as f64),
        ("FIRST", (begin + part.first) as f64),
        ("SCALES", part.scales as f64),
        ("BIAS", flag(product.matrix.bias.is_some())),
    ];
    match &product.gate {
        Some(gate) => {
            let first = if product.is_halved() { outputs } else { 0 };
            constants.extend([("ACTIVATION", activation(gate.activation)), ("UP_FIRST", first as f64)]);
        }
        None => {
            let factor = product.residual.as_ref().map_or(1.0, |residual| residual.factor);
            let residual = flag(product.residual.is_some());
            constants.extend([("RESIDUAL", residual), ("FACTOR", f64::from(factor))]);
        }
    }
    constants
}
