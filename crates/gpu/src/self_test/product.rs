//! Products with known results.

use linnet_graph::{
    Activation, Builder, FusedEpilogue, FusedMatMul, FusedOp, Graph, Projection, Value, WeightId, fuse,
    fuse_dispatches,
};
use linnet_quant::DType;
use linnet_shaders::{Format, Math};

use super::matrix::{self, FEW_ROWS, Matrix, doubles, gains, is_large, normed, staged_exactly, tolerance};
use super::sample::{Noise, Sample, TOKENS, bytes, options};

/// A product of a model: the properties that determine its pipelines.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ProductCase {
    /// Block format of the matrix or matrices.
    pub dtype: DType,
    /// It has two matrices, as in [`FusedEpilogue::Gated`].
    pub gated: Option<Activation>,
    /// Outputs of each matrix.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// The model also computes it for many rows.
    pub many: bool,
    /// It is a part of a product of several matrices, which has other pipelines.
    pub joined: bool,
    /// It computes its inputs as a sum with a norm of this epsilon, as in [`FusedMatMul::fused_add_norm`].
    pub fused_add_norm: Option<f32>,
    /// The second matrix of the dispatch for one row.
    pub second_matrix: Option<SecondMatrix>,
    /// It normalizes its inputs first, with this epsilon.
    pub norm: Option<f32>,
    pub bias: bool,
    /// A row is added to the outputs.
    pub residual: bool,
}

/// A second matrix whose outputs follow those of the first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum SecondMatrix {
    /// A matrix of another format, and its outputs.
    Other(DType, usize),
    /// The rest of the first matrix, which is too large for one buffer.
    Rest,
}

impl std::fmt::Display for ProductCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gated = if self.gated.is_some() { "gated " } else { "" };
        write!(f, "{gated}product with {} rows of {} values in {}", self.rows, self.cols, self.dtype)?;
        match self.second_matrix {
            Some(SecondMatrix::Other(dtype, rows)) => write!(f, " and {rows} in {dtype}"),
            Some(SecondMatrix::Rest) => f.write_str(" in two buffers"),
            None => Ok(()),
        }?;
        if self.fused_add_norm.is_some() { f.write_str(" of a sum") } else { Ok(()) }
    }
}

impl ProductCase {
    /// The products of a node, for many rows or only for one, on a device whose buffers for weights have at most
    /// `max_part` bytes.
    pub fn of(graph: &Graph<FusedOp>, op: &FusedMatMul, many: bool, max_part: u64) -> Vec<ProductCase> {
        let one = |projection: &Projection| {
            let spec = graph.weight(projection.weight);
            let large = spec.byte_len() as u64 > max_part;
            ProductCase {
                dtype: spec.dtype,
                gated: None,
                rows: spec.rows,
                cols: spec.cols,
                many,
                joined: op.epilogue == FusedEpilogue::Joined,
                fused_add_norm: op.fused_add_norm.map(|add| add.norm.eps),
                second_matrix: (large && Format::of(spec.dtype).is_halved()).then_some(SecondMatrix::Rest),
                norm: op.norm.map(|norm| norm.eps),
                bias: projection.bias.is_some(),
                residual: matches!(op.epilogue, FusedEpilogue::Residual { .. }),
            }
        };
        let mut shapes: Vec<ProductCase> = op.projections.iter().map(one).collect();
        match (op.epilogue, &shapes[..]) {
            (FusedEpilogue::Gated(activation), [gate, up]) if gate.dtype == up.dtype => {
                shapes = vec![ProductCase { gated: Some(activation), second_matrix: None, ..*gate }];
            }
            (FusedEpilogue::GatedHalves(activation), [both]) => {
                let second_matrix = None;
                shapes = vec![ProductCase {
                    gated: Some(activation),
                    rows: both.rows / 2,
                    second_matrix,
                    ..*both
                }];
            }
            (FusedEpilogue::Joined, _) => shapes = joined(&shapes),
            _ => {}
        }
        // The first product computes the sum for all.
        shapes.iter_mut().skip(1).for_each(|shape| shape.fused_add_norm = None);
        shapes
    }

