//! Products with known results.

use linnet_graph::Builder;
use linnet_quant::{DType, dequantize};
use linnet_shaders::Math;

use super::{Noise, Sample, TOKENS, bytes};

/// Inputs: a block of every format, and several of most.
const COLS: usize = 256;
/// Outputs, more than one invocation has, and no whole number of tiles.
const ROWS: usize = 12;
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

/// A product with a matrix of `dtype`, or the gated product of two, that is computed in `math`.
pub(super) fn sample(dtype: DType, gated: bool, math: Math) -> Sample {
    let mut noise = Noise(dtype.ggml_id().into());
    let mut x = noise.values(TOKENS * COLS);
    for block in x.chunks_mut(BLOCK) {
        block.iter_mut().for_each(|value| *value = value.clamp(-GREATEST, GREATEST));
        block[0] = GREATEST;
    }
    let matrices: Vec<(Vec<u8>, Vec<f32>)> =
        (0..1 + usize::from(gated)).map(|_| matrix(dtype, &mut noise)).collect();

    let g = Builder::new();
    let table = g.weight("x", DType::F32, TOKENS, COLS);
    let names = &["gate", "up"][..matrices.len()];
    let ids: Vec<_> = names.iter().map(|name| g.weight(name, dtype, ROWS, COLS)).collect();
    let selected = g.select_rows(g.embed(table));
    let logits = match ids[..] {
        [gate, up] => g.swiglu(g.matmul(gate, selected), g.matmul(up, selected)),
        _ => g.matmul(ids[0], selected),
    };
    let tolerance = tolerance(math);
    let expected = x.chunks(COLS).map(|x| {
        let output = |row: usize| {
            let mut sums = matrices.iter().map(|(_, values)| dot(x, &values[row * COLS..][..COLS]));
            match (sums.next(), sums.next()) {
                (Some([gate, gates]), Some([up, ups])) => {
                    [gate / (1.0 + (-gate).exp()) * up, gates * ups * tolerance]
                }
                (sum, _) => sum.map_or([0.0; 2], |[sum, size]| [sum, size * tolerance]),
            }
        };
        (0..ROWS).map(output).collect()
    });
    Sample {
        expected: expected.collect(),
        graph: g.finish(logits),
        weights: std::iter::once(bytes(&x)).chain(matrices.iter().map(|(bytes, _)| bytes.clone())).collect(),
    }
}

/// Random blocks with their values. Random bits make scales of all magnitudes: of those only the middling are taken.
fn matrix(dtype: DType, noise: &mut Noise) -> (Vec<u8>, Vec<f32>) {
    let (mut bytes, mut values) = (Vec::new(), Vec::<f32>::new());
    let mut block = vec![0.0; dtype.block_values()];
    while values.len() < ROWS * COLS {
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
    (bytes, values)
}

/// The sum of the products, and of their magnitudes.
fn dot(a: &[f32], b: &[f32]) -> [f64; 2] {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.fold([0.0; 2], |[sum, size], product| [sum + product, size + product.abs()])
}
