//! Products with known results.

use linnet_graph::{
    Activation, Builder, CompileOptions, Epilogue, Graph, KvFormat, MatMul, Projection, Value, WeightId,
};
use linnet_quant::{DType, dequantize};
use linnet_shaders::{Math, oracle};

use super::{Noise, Sample, TOKENS, bytes};

/// Rows of a matrix that differ; then they repeat. No kernel computes so many at once, or a multiple.
const PERIOD: usize = 13;
/// Rows of a matrix in the place of one that is larger than [`MOST_BYTES`].
const FEW_ROWS: usize = 2 * PERIOD;
/// The largest matrix that is made for a trial.
const MOST_BYTES: usize = 4 << 20;
/// Inputs that share a scale where they are staged.
const BLOCK: usize = 32;
/// The greatest of each block: with it all become integers of 8 bits without being rounded.
const GREATEST: f32 = 127.0 / 128.0;
/// The greatest magnitude in a block of a matrix lies in this range.
const MAGNITUDES: std::ops::RangeInclusive<f32> = 0.05..=8.0;

/// How far a result may be off, as a part of the sum of the products' magnitudes. f32 sums are off by a thousandth of it.
fn tolerance(math: Math) -> f64 {
    match math {
        Math::F32 | Math::Int8 => 1e-4,
        Math::F16 => 4e-3,
    }
}

/// Which kernels compute a product.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Kind {
    /// Block format of the matrix or matrices.
    pub dtype: DType,
    /// Of two matrices, as in [`Epilogue::Gated`].
    pub gated: Option<Activation>,
}

/// A product of a model: what tells its pipelines from others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Shape {
    pub kind: Kind,
    /// Outputs, of each matrix.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// The model has it of many rows, too.
    pub many: bool,
    /// It is a part of a product of several matrices, whose pipelines are others.
    pub joined: bool,
    /// The inputs are normed first, with this epsilon.
    pub norm: Option<f32>,
    pub bias: bool,
    /// A row is added to the outputs.
    pub residual: bool,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gated = if self.kind.gated.is_some() { "gated " } else { "" };
        write!(f, "{gated}product with {} rows of {} values in {}", self.rows, self.cols, self.kind.dtype)
    }
}

impl Shape {
    /// The products of a node, which has them of many rows or only of one.
    pub fn of(graph: &Graph, op: &MatMul, many: bool) -> Vec<Shape> {
        let one = |projection: &Projection, gated, epilogue| {
            let spec = graph.weight(projection.weight);
            Shape {
                kind: Kind { dtype: spec.dtype, gated },
                rows: spec.rows,
                cols: spec.cols,
                many,
                joined: epilogue == Epilogue::Joined,
                norm: op.norm.filter(|_| op.before.is_none()).map(|norm| norm.eps),
                bias: projection.bias.is_some(),
                residual: epilogue == Epilogue::Residual,
            }
        };
        let dtype = |projection: &Projection| graph.weight(projection.weight).dtype;
        match (op.epilogue, &op.projections[..]) {
            (Epilogue::Gated(activation), [gate, up]) if dtype(gate) == dtype(up) => {
                vec![one(gate, Some(activation), op.epilogue)]
            }
            // Where they differ, each is a product of its own.
            (epilogue, projections) => projections.iter().map(|p| one(p, None, epilogue)).collect(),
        }
    }

    /// Whether the same kernels compute both.
    pub fn is_alike(&self, other: &Shape) -> bool {
        self.kind.dtype == other.kind.dtype && self.kind.gated.is_some() == other.kind.gated.is_some()
    }

    /// What speaks against trying this one rather than another that is alike: first that it leaves kernels out, then that it
    /// has pipelines of its own, then its size.
    pub fn work(&self) -> (bool, bool, usize) {
        (!self.many, self.joined, self.rows * self.cols)
    }

    /// The same with fewer rows where there are too many.
    pub fn within_bounds(self) -> Shape {
        let row = self.cols / self.kind.dtype.block_values() * self.kind.dtype.block_bytes();
        let rows = if self.rows * row > MOST_BYTES { FEW_ROWS.min(self.rows) } else { self.rows };
        Shape { rows, ..self }
    }
}

/// A matrix whose rows repeat, and what is added to its products.
struct Matrix {
    rows: usize,
    bytes: Vec<u8>,
    /// Of the rows that differ.
    values: Vec<f32>,
    bias: Option<Vec<f32>>,
}

