//! Whether the device computes what it should: before a model is compiled, the kernels that it is about to use meet
//! products and attentions whose results are known. A driver that miscompiles one of them shows here and not as a model
//! that talks nonsense.
//!
//! Compiling a kernel takes longer than all that a trial computes. So a trial has the shape of a part of the model, and runs the
//! very pipelines that this will run; they are compiled once.

mod attention;
mod product;

use linnet_graph::{
    BackendError, Bytes, CompileOptions, Graph, GraphError, Op, Output, Plan, Rows, Step, Want, fuse,
    fuse_launches,
};

use crate::buffers::internal;
use crate::device::Device;
use crate::program::Program;
use crate::weight::Weight;

/// Tokens of a trial: first all at once, for the kernels of many rows, then the last alone, for those of one.
const TOKENS: usize = 3;

/// What kernels are asked.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Trial {
    /// A product with a matrix, or with two.
    Product(product::Shape),
    /// Attention, and what comes before it.
    Attention(Box<attention::Shape>),
}

impl std::fmt::Display for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trial::Product(shape) => shape.fmt(f),
            Trial::Attention(shape) => shape.fmt(f),
        }
    }
}

/// A trial as a model of a few tokens.
struct Sample {
    graph: Result<Graph, GraphError>,
    /// The weights' bytes as in a file, in the order of the graph; where a weight has more, they repeat.
    weights: Vec<Vec<u8>>,
    options: CompileOptions,
    /// For each token and element of a row: its value, and how far a result may be from it. All of the tokens, or the last.
    expected: Vec<Vec<[f64; 2]>>,
}

/// Makes sure of the kernels that `plan` needs; where they fail, others are chosen.
///
/// # Errors
/// [`BackendError::NoAdapter`] where none work; what the device reports.
pub(crate) async fn check(device: &Device, plan: &Plan, options: CompileOptions) -> Result<(), BackendError> {
    let trials = trials(&fuse_launches(plan.graph.clone()), options);
    let mut next = 0;
    while let Some(trial) = trials.get(next) {
        next += 1;
        if device.variants.trusts(trial) {
            continue;
        }
        match fault(device, trial).await? {
            None => device.variants.trust(trial.clone()),
            Some(why) => {
                device.variants.step_down(&why)?;
                next = 0;
            }
        }
    }
    Ok(())
}

/// What a graph asks of the kernels that have variants: of the products of a kind the one that is the least work.
fn trials(graph: &Graph, options: CompileOptions) -> Vec<Trial> {
    let mut products: Vec<product::Shape> = Vec::new();
    let mut attentions = Vec::new();
    for node in &graph.nodes {
        let attention = match &node.op {
            Op::MatMul(op) => {
                let most = match graph.value(node.inputs[0]).rows {
                    Rows::Tokens => options.max_batch,
                    Rows::Logits => options.max_logits,
                };
                for shape in product::Shape::of(graph, op, most > 1) {
                    match products.iter_mut().find(|other| other.is_alike(&shape)) {
                        Some(other) if shape.work() < other.work() => *other = shape,
                        Some(_) => {}
                        None => products.push(shape),
                    }
                }
                continue;
            }
            Op::Attention(op) => attention::Shape::new(op, [None; 2], None, options),
            Op::SelfAttention(op) => {
                attention::Shape::new(&op.attention, op.norms, op.rope.as_ref(), options)
            }
            _ => continue,
        };
        let trial = Trial::Attention(Box::new(attention));
        if !attentions.contains(&trial) {
            attentions.push(trial);
        }
    }
    products.into_iter().map(|shape| Trial::Product(shape.within_bounds())).chain(attentions).collect()
}

/// Where the device's results are not the expected ones, or its compiler refuses a kernel; `None` where all is well.
async fn fault(device: &Device, trial: &Trial) -> Result<Option<String>, BackendError> {
    let sample = match trial {
        Trial::Product(shape) => product::sample(shape, device.variants.chosen().math),
        Trial::Attention(shape) => attention::sample(shape),
    };
    match results(device, &sample).await {
        Ok(results) => Ok(deviation(&sample.expected, &results).map(|found| format!("{trial} gave {found}"))),
        Err(BackendError::Internal(message)) => Ok(Some(format!("{trial} failed: {message}"))),
        Err(error) => Err(error),
    }
}

