//! Lowering of matrix products: one row through `matvec`, several through `matmul`.

use linnet_graph::{
    Activation, BackendError, Epilogue, MatMul, Node, Norm, Op, Projection, Rows, Value, ValueInfo, WeightId,
    WeightSpec,
};
use linnet_shaders::{Format, Kernel, broadcast, matmul, matvec};
use wgpu::BindingResource;

use crate::buffers::{internal, stride};
use crate::dispatch::{Grid, When};
use crate::elementwise::activation;
use crate::lower::{Call, Lowering, flag};
use crate::profile::Cost;
use crate::variants::Chosen;
use crate::weight::{Data, Part, Weight};

/// A row before it is what a product reads: that is `residual + norm(y)`.
struct Before<'a> {
    norm: Norm,
    y: BindingResource<'a>,
    residual: BindingResource<'a>,
}

/// A product that is to be computed.
struct Product<'a> {
    label: &'a str,
    rows: Rows,
    /// What `matvec` makes x of by itself.
    before: Option<Before<'a>>,
    /// Norm that `matvec` applies by itself.
    norm: Option<Norm>,
    x: BindingResource<'a>,
    y: BindingResource<'a>,
    matrix: Projection,
    /// The second matrix of a gated product.
    up: Option<(Projection, Activation)>,
    /// A matrix of another format whose products follow those of the first: each has one part.
    below: Option<WeightId>,
    residual: Option<BindingResource<'a>>,
    /// Where the product begins in its row, the bias of the whole row, and the row's width.
    joined: Option<(usize, BindingResource<'a>, usize)>,
}

impl<'a> Lowering<'a> {
    /// Lowers a matmul node for one row and for several.
    pub fn matmul(&mut self, node: &'a Node, op: &'a MatMul) -> Result<(), BackendError> {
        let Some(&x) = node.inputs.first() else { return Err(internal("a matmul has no input")) };
        let info = self.plan.graph.value(x);
        // What one token's row is selected from is that row.
        let mut one_row = vec![(When::OneRow, node.inputs.clone())];
        if let Some(sources) = self.sources_of_selections(node) {
            one_row = vec![(When::OneToken, sources), (When::LastToken, node.inputs.clone())];
        }
        for (when, inputs) in one_row.into_iter().chain([(When::ManyRows, node.inputs.clone())]) {
            if when == When::ManyRows && self.emit.max_rows(info.rows) == 1 {
                continue;
            }
            let inputs: Vec<_> = inputs.iter().map(|input| self.value(*input)).collect::<Result<_, _>>()?;
            self.products(node, op, (inputs, info), when)?;
        }
        Ok(())
    }