    /// Whether the same kernels compute both.
    pub fn is_alike(&self, other: &ProductCase) -> bool {
        let second_matrix = |shape: &ProductCase| match shape.second_matrix {
            Some(SecondMatrix::Other(dtype, _)) => Some(dtype),
            Some(SecondMatrix::Rest) => Some(shape.dtype),
            None => None,
        };
        let kernel = |shape: &ProductCase| {
            (shape.dtype, shape.gated.is_some(), shape.fused_add_norm.is_some(), second_matrix(shape))
        };
        kernel(self) == kernel(other)
    }

    /// The cost of a trial, to compare with similar ones: first whether it leaves kernels untested, then whether it
    /// needs pipelines of its own, then its size.
    pub fn work(&self) -> (bool, bool, usize) {
        (!self.many, self.joined, self.rows * self.cols)
    }

    /// The same with fewer rows if there are too many.
    pub fn within_bounds(self) -> ProductCase {
        let few = |dtype, rows| if is_large(dtype, rows, self.cols) { FEW_ROWS.min(rows) } else { rows };
        let second_matrix = match self.second_matrix {
            Some(SecondMatrix::Other(dtype, rows)) => Some(SecondMatrix::Other(dtype, few(dtype, rows))),
            second_matrix => second_matrix,
        };
        ProductCase { rows: few(self.dtype, self.rows), second_matrix, ..self }
    }
}

/// The dispatches of products whose outputs form one row: neighbours of one format share a buffer, and a dispatch for
/// one row reads two buffers if there is a kernel for it.
fn joined(shapes: &[ProductCase]) -> Vec<ProductCase> {
    let runs = shapes.chunk_by(|a, b| a.dtype == b.dtype);
    let runs: Vec<ProductCase> =
        runs.map(|run| ProductCase { rows: run.iter().map(|shape| shape.rows).sum(), ..run[0] }).collect();
    let alone = runs.len() == 1;
    let mut runs = runs.into_iter().peekable();
    let mut shapes = Vec::new();
    while let Some(run) = runs.next() {
        let second_matrix = runs.next_if(|next| Format::of(run.dtype).is_pair(Format::of(next.dtype)));
        let all = alone || (shapes.is_empty() && second_matrix.is_some() && runs.peek().is_none());
        let second_matrix = second_matrix.map(|next| SecondMatrix::Other(next.dtype, next.rows));
        shapes.push(ProductCase { joined: !all, second_matrix, ..run });
    }
    shapes
}