/// The rows of all tokens computed together, or of the last of them, and the last one's computed alone.
async fn results(device: &Device, sample: &Sample) -> Result<[Vec<f32>; 2], BackendError> {
    let mut graph = sample.graph.clone().map_err(|error| BackendError::Internal(error.to_string()))?;
    // Nothing is chosen: the kernel for that has no variants.
    graph.nodes.retain(|node| node.op != Op::Argmax);
    let plan = Plan::new(fuse(graph));
    let mut weights = Vec::new();
    for (spec, bytes) in plan.graph.weights.iter().zip(&sample.weights) {
        let mut weight = Weight::new(device, spec)?;
        let mut left = spec.byte_len();
        while left > 0 {
            let part = &bytes[..bytes.len().min(left)];
            weight.write(device, Bytes::Heap(part)).await?;
            left -= part.len();
        }
        weights.push(weight);
    }
    let mut program = Program::compile(device, &plan, weights, sample.options).await?;
    let mut rows = async |tokens: &[u32], position, rows| match program
        .run(device, Step { tokens, position, want: Want::Logits(rows) })
        .await?
    {
        Output::Logits(rows) => Ok(rows),
        _ => Err(internal("a trial gave no rows")),
    };
    let tokens: [u32; TOKENS] = std::array::from_fn(|token| token as u32);
    let together = rows(&tokens, 0, sample.expected.len()).await?;
    Ok([together, rows(&tokens[TOKENS - 1..], TOKENS - 1, 1).await?])
}

/// The first result that is further from its value than it may be.
fn deviation(expected: &[Vec<[f64; 2]>], [all, last]: &[Vec<f32>; 2]) -> Option<String> {
    let runs = [("several rows", expected, all), ("one row", &expected[expected.len() - 1..], last)];
    runs.into_iter().find_map(|(what, expected, found)| {
        let mut pairs = expected.iter().flatten().zip(found);
        let wrong = pairs.find(|([value, limit], found)| {
            let off = (f64::from(**found) - value).abs();
            off.is_nan() || off > *limit
        });
        wrong.map(|([value, _], found)| format!("{found} instead of {value} ({what})"))
    })
}

/// Reproducible noise: SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
struct Noise(u64);

impl Noise {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Values between -1 and 1, multiples of 1/128, so that rounding them to f16 changes nothing.
    fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.bits() >> 56) as f32 / 128.0 - 1.0).collect()
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

#[cfg(test)]
mod tests {
    use linnet_graph::{Activation, Attention, Backend, Builder, KvFormat, Norm, Rope, RopeStyle};
    use linnet_quant::DType;
    use linnet_shaders::Math;

    use super::*;
    use crate::{GpuBackend, GpuOptions};

    const OPTIONS: CompileOptions =
        CompileOptions { context_length: 64, max_batch: 8, max_logits: 1, kv: KvFormat::F16 };

    fn product(dtype: DType, rows: usize) -> product::Shape {
        let kind = product::Kind { dtype, gated: None };
        product::Shape {
            kind,
            rows,
            cols: 256,
            many: true,
            joined: false,
            norm: None,
            bias: false,
            residual: false,
        }
    }

    /// What is wrong with what the device makes of some trials.
    fn faults(options: GpuOptions) -> Vec<String> {
        let device = match pollster::block_on(Device::open(&options)) {
            Err(BackendError::NoAdapter { reason }) => {
                println!("skipped: no adapter ({reason})");
                return Vec::new();
            }
            opened => opened.expect("a device"),
        };
        let products = [DType::F32, DType::Q4_0, DType::Q4_K, DType::MXFP4].into_iter().flat_map(|dtype| {
            let plain = product(dtype, 40);
            let gate = |gated| product::Shape { kind: product::Kind { dtype, gated: Some(gated) }, ..plain };
            let normed = |shape| product::Shape { norm: Some(1e-5), ..shape };
            [
                product::Shape { many: false, ..normed(plain) },
                product::Shape { residual: true, ..plain },
                product::Shape { bias: true, ..normed(gate(Activation::Silu)) },
                gate(Activation::Gelu),
            ]
        });
        let frequencies = (0..16).map(|i| 0.5_f32.powi(i)).collect();
        let (style, factors) = (RopeStyle::Halves, None);
        let rope = Rope { heads: 6, head_dim: 64, style, frequencies, factors, magnitude: 1.0 };
        let norm = Norm { weight: None, width: 64, eps: 1e-5 };
        let turned = Attention { window: Some(2), ..Attention::new(0, [6, 2], 64, 0.125) };
        let wide = Attention::new(0, [4, 1], 256, 0.0625);
        let attentions = [
            attention::Shape::new(&turned, [Some(norm); 2], Some(&rope), OPTIONS),
            attention::Shape::new(&wide, [None; 2], None, CompileOptions { kv: KvFormat::Q8_0, ..OPTIONS }),
        ];
        let attentions = attentions.into_iter().map(|shape| Trial::Attention(Box::new(shape)));
        let trials = products.map(Trial::Product).chain(attentions);
        trials.filter_map(|trial| pollster::block_on(fault(&device, &trial)).expect("a device")).collect()
    }

