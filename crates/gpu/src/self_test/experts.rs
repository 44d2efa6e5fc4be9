//! Products with the matrices of experts, with known results.

use linnet_graph::{
    Activation, Builder, Choice, CompileOptions, FusedOp, Graph, Node, fuse, fuse_dispatches,
};
use linnet_quant::DType;
use linnet_shaders::Math;

use super::matrix::{self, FEW_ROWS, Matrix, doubles, gains, is_large, normed, staged_exactly, tolerance};
use super::sample::{Noise, Sample, TOKENS, bytes, options};

/// The result of the products.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Makes {
    /// The products themselves.
    Products,
    /// `activation(gate) * up` with the products of a second stack.
    Gated(Activation),
    /// Their weighted sum, with or without a residual.
    Sum { residual: bool },
}

/// Products with experts of a model: the properties that determine their pipelines.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ExpertsCase {
    pub makes: Makes,
    /// Block format of the stack of matrices.
    pub dtype: DType,
    pub experts: usize,
    /// Experts of a row.
    pub used: usize,
    /// Outputs of each expert.
    pub rows: usize,
    /// Inputs of each.
    pub cols: usize,
    /// All experts of a row read the same inputs.
    pub shared: bool,
    /// The model also computes them for many rows.
    pub many: bool,
    /// The inputs are normalized first, with this epsilon.
    pub norm: Option<f32>,
    pub bias: bool,
}

impl std::fmt::Display for ExpertsCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ExpertsCase { experts, used, rows, cols, dtype, .. } = self;
        let what = match self.makes {
            Makes::Products => "products",
            Makes::Gated(_) => "gated products",
            Makes::Sum { .. } => "sum of products",
        };
        write!(f, "{what} with {used} of {experts} experts of {rows} rows of {cols} values in {dtype}")
    }
}

impl ExpertsCase {
    /// The products of a node, if it has any.
    pub fn of(graph: &Graph<FusedOp>, node: &Node<FusedOp>, options: CompileOptions) -> Option<ExpertsCase> {
        let residual = node.inputs.len() > 3;
        let (op, makes, norm) = match &node.op {
            FusedOp::ExpertMatMul(op) => (op, Makes::Products, None),
            FusedOp::GatedExperts(op) => (&op.gate, Makes::Gated(op.activation), op.norm),
            FusedOp::ExpertSum(op) => (op, Makes::Sum { residual }, None),
            _ => return None,
        };
        let (spec, input) = (graph.weight(op.weight), graph.value(*node.inputs.first()?));
        Some(ExpertsCase {
            makes,
            dtype: spec.dtype,
            experts: op.experts,
            used: op.used,
            rows: spec.rows / op.experts.max(1),
            cols: spec.cols,
            shared: input.width == spec.cols && !matches!(makes, Makes::Sum { .. }),
            many: options.max_rows(input.rows) > 1,
            norm: norm.map(|norm| norm.eps),
            bias: op.bias.is_some(),
        })
    }

    /// Whether the same kernels compute both.
    pub fn is_alike(&self, other: &ExpertsCase) -> bool {
        self.dtype == other.dtype
            && std::mem::discriminant(&self.makes) == std::mem::discriminant(&other.makes)
    }

    /// The cost of a trial, to compare with similar ones.
    pub fn work(&self) -> (bool, usize) {
        (!self.many, self.rows * self.cols)
    }

    /// The same with fewer experts and rows if there are too many.
    pub fn within_bounds(self) -> ExpertsCase {
        if !is_large(self.dtype, self.experts * self.rows, self.cols) {
            return self;
        }
        ExpertsCase { experts: self.experts.min(self.used + 1), rows: self.rows.min(FEW_ROWS), ..self }
    }
}