/// A product of this shape, computed in `math`.
pub(super) fn sample(shape: &ProductCase, math: Math) -> Sample {
    let ProductCase { dtype, gated, rows, cols, many, fused_add_norm, norm, bias, residual, .. } = *shape;
    let mut noise = Noise(dtype.ggml_id().into());
    let second = match shape.second_matrix {
        Some(SecondMatrix::Other(dtype, rows)) => Some((dtype, rows)),
        _ => gated.map(|_| (dtype, rows)),
    };
    let matrices: Vec<Matrix> = std::iter::once((dtype, rows))
        .chain(second)
        .map(|(dtype, rows)| Matrix::random(dtype, [rows, cols], bias, &mut noise))
        .collect();
    // The inputs of a token, the residual of the sum before them, and the residual of the outputs.
    let parts = [cols, if fused_add_norm.is_some() { cols } else { 0 }, if residual { rows } else { 0 }];
    let width = parts.iter().sum();
    let tokens: Vec<[Vec<f32>; 3]> = (0..TOKENS)
        .map(|_| [staged_exactly(&mut noise, cols), noise.values(parts[1]), noise.values(parts[2])])
        .collect();
    let gains = gains(cols);

    let g = Builder::new();
    let mut weights = vec![bytes(&tokens.as_flattened().concat())];
    let row = g.embed(g.weight("x", DType::F32, TOKENS, width));
    let part = |which: usize| g.slice(row, parts[..which].iter().sum(), parts[which]);
    let mut norm_by_gains = |name: &str, x, eps| {
        weights.push(bytes(&gains));
        g.rms_norm(x, g.weight(name, DType::F32, 1, cols), eps)
    };
    let mut x = if width == cols { row } else { part(0) };
    if let Some(eps) = fused_add_norm {
        x = g.add(part(1), norm_by_gains("before", x, eps));
    }
    let mut summand = residual.then(|| part(2));
    if !many {
        (x, summand) = (g.select_rows(x), summand.map(|row| g.select_rows(row)));
    }
    if let Some(eps) = norm {
        x = norm_by_gains("norm", x, eps);
    }
    let mut products = matrices.iter().zip(["first", "second"]).map(|(matrix, name)| {
        weights.push(matrix.bytes.clone());
        let (dtype, rows) = if name == "first" { (dtype, rows) } else { second.unwrap_or((dtype, rows)) };
        let weight = g.weight(name, dtype, rows, cols);
        let bias = matrix.bias.as_ref().map(|bias| -> WeightId {
            weights.push(bytes(bias));
            g.weight(&format!("{name} bias"), DType::F32, 1, rows)
        });
        g.matmul_bias(weight, bias, x)
    });
    let products: [Option<Value>; 2] = [products.next(), products.next()];
    let y = match (products, gated, summand) {
        ([Some(gate), Some(up)], Some(activation), _) => g.gated(activation, gate, up),
        ([Some(product), _], _, Some(summand)) => g.add(summand, product),
        ([product, _], ..) => product.unwrap_or(x),
    };
    let logits = if many { g.select_rows(y) } else { y };
    let graph = g.finish(logits).map(fuse).map(fuse_dispatches).map(|graph| match shape.second_matrix {
        Some(SecondMatrix::Other(..)) => as_one_row(graph),
        _ => graph,
    });

    let tolerance = tolerance(math, fused_add_norm.is_none());
    let expected = |[x, stream, summands]: &[Vec<f32>; 3]| {
        let mut x = doubles(x);
        if let Some(eps) = fused_add_norm {
            x = normed(&x, &gains, eps).iter().zip(stream).map(|(x, sum)| x + f64::from(*sum)).collect();
        }
        if let Some(eps) = norm {
            x = normed(&x, &gains, eps);
        }
        let sums: Vec<Vec<matrix::Sum>> = matrices.iter().map(|matrix| matrix.products(&x)).collect();
        match (&sums[..], gated) {
            ([gates, ups], Some(activation)) => {
                let pairs = gates.iter().zip(ups);
                pairs.map(|(gate, up)| matrix::gated(activation, *gate, *up, tolerance)).collect()
            }
            _ => {
                let summands = summands.iter().copied().chain(std::iter::repeat(0.0));
                let sums = sums.concat().into_iter().zip(summands);
                sums.map(|([sum, size], summand)| [sum + f64::from(summand), size * tolerance]).collect()
            }
        }
    };
    let first = if many { 0 } else { TOKENS - 1 };
    let options = options(TOKENS - first);
    let most_rows =
        if shape.second_matrix == Some(SecondMatrix::Rest) { rows.div_ceil(2) } else { usize::MAX };
    let expected = tokens[first..].iter().map(expected).collect();
    Sample { graph, weights, most_rows, options, expected, far: None }
}

/// Joins the outputs of two matrices in one row, as fusion does for queries, keys and values.
fn as_one_row(mut graph: Graph<FusedOp>) -> Graph<FusedOp> {
    for node in &mut graph.nodes {
        let FusedOp::MatMul(op) = &mut node.op else { continue };
        op.epilogue = FusedEpilogue::Joined;
        node.outputs.remove(1);
        let width = op.projections.iter().map(|p| graph.weights[p.weight.0 as usize].rows).sum();
        for value in [node.outputs[0], graph.logits] {
            graph.values[value.0 as usize].width = width;
        }
    }
    graph
}
