//! Whether the device computes what it should: before a model is compiled, the kernels that it is about to use meet small
//! products and attentions whose results are known. A driver that miscompiles one of them shows here and not as a model
//! that talks nonsense.

mod attention;
mod product;

use linnet_graph::{
    BackendError, Bytes, CompileOptions, Epilogue, Graph, GraphError, KvFormat, Op, Output, Plan, Step, Want,
    fuse,
};
use linnet_quant::DType;

use crate::buffers::internal;
use crate::device::Device;
use crate::program::Program;
use crate::weight::Weight;

/// Tokens of a trial: first all at once, for the kernels of many rows, then the last alone, for those of one.
const TOKENS: usize = 3;

/// What a kernel is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trial {
    /// A product with a matrix of this format.
    Product {
        /// Block format of the matrix.
        dtype: DType,
        /// Of two matrices, as in [`Epilogue::Gated`].
        gated: bool,
    },
    /// Attention with one head of keys and values.
    Attention {
        /// Heads of queries.
        heads: usize,
        /// Elements of a head.
        head_dim: usize,
        /// How the cache holds its numbers.
        kv: KvFormat,
    },
}

/// A trial as a model of a few tokens.
struct Sample {
    graph: Result<Graph, GraphError>,
    /// The weights' bytes as in a file, in the order of the graph.
    weights: Vec<Vec<u8>>,
    /// For each token and element of a row: its value, and how far a result may be from it.
    expected: Vec<Vec<[f64; 2]>>,
}

/// Makes sure of the kernels that `plan` needs; where they fail, others are chosen.
///
/// # Errors
/// [`BackendError::NoAdapter`] where none work; what the device reports.
pub(crate) async fn check(device: &Device, plan: &Plan, kv: KvFormat) -> Result<(), BackendError> {
    let trials = trials(&plan.graph, kv);
    let mut next = 0;
    while let Some(trial) = trials.get(next) {
        next += 1;
        if device.variants.trusts(trial) {
            continue;
        }
        match fault(device, trial).await? {
            None => device.variants.trust(*trial),
            Some(why) => {
                device.variants.step_down(&why)?;
                next = 0;
            }
        }
    }
    Ok(())
}

/// What a graph asks of the kernels that have variants.
fn trials(graph: &Graph, kv: KvFormat) -> Vec<Trial> {
    let mut trials = Vec::new();
    for node in &graph.nodes {
        let mut add = |trial| {
            if !trials.contains(&trial) {
                trials.push(trial);
            }
        };
        match &node.op {
            Op::MatMul(op) => {
                let dtypes = op.projections.iter().map(|projection| graph.weight(projection.weight).dtype);
                let gated = matches!(op.epilogue, Epilogue::Gated(_));
                dtypes.for_each(|dtype| add(Trial::Product { dtype, gated }));
            }
            Op::Attention(op) => {
                let (heads, head_dim) = (op.heads / op.kv_heads, op.head_dim);
                add(Trial::Attention { heads, head_dim, kv });
            }
            _ => {}
        }
    }
    trials
}

/// Where the device's results are not the expected ones, or its compiler refuses a kernel; `None` where all is well.
async fn fault(device: &Device, trial: &Trial) -> Result<Option<String>, BackendError> {
    let (sample, kv) = match *trial {
        Trial::Product { dtype, gated } => {
            (product::sample(dtype, gated, device.variants.chosen().math), KvFormat::F32)
        }
        Trial::Attention { heads, head_dim, kv } => (attention::sample(heads, head_dim, kv), kv),
    };
    match results(device, &sample, kv).await {
        Ok(results) => {
            Ok(deviation(&sample.expected, &results).map(|found| format!("{trial:?} gave {found}")))
        }
        Err(BackendError::Internal(message)) => Ok(Some(format!("{trial:?} failed: {message}"))),
        Err(error) => Err(error),
    }
}

/// The rows of all tokens computed together, and the last one's computed alone.
async fn results(device: &Device, sample: &Sample, kv: KvFormat) -> Result<[Vec<f32>; 2], BackendError> {
    let graph = sample.graph.clone().map_err(|error| BackendError::Internal(error.to_string()))?;
    let plan = Plan::new(fuse(graph));
    let mut weights = Vec::new();
    for (spec, bytes) in plan.graph.weights.iter().zip(&sample.weights) {
        let mut weight = Weight::new(device, spec)?;
        weight.write(device, Bytes::Heap(bytes)).await?;
        weights.push(weight);
    }
    let options = CompileOptions { context_length: TOKENS, max_batch: TOKENS, max_logits: TOKENS, kv };
    let mut program = Program::compile(device, &plan, weights, options).await?;
    let mut rows = async |tokens: &[u32], position| {
        let step = Step { tokens, position, want: Want::Logits(tokens.len()) };
        match program.run(device, step).await? {
            Output::Logits(rows) => Ok(rows),
            _ => Err(internal("a trial gave no rows")),
        }
    };
    let tokens: [u32; TOKENS] = std::array::from_fn(|token| token as u32);
    Ok([rows(&tokens, 0).await?, rows(&tokens[TOKENS - 1..], TOKENS - 1).await?])
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
    use linnet_quant::DType;
    use linnet_shaders::Math;

    use super::*;
    use crate::GpuOptions;

    /// What is wrong with what the device makes of some trials.
    fn faults(options: GpuOptions) -> Vec<String> {
        let device = match pollster::block_on(Device::open(&options)) {
            Err(BackendError::NoAdapter { reason }) => {
                println!("skipped: no adapter ({reason})");
                return Vec::new();
            }
            opened => opened.expect("a device"),
        };
        let product = |dtype| [false, true].map(|gated| Trial::Product { dtype, gated });
        let products = [DType::F32, DType::Q4_0, DType::Q4_K, DType::MXFP4].into_iter().flat_map(product);
        let attentions = [(3, 64, KvFormat::F16), (4, 256, KvFormat::Q8_0)];
        let attentions = attentions.map(|(heads, head_dim, kv)| Trial::Attention { heads, head_dim, kv });
        let trials = products.chain(attentions);
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
            let Sample { weights, expected, .. } = product::sample(dtype, false, Math::F32);
            assert!(weights[1].len().is_multiple_of(dtype.block_bytes()), "{dtype}");
            let limits: Vec<f64> = expected.iter().flatten().map(|[_, limit]| *limit).collect();
            assert!(limits.iter().all(|limit| limit.is_finite() && *limit > 0.0), "{dtype}: {limits:?}");
        }
    }
}
