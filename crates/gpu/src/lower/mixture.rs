//! Lowering of mixtures of experts. Only the device knows the experts of a row.

use linnet_graph::{BackendError, ExpertMatMul, FusedOp, GatedExperts, Gating, Node, Router, Rows};
use linnet_shaders::{Format, Kernel, Math, experts};

use crate::error::{internal, unsupported_width};
use crate::layout::{activation, flag, row_groups, stride};
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Cost, Grid, When};
use crate::weights::Part;

impl Lowering<'_> {
    /// The selection of experts.
    pub fn router(&mut self, node: &Node<FusedOp>, router: &Router) -> Result<(), BackendError> {
        let (logits, info) = self.input(node, 0)?;
        let gating = match router.gating {
            Gating::Softmax => 0.0,
            Gating::Sigmoid => 1.0,
            Gating::SoftmaxOfChosen => 2.0,
        };
        let constants = vec![
            ("EXPERTS", router.experts as f64),
            ("USED", router.used as f64),
            ("STRIDE", stride(router.used) as f64),
            ("X_STRIDE", stride(router.experts) as f64),
            ("GATING", gating),
            ("BIAS", flag(router.bias.is_some())),
            ("NORMALIZE", flag(router.normalize)),
            ("FACTOR", f64::from(router.scale)),
        ];
        let (ids, weights) = (self.output(node, 0)?, self.output(node, 1)?);
        let bound = [logits, self.buffers.vector(router.bias)?, ids, weights];
        self.always(node, (Kernel::Router, constants), (Grid::per_row(1), info.rows), &bound)
    }

    /// Products with the matrices of the selected experts; one dispatch for each part of the stack.
    pub fn expert_matmul(&mut self, node: &Node<FusedOp>, op: &ExpertMatMul) -> Result<(), BackendError> {
        self.experts(node, op, None)
    }

    /// The gated product of two of them.
    pub fn gated_experts(&mut self, node: &Node<FusedOp>, op: &GatedExperts) -> Result<(), BackendError> {
        self.experts(node, &op.gate, Some(op))
    }

    fn experts(
        &mut self,
        node: &Node<FusedOp>,
        op: &ExpertMatMul,
        gated: Option<&GatedExperts>,
    ) -> Result<(), BackendError> {
        let ((x, info), (ids, _)) = (self.input(node, 0)?, self.input(node, 1)?);
        let y = self.output(node, 0)?;
        let (format, parts) = self.matrix(op.weight)?;
        let spec = &self.weight(op.weight)?.spec;
        let (outputs, shared) = (spec.rows / op.experts.max(1), info.width == spec.cols);
        if !shared && !spec.cols.is_multiple_of(4) {
            return Err(unsupported_width(&node.label, spec.cols, 4));
        }
        let grid = Grid::Rows {
            x: outputs.div_ceil(experts::OUTPUTS as usize) as u32,
            factor: op.used as u32,
            tile: 1,
        };
        let norm = gated.and_then(|gated| gated.norm);
        // For one row, each workgroup of the product normalizes it.
        let forms: &[When] = match norm {
            Some(_) if self.emit.options.max_rows(info.rows) > 1 => &[When::OneRow, When::ManyRows],
            _ => &[When::Always],
        };
        for &when in forms {
            let (mut x, mut norm) = (x.clone(), norm);
            if let Some(first) = norm.take_if(|_| when == When::ManyRows) {
                let normed = self.buffers.normed();
                self.norm(&node.label, first, [x, normed.clone()], info, when)?;
                x = normed;
            }
            for (index, part) in parts.iter().enumerate() {
                let mut constants = vec![
                    ("COLS", spec.cols as f64),
                    ("OUTPUTS", outputs as f64),
                    ("FIRST", part.first as f64),
                    ("SCALES", part.scales as f64),
                    ("PART_ROWS", part.rows as f64),
                    ("USED", op.used as f64),
                    ("SHARED", flag(shared)),
                    ("X_STRIDE", stride(info.width) as f64),
                    ("STRIDE", stride(op.used * outputs) as f64),
                    ("ID_STRIDE", stride(op.used) as f64),
                    ("BIAS", flag(op.bias.is_some())),
                ];
                let matrices = part.buffer.as_entire_binding();
                let bias = self.buffers.vector(op.bias)?;
                let mut bound = vec![x.clone(), ids.clone(), matrices, bias, y.clone()];
                if let Some(gated) = gated {
                    constants.extend([
                        ("ACTIVATION", activation(gated.activation)),
                        ("NORM", flag(norm.is_some())),
                        ("EPS", f64::from(norm.map_or(0.0, |norm| norm.eps))),
                    ]);
                    let (_, parts) = self.matrix(gated.up.weight)?;
                    let up = parts.get(index).ok_or_else(|| internal("gate and up differ in shape"))?;
                    let bias = self.buffers.vector(gated.up.bias)?;
                    bound.extend([up.buffer.as_entire_binding(), bias, self.buffers.gain(norm)?]);
                }
                let math = self.experts_math(format, spec.cols);
                let kernel = Kernel::ExpertMatMul { format, gated: gated.is_some(), math };
                let call = Call { kernel, constants, grid, rows: info.rows, when };
                self.emit.push(&node.label, call, &bound)?;
                let matrices = if gated.is_some() { 2.0 } else { 1.0 };
                self.emit.weigh(expert_cost(op, part, spec.cols, matrices));
            }
        }
        Ok(())
    }

    /// Arithmetic of the products with experts: f32 if the staged row does not fit workgroup memory beside the sums.
    fn experts_math(&self, format: Format, cols: usize) -> Math {
        let math = self.emit.gpu.config.selected().math_for(&[format]);
        let staged = cols.div_ceil(32) as u32 * math.block_bytes();
        let fits = staged + experts::SUMS_BYTES <= self.emit.gpu.device.workgroup_memory();
        if fits { math } else { Math::F32 }
    }

    /// The weighted sum of the products; the dispatch of each part of the stack adds to the result of the previous one.
    pub fn expert_sum(&mut self, node: &Node<FusedOp>, op: &ExpertMatMul) -> Result<(), BackendError> {
        let ((x, info), (ids, _)) = (self.input(node, 0)?, self.input(node, 1)?);
        let ((shares, _), y) = (self.input(node, 2)?, self.output(node, 0)?);
        let residual = if node.inputs.len() > 3 { Some(self.input(node, 3)?.0) } else { None };
        let (format, parts) = self.matrix(op.weight)?;
        let spec = &self.weight(op.weight)?.spec;
        let outputs = spec.rows / op.experts.max(1);
        if !spec.cols.is_multiple_of(4) {
            return Err(unsupported_width(&node.label, spec.cols, 4));
        }
        // One row leaves much of a GPU idle, but not of a software adapter.
        let shared = !self.emit.gpu.config.selected().software;
        let forms: &[(When, u32)] = match shared {
            true if self.emit.options.max_rows(info.rows) > 1 => {
                &[(When::OneRow, experts::SPLIT), (When::ManyRows, 1)]
            }
            true => &[(When::Always, experts::SPLIT)],
            false => &[(When::Always, 1)],
        };
        for &(when, split) in forms {
            let grid = Grid::per_row(outputs.div_ceil((experts::OUTPUTS / split) as usize) as u32);
            for (index, part) in parts.iter().enumerate() {
                let constants = vec![
                    ("COLS", spec.cols as f64),
                    ("OUTPUTS", outputs as f64),
                    ("FIRST", part.first as f64),
                    ("SCALES", part.scales as f64),
                    ("PART_ROWS", part.rows as f64),
                    ("USED", op.used as f64),
                    ("X_STRIDE", stride(info.width) as f64),
                    ("STRIDE", stride(outputs) as f64),
                    ("ID_STRIDE", stride(op.used) as f64),
                    ("BIAS", flag(op.bias.is_some())),
                    ("RESIDUAL", flag(residual.is_some())),
                    ("ADDS", flag(index > 0)),
                    ("SPLIT", f64::from(split)),
                ];
                let bound = [
                    x.clone(),
                    ids.clone(),
                    shares.clone(),
                    part.buffer.as_entire_binding(),
                    self.buffers.vector(op.bias)?,
                    residual.clone().unwrap_or_else(|| self.buffers.none()),
                    y.clone(),
                ];
                let call = Call { kernel: Kernel::ExpertSum(format), constants, grid, rows: info.rows, when };
                self.emit.push(&node.label, call, &bound)?;
                self.emit.weigh(expert_cost(op, part, spec.cols, 1.0));
            }
        }
        Ok(())
    }

    /// The weighted sum of the slots of a row.
    pub fn weighted_sum(&mut self, node: &Node<FusedOp>) -> Result<(), BackendError> {
        let ((x, info), (weights, of_row)) = (self.input(node, 0)?, self.input(node, 1)?);
        let used = of_row.width;
        let width = info.width.checked_div(used).ok_or_else(|| internal("a sum of no slots"))?;
        let constants = vec![
            ("WIDTH", width as f64),
            ("STRIDE", stride(width) as f64),
            ("X_STRIDE", stride(info.width) as f64),
            ("USED", used as f64),
            ("W_STRIDE", stride(used) as f64),
            ("LOGITS", flag(info.rows == Rows::Logits)),
        ];
        let grid = Grid::per_row(row_groups(width));
        let bound = [self.buffers.step(), x, weights, self.output(node, 0)?];
        self.always(node, (Kernel::WeightedSum, constants), (grid, info.rows), &bound)
    }
}

/// The cost of one row for a part of the stack, if its experts are distributed evenly.
fn expert_cost(op: &ExpertMatMul, part: &Part, cols: usize, matrices: f64) -> Cost {
    let used = op.used as f64 / op.experts.max(1) as f64 * matrices;
    Cost { bytes: part.buffer.size() as f64 * used, macs: (part.rows * cols) as f64 * used }
}