/// A product of this shape that is computed in `math`.
pub(super) fn sample(shape: &Shape, math: Math) -> Sample {
    let Shape { kind: Kind { dtype, gated }, rows, cols, many, norm, bias, residual, .. } = *shape;
    let mut noise = Noise(dtype.ggml_id().into());
    // A token's inputs and what is added to its outputs.
    let added = if residual { rows } else { 0 };
    let mut table = noise.values(TOKENS * (cols + added));
    for token in table.chunks_mut(cols + added) {
        for block in token[..cols].chunks_mut(BLOCK) {
            block.iter_mut().for_each(|value| *value = value.clamp(-GREATEST, GREATEST));
            block[0] = GREATEST;
        }
    }
    let matrices: Vec<Matrix> = (0..1 + usize::from(gated.is_some()))
        .map(|_| matrix(shape, &mut noise).with_bias(bias.then(|| noise.values(rows))))
        .collect();
    // Powers of two, so that they round nothing, the same for all of a block.
    let gains: Vec<f32> = (0..cols).map(|i| if (i / BLOCK).is_multiple_of(2) { 1.0 } else { 0.5 }).collect();

    let g = Builder::new();
    let mut weights = vec![bytes(&table)];
    let row = g.embed(g.weight("x", DType::F32, TOKENS, cols + added));
    let (mut x, mut summand) = (row, None);
    if residual {
        (x, summand) = (g.slice(row, 0, cols), Some(g.slice(row, cols, rows)));
    }
    if !many {
        (x, summand) = (g.select_rows(x), summand.map(|row| g.select_rows(row)));
    }
    if let Some(eps) = norm {
        weights.push(bytes(&gains));
        x = g.rms_norm(x, g.weight("gains", DType::F32, 1, cols), eps);
    }
    let mut products = matrices.iter().zip(["gate", "up"]).map(|(matrix, name)| {
        weights.push(matrix.bytes.clone());
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

    let first = if many { 0 } else { TOKENS - 1 };
    let expected = table.chunks(cols + added).skip(first).map(|token| {
        let (x, summands) = token.split_at(cols);
        let (x, scale) = match norm {
            Some(eps) => {
                let square: f64 = x.iter().map(|value| f64::from(*value).powi(2)).sum();
                let normed: Vec<f32> = x.iter().zip(&gains).map(|(value, gain)| value * gain).collect();
                (normed, 1.0 / (square / cols as f64 + f64::from(eps)).sqrt())
            }
            None => (x.to_vec(), 1.0),
        };
        let sums: Vec<Vec<[f64; 2]>> = matrices.iter().map(|matrix| matrix.products(&x, scale)).collect();
        let output = |row: usize| output(&sums, row, gated, summands.get(row), tolerance(math));
        (0..rows).map(output).collect()
    });
    let options = CompileOptions {
        context_length: TOKENS,
        max_batch: TOKENS,
        max_logits: TOKENS - first,
        kv: KvFormat::F32,
    };
    Sample { expected: expected.collect(), graph: g.finish(logits), weights, options }
}

/// What becomes of the products of a row, and how far it may be off.
fn output(
    sums: &[Vec<[f64; 2]>],
    row: usize,
    gated: Option<Activation>,
    summand: Option<&f32>,
    tolerance: f64,
) -> [f64; 2] {
    match (sums, gated) {
        ([gates, ups], Some(activation)) => {
            let ([gate, gates], [up, ups]) = (gates[row], ups[row]);
            let value = oracle::gated(as_oracle(activation), &[gate as f32], &[up as f32]);
            // None of the activations grows faster than its gate, but for one that is its square.
            let steepness = if activation == Activation::Relu2 { gates } else { 1.0 };
            [f64::from(value[0]), (gates + 1.0) * (ups + 1.0) * steepness * tolerance]
        }
        (sums, _) => {
            let [sum, size] = sums[0][row];
            [sum + summand.map_or(0.0, |summand| f64::from(*summand)), size * tolerance]
        }
    }
}

fn as_oracle(activation: Activation) -> oracle::Activation {
    match activation {
        Activation::Identity => oracle::Activation::Identity,
        Activation::Silu => oracle::Activation::Silu,
        Activation::Gelu => oracle::Activation::Gelu,
        Activation::Relu2 => oracle::Activation::Relu2,
        Activation::Sigmoid => oracle::Activation::Sigmoid,
        Activation::ClampedSwiGlu => oracle::Activation::ClampedSwiGlu,
    }
}

impl Matrix {
    fn with_bias(self, bias: Option<Vec<f32>>) -> Matrix {
        Matrix { bias, ..self }
    }

    /// For each row `scale * x · row + bias`, and the sum of the magnitudes of what is added up.
    fn products(&self, x: &[f32], scale: f64) -> Vec<[f64; 2]> {
        let different: Vec<[f64; 2]> = self.values.chunks(x.len()).map(|row| dot(x, row)).collect();
        let bias = |row: usize| self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[row]));
        let product = |row: usize| {
            let [sum, size] = different[row % different.len()];
            [sum * scale + bias(row), size * scale + bias(row).abs()]
        };
        (0..self.rows).map(product).collect()
    }
}

/// Random blocks with their values. Random bits make scales of all magnitudes: of those only the middling are taken.
fn matrix(shape: &Shape, noise: &mut Noise) -> Matrix {
    let dtype = shape.kind.dtype;
    let (mut bytes, mut values) = (Vec::new(), Vec::<f32>::new());
    let mut block = vec![0.0; dtype.block_values()];
    while values.len() < shape.rows.min(PERIOD) * shape.cols {
        let start = bytes.len();
        bytes.extend((0..dtype.block_bytes()).map(|_| noise.bits() as u8));
        let decoded = dequantize(dtype, &bytes[start..], &mut block).is_ok();
        let finite = block.iter().all(|value| value.is_finite());
        let greatest = block.iter().fold(0.0, |greatest: f32, value| greatest.max(value.abs()));
        if decoded && finite && MAGNITUDES.contains(&greatest) {
            values.extend_from_slice(&block);
        } else {
            bytes.truncate(start);
        }
    }
    Matrix { rows: shape.rows, bytes, values, bias: None }
}

/// The sum of the products, and of their magnitudes.
fn dot(a: &[f32], b: &[f32]) -> [f64; 2] {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.fold([0.0; 2], |[sum, size], product| [sum + product, size + product.abs()])
}
