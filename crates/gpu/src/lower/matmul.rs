//! Lowering of matrix products: one row through `matvec`, several through `matmul`.

use linnet_graph::{
    BackendError, FusedEpilogue, FusedMatMul, FusedOp, GatedParts, Node, Projection, Rows, Value, ValueInfo,
    WeightId,
};
use linnet_shaders::{Kernel, Math};
use wgpu::BindingResource;

use crate::error::internal;
use crate::layout::{flag, row_groups};
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Grid, When};
use crate::lower::product::{FusedAddNorm, Gate, JoinedRow, Product, Residual, Up};

impl<'a> Lowering<'a> {
    /// Lowers a matmul node for one row and for several.
    pub fn matmul(&mut self, node: &'a Node<FusedOp>, op: &'a FusedMatMul) -> Result<(), BackendError> {
        let Some(&x) = node.inputs.first() else { return Err(internal("a matmul has no input")) };
        let info = self.plan.graph.value(x);
        // For one token the selected row is the only row.
        let mut one_row = vec![(When::OneRow, node.inputs.clone())];
        if let Some(sources) = self.sources_of_selections(node) {
            one_row = vec![(When::OneToken, sources), (When::LastToken, node.inputs.clone())];
        }
        for (when, inputs) in one_row.into_iter().chain([(When::ManyRows, node.inputs.clone())]) {
            if when == When::ManyRows && self.emit.options.max_rows(info.rows) == 1 {
                continue;
            }
            let inputs: Vec<_> = inputs.iter().map(|input| self.value(*input)).collect::<Result<_, _>>()?;
            self.products(node, op, (inputs, info), when)?;
        }
        Ok(())
    }

