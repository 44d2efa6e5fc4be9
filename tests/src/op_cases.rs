//! Matrix products, norms, RoPE and a model's first and last operations, alone and fused.

use linnet_graph::{Activation, Rope, RopeFactors, RopeStyle};
use linnet_quant::DType;

use crate::case::{Case, Recorder, VOCABULARY, tile_borders};
use crate::{COMMON, RARE};

/// For copies, and arithmetic rounded to f32 a few times: 2^-24 squared is 4e-15.
pub(crate) const EXACT: f64 = 1e-12;

/// For f32 sums and approximated functions (exp, sin, 1/sqrt): errors of a few 1e-7.
pub(crate) const F32: f64 = 1e-11;

/// For matrix products whose input may be rounded to 16 bits per block, but not further. That gives 2.5e-10
/// on average, and up to 1e-8 where a row's products happen to cancel; 8-bit activations would give 2e-5.
pub(crate) const MATMUL: f64 = 5e-8;

/// The same for rows of one or two outputs, where cancellation does not average out.
const NARROW: f64 = 2e-6;

/// Outputs of a product that has the shape of others, so that they share a kernel: two tiles of any kernel, the second
/// of them cut.
const OUTPUTS: usize = 90;

/// A width of a few blocks in every kernel, but not a multiple of anything larger.
fn cols(dtype: DType) -> usize {
    match dtype.block_values() {
        1 => 76,
        32 => 96,
        block => 3 * block,
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in COMMON {
        cases.push(embed(dtype));
        cases.push(matmul(dtype, OUTPUTS));
        cases.push(swiglu_epilogue(dtype, dtype, OUTPUTS));
        cases.push(residual_epilogue(dtype));
        cases.push(scaled_residual(dtype));
        cases.push(gated_halves(dtype, OUTPUTS / 2));
        cases.push(head(dtype));
    }
    // How a kernel splits the rows of a matrix does not depend on their content.
    for dtype in [DType::F32, DType::Q4_1, DType::Q8_0, DType::Q6_K] {
        for rows in [1, 2, 7, 8, 9, 16, 130] {
            cases.push(matmul_rows(dtype, rows));
        }
    }
    for dtype in RARE {
        cases.push(matmul(dtype, VOCABULARY));
        cases.push(head(dtype));
    }
    cases.push(swiglu_epilogue(DType::IQ2_S, DType::IQ2_S, VOCABULARY));
    for width in [1, 3, 8, 36, 100, 576] {
        cases.push(rms_norm(width));
        cases.push(add(width));
    }
    cases.extend([
        matmul_long(DType::Q4_1),
        matmul_long(DType::Q8_0),
        bias(),
        outlier(),
        qkv([DType::Q4_K, DType::Q4_K, DType::Q6_K]),
        qkv([DType::Q4_0, DType::Q5_0, DType::F16]),
        qkv([DType::F32, DType::Q8_0, DType::Q4_1]),
        swiglu_epilogue(DType::Q4_1, DType::Q8_0, 129),
        gated_halves(DType::Q8_0, 129),
        select_rows(),
        ties(),
    ]);
    for style in [RopeStyle::Interleaved, RopeStyle::Halves] {
        cases.push(rope(style, 3, 8, 4, false));
        cases.push(rope(style, 2, 20, 6, false));
        cases.push(rope(style, 9, 64, 32, true));
    }
    cases.push(rope_by_context());
    for (heads, width) in [(1, 36), (4, 32), (3, 20), (2, 256)] {
        cases.push(head_norm(heads, width, true));
        cases.push(head_norm(heads, width, false));
    }
    for activation in [Activation::Gelu, Activation::Relu2, Activation::Identity] {
        cases.push(gated_epilogue(activation, DType::Q4_0, DType::Q4_0));
        cases.push(gated_epilogue(activation, DType::Q8_0, DType::Q4_0));
    }
    cases
}

fn embed(dtype: DType) -> Case {
    let r = Recorder::new(format!("embed {dtype}"));
    let x = r.g.embed(r.weight(dtype, VOCABULARY, cols(dtype), 1.0));
    r.case(x, vec![(0, 1), (0, 9), (0, 67)], EXACT)
}

fn rms_norm(width: usize) -> Case {
    let r = Recorder::new(format!("rms_norm {width}"));
    let y = r.g.rms_norm(r.input(width), r.vector(width), 1e-5);
    r.case(y, vec![(0, 1), (0, 5), (0, 33)], F32)
}

fn add(width: usize) -> Case {
    let r = Recorder::new(format!("add {width}"));
    let y = r.g.add(r.input(width), r.input(width));
    r.case(y, vec![(0, 1), (0, 33)], EXACT)
}

fn matmul(dtype: DType, rows: usize) -> Case {
    let r = Recorder::new(format!("matmul {dtype}"));
    let y = r.g.matmul(r.matrix(dtype, rows, cols(dtype)), r.input(cols(dtype)));
    r.case(y, tile_borders(), MATMUL)
}

fn matmul_rows(dtype: DType, rows: usize) -> Case {
    let r = Recorder::new(format!("matmul {dtype} of {rows} rows"));
    let cols = dtype.block_values().max(32);
    let y = r.g.matmul(r.matrix(dtype, rows, cols), r.input(cols));
    r.case(y, vec![(0, 1), (0, 6)], if rows > 2 { MATMUL } else { NARROW })
}

/// Rows as long as a small model's longest.
fn matmul_long(dtype: DType) -> Case {
    let r = Recorder::new(format!("matmul {dtype} of 1536 columns"));
    let y = r.g.matmul(r.matrix(dtype, 20, 1536), r.input(1536));
    r.case(y, vec![(0, 1), (0, 9)], MATMUL)
}

fn bias() -> Case {
    let r = Recorder::new("matmul with bias");
    let y = r.g.matmul_bias(r.matrix(DType::Q4_0, 21, 64), Some(r.vector(21)), r.input(64));
    r.case(y, vec![(0, 1), (0, 2), (0, 33)], MATMUL)
}

/// One activation a thousand times larger than the others, as in the inputs of real down projections.
fn outlier() -> Case {
    let r = Recorder::new("matmul with an outlier");
    let mut values = vec![0.01; VOCABULARY * 96];
    for (i, value) in values.iter_mut().enumerate() {
        *value *= ((i * 37 % 101) as f32 - 50.0) / 50.0;
    }
    values.iter_mut().skip(40).step_by(96).for_each(|value| *value = 10.0);
    let x = r.g.embed(r.exact(VOCABULARY, &values));
    let y = r.g.matmul(r.matrix(DType::Q8_0, 24, 96), x);
    r.case(y, vec![(0, 1), (0, 8)], MATMUL)
}

/// A norm and three projections with different formats and heights, which fuse into one node.
fn qkv(dtypes: [DType; 3]) -> Case {
    let r = Recorder::new(format!("norm and {}, {}, {}", dtypes[0], dtypes[1], dtypes[2]));
    let h = r.g.rms_norm(r.input(256), r.vector(256), 1e-6);
    let [q, k, v] = [(0, 48), (1, 16), (2, 16)].map(|(i, rows)| {
        let bias = if i == 2 { Some(r.vector(rows)) } else { None };
        r.g.matmul_bias(r.matrix(dtypes[i], rows, 256), bias, h)
    });
    // The sum of k and v needs all of both; the rest of q is joined by another product.
    let kv = r.g.add(k, v);
    let y = r.g.add(r.g.matmul(r.matrix(DType::F32, 16, 48), q), kv);
    r.case(y, tile_borders(), MATMUL)
}

fn swiglu_epilogue(gate: DType, up: DType, rows: usize) -> Case {
    let r = Recorder::new(format!("norm, gate {gate} and up {up} of {rows} rows"));
    let cols = cols(gate);
    let h = r.g.rms_norm(r.input(cols), r.vector(cols), 1e-6);
    let gate = r.g.matmul(r.weight(gate, rows, cols, 6.0 / (cols as f32).sqrt()), h);
    let y = r.g.swiglu(gate, r.g.matmul(r.matrix(up, rows, cols), h));
    r.case(y, vec![(0, 1), (0, 3), (0, 8), (0, 65)], MATMUL)
}

fn residual_epilogue(dtype: DType) -> Case {
    let r = Recorder::new(format!("matmul {dtype} and residual"));
    let y = r.g.matmul(r.matrix(dtype, OUTPUTS, cols(dtype)), r.input(cols(dtype)));
    let y = r.g.add(r.input(OUTPUTS), y);
    r.case(y, vec![(0, 1), (0, 2), (0, 33)], MATMUL)
}

fn scaled_residual(dtype: DType) -> Case {
    let r = Recorder::new(format!("matmul {dtype}, factor and residual"));
    let matrix = r.matrix(dtype, OUTPUTS, cols(dtype));
    let y = r.g.matmul_bias(matrix, Some(r.vector(OUTPUTS)), r.input(cols(dtype)));
    let y = r.g.add(r.g.scale(y, 0.3), r.input(OUTPUTS));
    r.case(y, vec![(0, 1), (0, 2), (0, 33)], MATMUL)
}

/// Gate and up in one matrix, as in phi3.
fn gated_halves(dtype: DType, rows: usize) -> Case {
    let r = Recorder::new(format!("halves of {dtype} x {rows}"));
    let cols = cols(dtype);
    let h = r.g.rms_norm(r.input(cols), r.vector(cols), 1e-6);
    let row = r.g.matmul(r.matrix(dtype, 2 * rows, cols), h);
    let y = r.g.swiglu(r.g.slice(row, 0, rows), r.g.slice(row, rows, rows));
    r.case(y, vec![(0, 1), (0, 3), (0, 8), (0, 65)], MATMUL)
}

/// The output head: a product of the last rows only, with the shared embedding table.
fn head(dtype: DType) -> Case {
    let r = Recorder::new(format!("tied head {dtype}"));
    let cols = cols(dtype);
    let table = r.weight(dtype, VOCABULARY, cols, 1.0);
    let h = r.g.rms_norm(r.g.select_rows(r.g.embed(table)), r.vector(cols), 1e-5);
    let logits = r.g.matmul(table, h);
    r.case_of_logits(logits, vec![(0, 1), (0, 4), (0, 35)], MATMUL)
}

fn select_rows() -> Case {
    let r = Recorder::new("select_rows");
    let x = r.input(20);
    r.case(x, vec![(0, 1), (0, 2), (0, 33)], EXACT)
}

/// Equal maximum logits: the lowest index wins.
fn ties() -> Case {
    let r = Recorder::new("ties");
    let mut values: Vec<f32> = (0..VOCABULARY * 32).map(|i| ((i * 29 % 64) as f32 - 32.0) / 64.0).collect();
    for row in [21, 22, 40, 66] {
        values[row * 32..(row + 1) * 32].fill(3.0);
    }
    let x = r.g.embed(r.exact(VOCABULARY, &vec![1.0; VOCABULARY * 32]));
    let logits = r.g.matmul(r.exact(VOCABULARY, &values), r.g.select_rows(x));
    r.case_of_logits(logits, vec![(0, 1), (0, 3)], MATMUL)
}

fn rope(style: RopeStyle, heads: usize, head_dim: usize, pairs: usize, factors: bool) -> Case {
    let r = Recorder::new(format!("rope {style:?} {heads}x{head_dim}, {pairs} pairs, factors: {factors}"));
    let frequencies = (0..pairs).map(|i| 10_000_f32.powf(-(i as f32) / pairs as f32)).collect();
    let factors = factors.then(|| {
        let values: Vec<f32> = (0..pairs).map(|i| 1.0 + i as f32 / 8.0).collect();
        RopeFactors::Fixed(r.exact(1, &values))
    });
    let y = r.g.rope(
        r.input(heads * head_dim),
        Rope { heads, head_dim, style, frequencies, factors, magnitude: 1.0 },
    );
    r.case(y, vec![(0, 1), (0, 9), (1, 1), (70, 33), (2047, 1)], 1e-10)
}

/// Frequency divisors that depend on the context length, both variants, and a magnitude.
fn rope_by_context() -> Case {
    let r = Recorder::new("rope with factors by context");
    let factors = |r: &Recorder, step: f32| {
        let values: Vec<f32> = (0..16).map(|i| 1.0 + i as f32 * step).collect();
        r.exact(1, &values)
    };
    let (short, long) = (factors(&r, 0.05), factors(&r, 0.7));
    let x = r.input(96);
    let rope = |limit, magnitude| Rope {
        heads: 2,
        head_dim: 48,
        style: RopeStyle::Halves,
        frequencies: (0..16).map(|i| 10_000_f32.powf(-(i as f32) / 16.0)).collect(),
        factors: Some(RopeFactors::ByContext { short, long, limit }),
        magnitude,
    };
    let y = r.g.add(r.g.rope(x, rope(100, 1.19)), r.g.rope(x, rope(101, 0.5)));
    r.case(y, vec![(0, 1), (68, 33)], 1e-10)
}

/// A norm per head of a row.
fn head_norm(heads: usize, width: usize, weight: bool) -> Case {
    let r = Recorder::new(format!("norm of {heads} heads of {width}, weight: {weight}"));
    let x = r.g.multiply(r.input(heads * width), r.input(heads * width));
    let y = r.g.head_norm(x, weight.then(|| r.vector(width)), width, 1e-6);
    r.case(y, vec![(0, 1), (0, 5), (0, 33)], F32)
}

fn gated_epilogue(activation: Activation, gate: DType, up: DType) -> Case {
    let r = Recorder::new(format!("norm, gate {gate} and up {up} with {activation:?}"));
    let h = r.g.rms_norm(r.input(96), r.vector(96), 1e-6);
    let gate = r.g.matmul(r.matrix(gate, OUTPUTS, 96), h);
    let y = r.g.gated(activation, gate, r.g.matmul(r.matrix(up, OUTPUTS, 96), h));
    // A square doubles the relative error of a gate near zero.
    r.case(y, vec![(0, 1), (0, 3), (0, 8), (0, 65)], 4.0 * MATMUL)
}
