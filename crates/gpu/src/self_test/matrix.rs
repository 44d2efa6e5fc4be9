//! Matrices, and rows to multiply them with, whose products the host can compute.

use linnet_graph::Activation;
use linnet_quant::{DType, dequantize};
use linnet_shaders::{Math, oracle};

use super::sample::Noise;

/// Distinct rows of a matrix; then they repeat. No tile of a kernel is a multiple of this.
const PERIOD: usize = 13;
/// Rows of a matrix that replaces one larger than [`MOST_BYTES`].
pub(super) const FEW_ROWS: usize = 2 * PERIOD;
/// The largest matrix that is made for a trial.
const MOST_BYTES: usize = 4 << 20;
/// Inputs that share a scale when they are staged.
const BLOCK: usize = 32;
/// The greatest input of each block: with it staging as 8-bit integers is exact.
const GREATEST: f32 = 127.0 / 128.0;
/// The range of the greatest magnitude in a block of a matrix.
const MAGNITUDES: std::ops::RangeInclusive<f32> = 0.05..=8.0;

/// Whether a matrix of a model has too many rows for a trial.
pub(super) fn is_large(dtype: DType, rows: usize, cols: usize) -> bool {
    rows.saturating_mul(cols / dtype.block_values() * dtype.block_bytes()) > MOST_BYTES
}

/// The tolerance of a result, relative to the sum of the products' magnitudes. The error of f32 sums is a thousandth of
/// it; rows that are not [`staged_exactly`] have each input rounded.
pub(super) fn tolerance(math: Math, exact: bool) -> f64 {
    match math {
        Math::F32 => 1e-4,
        Math::Int8 if exact => 1e-4,
        Math::Int8 | Math::F16 => 4e-3,
    }
}

/// Inputs that staging as integers does not change.
pub(super) fn staged_exactly(noise: &mut Noise, count: usize) -> Vec<f32> {
    let mut row = noise.values(count);
    for block in row.chunks_mut(BLOCK) {
        block.iter_mut().for_each(|value| *value = value.clamp(-GREATEST, GREATEST));
        block[0] = GREATEST;
    }
    row
}

/// Gains of a norm: powers of two, which round nothing, the same for all of a block.
pub(super) fn gains(count: usize) -> Vec<f32> {
    (0..count).map(|i| if (i / BLOCK).is_multiple_of(2) { 1.0 } else { 0.5 }).collect()
}

/// `x / rms(x) * gains`.
pub(super) fn normed(x: &[f64], gains: &[f32], eps: f32) -> Vec<f64> {
    let mean = x.iter().map(|value| value * value).sum::<f64>() / x.len() as f64;
    let scale = 1.0 / (mean + f64::from(eps)).sqrt();
    x.iter().zip(gains).map(|(value, gain)| value * scale * f64::from(*gain)).collect()
}

pub(super) fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// A sum, and the sum of the magnitudes of its terms, for the tolerance.
pub(super) type Sum = [f64; 2];

/// `activation(gate) * up`, and its tolerance.
pub(super) fn gated(activation: Activation, gate: Sum, up: Sum, tolerance: f64) -> [f64; 2] {
    let ([gate, gates], [up, ups]) = (gate, up);
    let value = oracle::gated(as_oracle(activation), &[gate as f32], &[up as f32]);
    // No activation grows faster than its gate, except the square.
    let steepness = if activation == Activation::Relu2 { gates } else { 1.0 };
    [f64::from(value[0]), (gates + 1.0) * (ups + 1.0) * steepness * tolerance]
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

/// A matrix whose rows repeat, and a bias.
pub(super) struct Matrix {
    rows: usize,
    /// The bytes of the distinct rows, as in a file.
    pub bytes: Vec<u8>,
    values: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

impl Matrix {
    /// Random blocks with their values. Random bits make scales of all magnitudes, so blocks with extreme ones are
    /// skipped.
    pub fn random(dtype: DType, [rows, cols]: [usize; 2], bias: bool, noise: &mut Noise) -> Matrix {
        let (mut bytes, mut values) = (Vec::new(), Vec::<f32>::new());
        let mut block = vec![0.0; dtype.block_values()];
        while values.len() < rows.min(PERIOD) * cols {
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
        Matrix { rows, bytes, values, bias: bias.then(|| noise.values(rows)) }
    }

    /// For each row `x · row + bias`.
    pub fn products(&self, x: &[f64]) -> Vec<Sum> {
        let different: Vec<Sum> = self.values.chunks(x.len()).map(|row| dot(x, row)).collect();
        let bias = |row: usize| self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[row]));
        let product = |row: usize| {
            let [sum, size] = different[row % different.len()];
            [sum + bias(row), size + bias(row).abs()]
        };
        (0..self.rows).map(product).collect()
    }
}

fn dot(a: &[f64], b: &[f32]) -> Sum {
    let products = a.iter().zip(b).map(|(a, b)| a * f64::from(*b));
    products.fold([0.0; 2], |[sum, size], product| [sum + product, size + product.abs()])
}