    /// Lowers the products of a node with these inputs.
    fn products(
        &mut self,
        node: &'a Node<FusedOp>,
        op: &'a FusedMatMul,
        (inputs, info): (Vec<BindingResource<'a>>, ValueInfo),
        when: When,
    ) -> Result<(), BackendError> {
        let Some(first) = op.projections.first() else { return Err(internal("a matmul has no matrix")) };
        let mut inputs = inputs.into_iter();
        let (Some(mut x), second) = (inputs.next(), inputs.next()) else {
            return Err(internal("a matmul has no input"));
        };
        // The first product of one row computes the sum before it. The others read that sum.
        let mut fused_add_norm = None;
        if let Some(add) = op.fused_add_norm {
            let (Some(residual), Some(&sum)) = (second.clone(), node.outputs.last()) else {
                return Err(internal("a sum is missing"));
            };
            let sum = self.value(sum)?;
            if when == When::ManyRows {
                self.norm_add(&node.label, add, [x, residual, sum.clone()], info, when)?;
                x = sum;
            } else {
                fused_add_norm = Some(FusedAddNorm { norm: add.norm, y: x, residual });
                x = sum;
            }
        }
        let mut norm = op.norm;
        if let Some(of_rows) = norm.take_if(|_| when == When::ManyRows) {
            let normed = self.buffers.normed();
            self.norm(&node.label, of_rows, [x, normed.clone()], info, when)?;
            x = normed;
        }
        let staged = match when {
            When::ManyRows => self.stage(node, op, x.clone(), info)?,
            _ => None,
        };
        let mut product = |matrix, y| Product {
            label: &node.label,
            rows: info.rows,
            fused_add_norm: fused_add_norm.take(),
            norm,
            x: x.clone(),
            staged: staged.clone(),
            y,
            matrix,
            gate: None,
            second_matrix: None,
            residual: None,
            joined: None,
        };
        match op.epilogue {
            FusedEpilogue::Store => {
                for (projection, y) in op.projections.iter().zip(&node.outputs) {
                    self.product(product(*projection, self.value(*y)?), when)?;
                }
            }
            FusedEpilogue::Joined => {
                let Some(&y) = node.outputs.first() else { return Err(internal("a row is missing")) };
                let width = self.plan.graph.value(y).width;
                let (y, bias) = (self.value(y)?, self.buffers.of_node(self.index));
                // Either all matrices of a row have a bias here, or none.
                let biased = op.projections.iter().find_map(|projection| projection.bias);
                let mut first = 0;
                let mut places = Vec::new();
                for projection in &op.projections {
                    // A matrix in the buffer of its neighbour has no dispatch.
                    if !self.matrix(projection.weight)?.1.is_empty() {
                        places.push((Projection { bias: biased, ..*projection }, first));
                    }
                    first += self.weight(projection.weight)?.spec.rows;
                }
                let mut places = places.into_iter().peekable();
                while let Some((matrix, first)) = places.next() {
                    let pair = |(next, _): &(Projection, usize)| {
                        when != When::ManyRows && self.is_pair(matrix.weight, next.weight)
                    };
                    let second_matrix = places.next_if(pair).map(|(next, _)| next.weight);
                    let joined = Some(JoinedRow { first, bias: bias.clone(), width });
                    self.product(Product { joined, second_matrix, ..product(matrix, y.clone()) }, when)?;
                }
            }
            FusedEpilogue::Residual { factor } => {
                let (Some(residual), Some(&y)) = (second, node.outputs.first()) else {
                    return Err(internal("a residual is missing"));
                };
                let y = self.value(y)?;
                let residual = Some(Residual { row: residual, factor });
                self.product(Product { residual, ..product(*first, y) }, when)?;
            }
            FusedEpilogue::GatedHalves(activation) => {
                let Some(&y) = node.outputs.first() else { return Err(internal("a product has no output")) };
                let y = self.value(y)?;
                if let (_, [_]) = self.matrix(first.weight)? {
                    let gate = Some(Gate { up: Up::Half, activation });
                    self.product(Product { gate, ..product(*first, y) }, when)?;
                } else {
                    // The halves are in several buffers, so the whole row is computed first.
                    let row = self.buffers.product(0);
                    let width = self.weight(first.weight)?.spec.rows;
                    self.product(product(*first, row.clone()), when)?;
                    let parts = GatedParts { activation, gate: 0, up: width / 2 };
                    let info = ValueInfo { width, ..info };
                    self.gated_parts(
                        &node.label,
                        &parts,
                        [(row.clone(), info), (row, info)],
                        (y, width / 2),
                        when,
                    )?;
                }
            }
            FusedEpilogue::Gated(activation) => {
                let (Some(&up), Some(&y)) = (op.projections.get(1), node.outputs.first()) else {
                    return Err(internal("a gate has no second matrix"));
                };
                let y = self.value(y)?;
                let (gate, up_weight) = (self.weight(first.weight)?, self.weight(up.weight)?);
                if gate.spec.dtype == up_weight.spec.dtype {
                    let gate = Some(Gate { up: Up::Matrix(up), activation });
                    self.product(Product { gate, ..product(*first, y) }, when)?;
                } else {
                    let info = ValueInfo { width: gate.spec.rows, ..info };
                    let (a, b) = (self.buffers.product(0), self.buffers.product(1));
                    self.product(product(*first, a.clone()), when)?;
                    self.product(product(up, b.clone()), when)?;
                    self.gated(&node.label, activation, [a, b, y], info, when)?;
                }
            }
        }
        Ok(())
    }

    /// Whether one dispatch can compute the products of one row with both matrices.
    fn is_pair(&self, weight: WeightId, second_matrix: WeightId) -> bool {
        let single = |id| match self.matrix(id) {
            Ok((format, [_])) => Some(format),
            _ => None,
        };
        single(weight)
            .zip(single(second_matrix))
            .is_some_and(|(format, second_matrix)| format.is_pair(second_matrix))
    }

    /// The value that the rows of a product are selected from, if nothing else reads the selected rows.
    fn sources_of_selections(&self, product: &Node<FusedOp>) -> Option<Vec<Value>> {
        let source = |input: &Value| {
            let nodes = &self.plan.graph.nodes;
            let selection = nodes.iter().find(|node| node.outputs.contains(input))?;
            self.is_selection_for_product(selection).then(|| selection.inputs[0])
        };
        product.inputs.iter().map(source).collect()
    }

    /// Whether a node selects rows that only one product reads, which reads nothing else.
    pub fn is_selection_for_product(&self, node: &Node<FusedOp>) -> bool {
        let (nodes, [rows]) = (&self.plan.graph.nodes, &node.outputs[..]) else { return false };
        let mut readers = nodes.iter().filter(|other| other.inputs.contains(rows));
        let (Some(reader), None) = (readers.next(), readers.next()) else { return false };
        let selects = |input: &Value| {
            nodes.iter().any(|other| other.op == FusedOp::SelectRows && other.outputs.contains(input))
        };
        node.op == FusedOp::SelectRows
            && matches!(reader.op, FusedOp::MatMul(_))
            && reader.inputs.iter().all(selects)
    }

    /// Stages the rows that the products of a node read, if its kernels read staged rows.
    fn stage(
        &mut self,
        node: &Node<FusedOp>,
        op: &FusedMatMul,
        x: BindingResource<'a>,
        info: ValueInfo,
    ) -> Result<Option<[BindingResource<'a>; 2]>, BackendError> {
        let selected = self.emit.gpu.config.selected();
        let staged = |projection: &Projection| {
            let matrix = self.matrix(projection.weight);
            matrix.is_ok_and(|(format, _)| selected.math_for(&[format]) != Math::F32)
        };
        if !op.projections.iter().any(staged) {
            return Ok(None);
        }
        let constants = vec![("COLS", info.width as f64), ("LOGITS", flag(info.rows == Rows::Logits))];
        let (kernel, grid) = (Kernel::StageRows(selected.math), Grid::per_row(row_groups(info.width / 32)));
        let call = Call { kernel, constants, grid, rows: info.rows, when: When::ManyRows };
        let [staged, blocks] = self.buffers.staged();
        self.emit.push(&node.label, call, &[self.buffers.step(), x, staged.clone(), blocks.clone()])?;
        Ok(Some([staged, blocks]))
    }
}