/// Products of this shape, computed in `math`. The embedding of a token is its inputs, its experts, their weights, and
/// the residual of the sum.
pub(super) fn sample(shape: &ExpertsCase, math: Math) -> Sample {
    let ExpertsCase { makes, dtype, experts, used, rows, cols, shared, many, norm, bias } = *shape;
    let mut noise = Noise(dtype.ggml_id().into());
    let stacks: Vec<Matrix> = (0..if matches!(makes, Makes::Gated(_)) { 2 } else { 1 })
        .map(|_| Matrix::random(dtype, [experts * rows, cols], bias, &mut noise))
        .collect();
    let residual = makes == Makes::Sum { residual: true };
    let inputs = if shared { cols } else { used * cols };
    let parts = [inputs, used, used, if residual { rows } else { 0 }];
    let tokens: Vec<[Vec<f32>; 4]> = (0..TOKENS)
        .map(|token| {
            let ids = (0..used).map(|slot| ((token + slot) % experts) as f32).collect();
            [staged_exactly(&mut noise, inputs), ids, noise.values(used), noise.values(parts[3])]
        })
        .collect();
    let gains = gains(cols);

    let g = Builder::new();
    let mut weights = vec![bytes(&tokens.as_flattened().concat())];
    let row = g.embed(g.weight("x", DType::F32, TOKENS, parts.iter().sum()));
    let part = |which: usize| {
        let part = g.slice(row, parts[..which].iter().sum(), parts[which]);
        if many { part } else { g.select_rows(part) }
    };
    let (mut x, choice) = (part(0), Choice { ids: part(1), weights: part(2) });
    if let Some(eps) = norm {
        weights.push(bytes(&gains));
        x = g.rms_norm(x, g.weight("norm", DType::F32, 1, cols), eps);
    }
    let mut products = stacks.iter().zip(["first", "second"]).map(|(stack, name)| {
        weights.push(stack.bytes.clone());
        let weight = g.weight(name, dtype, experts * rows, cols);
        let bias = stack.bias.as_ref().map(|bias| {
            weights.push(bytes(bias));
            g.weight(&format!("{name} bias"), DType::F32, experts, rows)
        });
        g.expert_matmul((weight, experts), bias, x, choice)
    });
    let y = match (makes, products.next(), products.next()) {
        (Makes::Gated(activation), Some(gate), Some(up)) => g.gated(activation, gate, up),
        (Makes::Sum { .. }, Some(products), _) => {
            let sum = g.weighted_sum(products, choice);
            if residual { g.add(part(3), sum) } else { sum }
        }
        (_, products, _) => products.unwrap_or(x),
    };
    let logits = if many { g.select_rows(y) } else { y };
    let graph = g.finish(logits).map(fuse).map(fuse_dispatches);

    let tolerance = tolerance(math, true);
    let expected = |[x, ids, shares, summands]: &[Vec<f32>; 4]| {
        let slots = ids.iter().enumerate().map(|(slot, id)| {
            let mut x = doubles(if shared { x } else { &x[slot * cols..][..cols] });
            if let Some(eps) = norm {
                x = normed(&x, &gains, eps);
            }
            let of_expert = *id as usize * rows..(*id as usize + 1) * rows;
            stacks.iter().map(|stack| stack.products(&x)[of_expert.clone()].to_vec()).collect()
        });
        let slots: Vec<Vec<Vec<matrix::Sum>>> = slots.collect();
        match makes {
            Makes::Products => {
                slots.iter().flat_map(|sums| &sums[0]).map(|[sum, size]| [*sum, size * tolerance]).collect()
            }
            Makes::Gated(activation) => slots
                .iter()
                .flat_map(|sums| sums[0].iter().zip(&sums[1]))
                .map(|(gate, up)| matrix::gated(activation, *gate, *up, tolerance))
                .collect(),
            Makes::Sum { .. } => (0..rows)
                .map(|row| {
                    let terms =
                        slots.iter().zip(shares).map(|(sums, share)| (sums[0][row], f64::from(*share)));
                    let start = [summands.get(row).map_or(0.0, |summand| f64::from(*summand)), 0.0];
                    let [sum, size] = terms.fold(start, |[sum, size], ([product, of], share)| {
                        [sum + product * share, size + of * share.abs()]
                    });
                    [sum, (size + 1.0) * tolerance]
                })
                .collect(),
        }
    };
    let first = if many { 0 } else { TOKENS - 1 };
    let options = options(TOKENS - first);
    let expected = tokens[first..].iter().map(expected).collect();
    Sample { graph, weights, most_rows: usize::MAX, options, expected, far: None }
}