    #[test]
    fn gpu_kernels_pass_their_trials() {
        let software_kernels = Some(false);
        for options in [
            GpuOptions::default(),
            GpuOptions { software_kernels, ..GpuOptions::default() },
            GpuOptions { software_kernels, subgroups: Some(false), ..GpuOptions::default() },
            GpuOptions { math: Some(Math::F16), ..GpuOptions::default() },
            GpuOptions { math: Some(Math::Int8), subgroups: Some(false), ..GpuOptions::default() },
        ] {
            assert_eq!(faults(options), [""; 0]);
        }
    }

    /// Whatever the format, random blocks are found whose values the host can decode.
    #[test]
    fn every_format_has_a_trial() {
        for dtype in DType::ALL {
            let Sample { weights, expected, .. } = product::sample(&product(dtype, 40), Math::F32);
            assert!(weights[1].len().is_multiple_of(dtype.block_bytes()), "{dtype}");
            let limits: Vec<f64> = expected.iter().flatten().map(|[_, limit]| *limit).collect();
            assert!(limits.iter().all(|limit| limit.is_finite() && *limit > 0.0), "{dtype}: {limits:?}");
        }
    }

    /// What is compiled for trials is what the model takes, but for what hands rows on.
    #[test]
    fn gpu_trials_compile_no_kernels_of_their_own() {
        let compiled = |self_test| {
            let opened =
                pollster::block_on(GpuBackend::new(GpuOptions { self_test, ..GpuOptions::default() }));
            if let Err(BackendError::NoAdapter { reason }) = &opened {
                println!("skipped: no adapter ({reason})");
                return Vec::new();
            }
            let mut gpu = opened.expect("a device");
            let plan = Plan::new(fuse(layer().expect("a graph")));
            pollster::block_on(async {
                let mut weights = Vec::new();
                for spec in &plan.graph.weights {
                    let mut weight = gpu.allocate(spec).expect("room");
                    gpu.write(&mut weight, Bytes::Heap(&vec![0; spec.byte_len()])).await.expect("written");
                    weights.push(weight);
                }
                gpu.compile(&plan, weights, OPTIONS).await.expect("compiled");
            });
            let tried = ["matvec", "matmul", "attention", "heads", "choose"];
            let mut names = gpu.device.pipelines.borrow().names();
            names.retain(|name| tried.iter().any(|kernel| name.starts_with(kernel)));
            names.sort();
            names
        };
        let (with, without) = (compiled(true), compiled(false));
        assert_eq!(with, without);
    }

    /// A layer of a transformer between an embedding and a head.
    fn layer() -> Result<Graph, GraphError> {
        let g = Builder::new();
        let (width, heads, head_dim) = (64, 4, 32);
        let matrix = |name: &str, rows, cols| g.weight(name, DType::Q8_0, rows, cols);
        let norm = |name: &str, x| g.rms_norm(x, g.weight(name, DType::F32, 1, width), 1e-5);
        let table = g.weight("table", DType::F32, 96, width);
        let x = g.embed(table);
        let h = norm("attn_norm", x);
        let frequencies: Vec<f32> = (0..head_dim / 2).map(|i| 0.5_f32.powi(i as i32)).collect();
        let rope = |heads| Rope {
            heads,
            head_dim,
            style: RopeStyle::Interleaved,
            frequencies: frequencies.clone(),
            factors: None,
            magnitude: 1.0,
        };
        let q = g.rope(g.matmul(matrix("q", heads * head_dim, width), h), rope(heads));
        let k = g.rope(g.matmul(matrix("k", 2 * head_dim, width), h), rope(2));
        let v = g.matmul(matrix("v", 2 * head_dim, width), h);
        let layer = g.kv_layer(2, head_dim);
        g.store_kv(layer, k, v);
        let attended = g.attention(q, Attention::new(layer, [heads, 2], head_dim, 0.25));
        let x = g.add(x, g.matmul(matrix("o", width, heads * head_dim), attended));
        let h = norm("ffn_norm", x);
        let gated = g.swiglu(g.matmul(matrix("gate", 96, width), h), g.matmul(matrix("up", 96, width), h));
        let x = g.add(x, g.matmul(matrix("down", width, 96), gated));
        let logits = g.matmul(table, g.select_rows(norm("norm", x)));
        g.finish(logits)
    }
}