    /// The products of a node, whose inputs are these.
    fn products(
        &mut self,
        node: &'a Node,
        op: &'a MatMul,
        (inputs, info): (Vec<BindingResource<'a>>, ValueInfo),
        when: When,
    ) -> Result<(), BackendError> {
        let Some(first) = op.projections.first() else { return Err(internal("a matmul has no matrix")) };
        let mut inputs = inputs.into_iter();
        let (Some(mut x), second) = (inputs.next(), inputs.next()) else {
            return Err(internal("a matmul has no input"));
        };
        // The first product of one row makes the sum before it, too. All others read that.
        let mut before = None;
        if let Some(norm) = op.before {
            let (Some(residual), Some(&sum)) = (second.clone(), node.outputs.last()) else {
                return Err(internal("a sum is missing"));
            };
            let sum = self.value(sum)?;
            if when == When::ManyRows {
                self.norm_add(&node.label, norm, [x, residual, sum.clone()], info, when)?;
                x = sum;
            } else {
                before = Some(Before { norm, y: x, residual });
                x = sum;
            }
        }
        let mut norm = op.norm;
        if let Some(of_rows) = norm.take_if(|_| when == When::ManyRows) {
            let normed = self.buffers.normed();
            self.norm(&node.label, of_rows, [x, normed.clone()], info, when)?;
            x = normed;
        }
        let mut product = |matrix, y| Product {
            label: &node.label,
            rows: info.rows,
            before: before.take(),
            norm,
            x: x.clone(),
            y,
            matrix,
            up: None,
            below: None,
            residual: None,
            joined: None,
        };
        match op.epilogue {
            Epilogue::Store => {
                for (projection, y) in op.projections.iter().zip(&node.outputs) {
                    self.product(product(*projection, self.value(*y)?), when)?;
                }
            }
            Epilogue::Joined => {
                let Some(&y) = node.outputs.first() else { return Err(internal("a row is missing")) };
                let width = self.plan.graph.value(y).width;
                let (y, bias) = (self.value(y)?, self.buffers.of_node(self.index));
                // A row has all biases or none.
                let biased = op.projections.iter().find_map(|projection| projection.bias);
                let mut first = 0;
                let mut places = Vec::new();
                for projection in &op.projections {
                    // What lies in the buffer of its neighbour is no product of its own.
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
                    let below = places.next_if(pair).map(|(next, _)| next.weight);
                    let joined = Some((first, bias.clone(), width));
                    self.product(Product { joined, below, ..product(matrix, y.clone()) }, when)?;
                }
            }
            Epilogue::Residual => {
                let (Some(residual), Some(&y)) = (second, node.outputs.first()) else {
                    return Err(internal("a residual is missing"));
                };
                let y = self.value(y)?;
                self.product(Product { residual: Some(residual), ..product(*first, y) }, when)?;
            }
            Epilogue::Gated(activation) => {
                let (Some(&up), Some(&y)) = (op.projections.get(1), node.outputs.first()) else {
                    return Err(internal("a gate has no second matrix"));
                };
                let y = self.value(y)?;
                let (gate, up_weight) = (self.weight(first.weight)?, self.weight(up.weight)?);
                if gate.spec.dtype == up_weight.spec.dtype {
                    self.product(Product { up: Some((up, activation)), ..product(*first, y) }, when)?;
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

    /// Whether one dispatch can make the products of one row with both matrices.
    fn is_pair(&self, weight: WeightId, below: WeightId) -> bool {
        let single = |id| match self.matrix(id) {
            Ok((format, [_])) => Some(format),
            _ => None,
        };
        single(weight).zip(single(below)).is_some_and(|(format, below)| format.is_pair(below))
    }

    /// Where the rows that a product reads are selected from, if all are selected for nothing else.
    fn sources_of_selections(&self, product: &Node) -> Option<Vec<Value>> {
        let source = |input: &Value| {
            let nodes = &self.plan.graph.nodes;
            let selection = nodes.iter().find(|node| node.outputs.contains(input))?;
            self.is_selection_for_product(selection).then(|| selection.inputs[0])
        };
        product.inputs.iter().map(source).collect()
    }

    /// Whether a node selects rows for a product that reads nothing else, and for no other node.
    pub fn is_selection_for_product(&self, node: &Node) -> bool {
        let (nodes, [rows]) = (&self.plan.graph.nodes, &node.outputs[..]) else { return false };
        let mut readers = nodes.iter().filter(|other| other.inputs.contains(rows));
        let (Some(reader), None) = (readers.next(), readers.next()) else { return false };
        let selects = |input: &Value| {
            nodes.iter().any(|other| other.op == Op::SelectRows && other.outputs.contains(input))
        };
        node.op == Op::SelectRows && matches!(reader.op, Op::MatMul(_)) && reader.inputs.iter().all(selects)
    }

    pub fn weight(&self, id: WeightId) -> Result<&'a Weight, BackendError> {
        self.weights.get(id.0 as usize).ok_or_else(|| internal("a matrix is missing"))
    }

    pub fn matrix(&self, id: WeightId) -> Result<(Format, &'a [Part]), BackendError> {
        match &self.weight(id)?.data {
            Data::Matrix { format, parts } => Ok((*format, parts)),
            Data::Vector(_) => Err(internal("a vector is used as a matrix")),
        }
    }

    /// One dispatch for each part of the matrix.
    fn product(&mut self, product: Product<'a>, when: When) -> Result<(), BackendError> {
        let (format, parts) = self.matrix(product.matrix.weight)?;
        let up_parts = product.up.map(|(up, _)| self.matrix(up.weight)).transpose()?.map(|(_, parts)| parts);
        let below = product.below.map(|below| self.matrix(below)).transpose()?;
        let spec = &self.weight(product.matrix.weight)?.spec;
        let bias = product.matrix.bias;
        let begin = product.joined.as_ref().map_or(0, |(begin, ..)| *begin);
        for (index, part) in parts.iter().enumerate() {
            let mut constants = vec![
                ("COLS", spec.cols as f64),
                ("OUTPUTS", part.rows as f64),
                ("FIRST", (begin + part.first) as f64),
                ("SCALES", part.scales as f64),
                ("BIAS", flag(bias.is_some())),
            ];
            constants.push(match product.up {
                Some((_, of)) => ("ACTIVATION", activation(of)),
                None => ("RESIDUAL", flag(product.residual.is_some())),
            });
            // The other parts read the row that the first made.
            let before = product.before.as_ref().filter(|_| index == 0);
            let mut call = self.shape((format, below), spec, part, &product, (when, before.is_some()));
            if let Some(before) = before {
                call.constants.push(("BEFORE_EPS", f64::from(before.norm.eps)));
            }
            call.constants.extend(constants);
            let matrix = part.buffer.as_entire_binding();
            let up = match (up_parts, product.up) {
                (Some(parts), Some((up, _))) => {
                    let part = parts.get(index).ok_or_else(|| internal("gate and up differ in shape"))?;
                    Some((part.buffer.as_entire_binding(), self.buffers.vector(up.bias)?))
                }
                _ => None,
            };
            let mut bound = Vec::new();
            if let Some(before) = before {
                let gains = self.buffers.of_node(self.index);
                let (residual, row) = (before.residual.clone(), product.x.clone());
                bound.extend([before.y.clone(), gains, matrix, residual, product.y.clone(), row]);
                bound.extend(up.map(|(matrix, _)| matrix));
            } else {
                bound.extend(match when {
                    When::ManyRows => [self.buffers.step(), product.x.clone()],
                    _ => [product.x.clone(), self.buffers.gain(product.norm)?],
                });
                let bias = match &product.joined {
                    Some((_, bias, _)) => bias.clone(),
                    None => self.buffers.vector(bias)?,
                };
                bound.extend([matrix, bias, product.y.clone()]);
                match up {
                    Some((matrix, bias)) => bound.extend([matrix, bias]),
                    None => bound.push(product.residual.clone().unwrap_or_else(|| self.buffers.none())),
                }
            }
            if let Some((_, [below])) = below {
                let (outputs, scales) = (below.rows as f64, below.scales as f64);
                call.constants.extend([("BELOW_OUTPUTS", outputs), ("BELOW_SCALES", scales)]);
                bound.push(below.buffer.as_entire_binding());
            }
            self.emit.push(product.label, call, &bound)?;
            let up = up_parts.and_then(|parts| parts.get(index)).map_or(0, |part| part.buffer.size());
            let matrices = if product.up.is_some() { 2 } else { 1 };
            let (bytes, macs) = (part.buffer.size() + up, part.rows * spec.cols * matrices);
            self.emit.weigh(Cost { bytes: bytes as f64, macs: macs as f64 });
        }
        Ok(())
    }

    /// The kernel for a product, its grid, and the constants that only this kernel has.
    fn shape(
        &self,
        (format, below): (Format, Option<(Format, &[Part])>),
        spec: &WeightSpec,
        part: &Part,
        product: &Product<'_>,
        (when, before): (When, bool),
    ) -> Call {
        let Chosen { subgroup_size, software: broadcast } = self.emit.device.variants.chosen();
        let (gated, outputs) = (product.up.is_some(), part.rows as u32);
        let of_below = below.and_then(|(_, parts)| parts.first()).map_or(0, |part| part.rows as u32);
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
                let lanes = Lanes::new(spec.cols, subgroup_size);
                constants.extend([("SPLIT", f64::from(lanes.split)), ("GROUPS", f64::from(lanes.groups))]);
                let grid = Grid::Linear(tiles(lanes.groups * matvec::ROWS));
                let subgroups = subgroup_size.is_some();
                (Kernel::MatVec { format, below, before, gated, subgroups }, constants, grid)
            }
        } else {
            let width = product.joined.as_ref().map_or(spec.rows, |(.., width)| *width);
            let constants =
                vec![("STRIDE", stride(width) as f64), ("LOGITS", flag(product.rows == Rows::Logits))];
            let (kernel, tile, tokens) = if broadcast {
                (Kernel::MatMulBroadcast { format, gated }, broadcast::rows(gated), broadcast::TOKENS)
            } else {
                (Kernel::MatMul { format, gated }, matmul::rows(gated), matmul::TOKENS)
            };
            (kernel, constants, Grid::Rows { x: outputs.div_ceil(tile), factor: 1, tile: tokens })
        };
        Call { kernel, constants, grid, rows: product.rows, when }
    }
}

/// How the invocations of a `matvec` workgroup share the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lanes {
    /// Lane groups per workgroup.
    groups: u32,
    /// Invocations per chunk of 32 inputs.
    split: u32,
}

impl Lanes {
    /// For rows of `cols` inputs. In the subgroup variant a group of lanes is a subgroup, which has at least
    /// `subgroup_size` of them.
    fn new(cols: usize, subgroup_size: Option<u32>) -> Lanes {
        let chunks = cols.div_ceil(32) as u32;
        let lanes = match subgroup_size {
            Some(size) => size.clamp(4, matvec::THREADS),
            None if chunks <= 64 => 16,
            None if chunks <= 256 => 32,
            None => 64,
        };
        // Each unit of work costs reading the block's scales once, and about as much for each pair of quads.
        let cost = |split: u32| (chunks * split).div_ceil(lanes) * (1 + 4 / split);
        let split = [1, 2, 4].into_iter().min_by_key(|split| cost(*split)).unwrap_or(1);
        Lanes { groups: matvec::THREADS / lanes, split }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_kept_busy() {
        assert_eq!(Lanes::new(576, None), Lanes { groups: 4, split: 2 });
        assert_eq!(Lanes::new(576, Some(32)), Lanes { groups: 2, split: 1 });
        assert_eq!(Lanes::new(256, Some(64)), Lanes { groups: 1, split: 4 });
        assert_eq!(Lanes::new(9728, None), Lanes { groups: 1, split: 1 });
    }
}
