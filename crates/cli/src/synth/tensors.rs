//! The tensors of a model, with the names, shapes and types that llama.cpp's converter gives them.

use linnet_quant::DType;

use super::Quant;
use super::shape::{ATTENTION_INTERVAL, Delta, Family, Shape};
use super::values::Noise;

/// A tensor to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub name: String,
    /// `dims[0]` is the length of a row.
    pub dims: Vec<u64>,
    pub dtype: DType,
    pub values: Values,
}

/// The values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Random(Noise),
    /// A few fixed values.
    Given(Vec<f32>),
}

/// The role of a matrix, which determines its format.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Embedding,
    Head,
    /// The value and `ffn_down` projections, for which Q4_K_M spends more bits in some layers; `layer` of
    /// `layers`.
    Finer {
        layer: usize,
    },
    Other,
    Expert,
}

/// All tensors, in file order.
pub fn tensors(shape: &Shape, quant: Quant) -> Vec<Tensor> {
    let mut list = List { shape, quant, tensors: Vec::new() };
    let (width, tokens) = (shape.width, shape.vocabulary.tokens);
    // A table shared with the output head has the head's format.
    let table = if shape.tied { Role::Head } else { Role::Embedding };
    list.matrix("token_embd", table, [width, tokens]);
    if let Family::Llama { rope_factors: true } = shape.family {
        list.given("rope_freqs.weight", llama3_factors(shape));
    }
    for layer in 0..shape.layers {
        list.layer(layer);
    }
    list.norm("output_norm", width);
    if !shape.tied {
        list.matrix("output", Role::Head, [width, tokens]);
    }
    list.tensors
}

struct List<'a> {
    shape: &'a Shape,
    quant: Quant,
    tensors: Vec<Tensor>,
}

impl List<'_> {
    fn push(&mut self, name: String, dims: &[usize], dtype: DType, values: Values) {
        let dims = dims.iter().map(|dim| *dim as u64).collect();
        self.tensors.push(Tensor { name, dims, dtype, values });
    }

    /// A matrix scaled so that the output is as large as the input.
    fn matrix(&mut self, name: &str, role: Role, dims: [usize; 2]) {
        let dtype = self.format(role, dims[0]);
        let noise = Noise { mean: 0.0, deviation: (dims[0] as f32).powf(-0.5) };
        self.push(format!("{name}.weight"), &dims, dtype, Values::Random(noise));
    }

    fn experts(&mut self, name: &str, [inputs, outputs, experts]: [usize; 3]) {
        let dtype = self.format(Role::Expert, inputs);
        let noise = Noise { mean: 0.0, deviation: (inputs as f32).powf(-0.5) };
        self.push(format!("{name}.weight"), &[inputs, outputs, experts], dtype, Values::Random(noise));
        self.floats(&format!("{name}.bias"), &[outputs, experts], [0.0, 0.02]);
    }

    fn floats(&mut self, name: &str, dims: &[usize], [mean, deviation]: [f32; 2]) {
        self.push(name.to_owned(), dims, DType::F32, Values::Random(Noise { mean, deviation }));
    }

    fn given(&mut self, name: &str, values: Vec<f32>) {
        self.push(name.to_owned(), &[values.len()], DType::F32, Values::Given(values));
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.floats(&format!("{name}.weight"), &[width], [1.0, 0.1]);
    }

    fn layer(&mut self, layer: usize) {
        let Shape { family, width, heads, kv_heads, head_dim, hidden, .. } = *self.shape;
        let name = |part: &str| format!("blk.{layer}.{part}");
        self.norm(&name("attn_norm"), width);
        match family {
            Family::Qwen35(delta) if !(layer + 1).is_multiple_of(ATTENTION_INTERVAL) => {
                self.delta_net(layer, delta);
            }
            _ => {
                // The matrix has a gate after the query of each head.
                let queries = if let Family::Qwen35(_) = family { 2 } else { 1 };
                self.matrix(&name("attn_q"), Role::Other, [width, queries * heads * head_dim]);
                self.matrix(&name("attn_k"), Role::Other, [width, kv_heads * head_dim]);
                self.matrix(&name("attn_v"), Role::Finer { layer }, [width, kv_heads * head_dim]);
                self.matrix(&name("attn_output"), Role::Other, [heads * head_dim, width]);
            }
        }
        let of_attention = self.tensors.iter().any(|tensor| tensor.name == name("attn_q.weight"));
        match family {
            Family::Qwen3 | Family::Qwen35(_) if of_attention => {
                self.norm(&name("attn_q_norm"), head_dim);
                self.norm(&name("attn_k_norm"), head_dim);
            }
            Family::GptOss { .. } => {
                for (part, size) in
                    [("q", heads * head_dim), ("k", kv_heads * head_dim), ("v", kv_heads * head_dim)]
                {
                    self.floats(&name(&format!("attn_{part}.bias")), &[size], [0.0, 0.02]);
                }
                self.floats(&name("attn_output.bias"), &[width], [0.0, 0.02]);
                self.floats(&name("attn_sinks.weight"), &[heads], [0.0, 1.0]);
            }
            _ => {}
        }
        match family {
            Family::Llama { .. } | Family::Qwen3 => self.norm(&name("ffn_norm"), width),
            Family::Qwen35(_) | Family::GptOss { .. } => self.norm(&name("post_attention_norm"), width),
        }
        if let Family::GptOss { experts, .. } = family {
            let deviation = (width as f32).powf(-0.5);
            self.floats(&name("ffn_gate_inp.weight"), &[width, experts], [0.0, deviation]);
            self.floats(&name("ffn_gate_inp.bias"), &[experts], [0.0, 0.02]);
            self.experts(&name("ffn_gate_exps"), [width, hidden, experts]);
            self.experts(&name("ffn_up_exps"), [width, hidden, experts]);
            self.experts(&name("ffn_down_exps"), [hidden, width, experts]);
        } else {
            self.matrix(&name("ffn_gate"), Role::Other, [width, hidden]);
            self.matrix(&name("ffn_up"), Role::Other, [width, hidden]);
            self.matrix(&name("ffn_down"), Role::Finer { layer }, [hidden, width]);
        }
    }

    fn delta_net(&mut self, layer: usize, delta: Delta) {
        let Delta { key_heads, value_heads, head_dim, .. } = delta;
        let (width, name) = (self.shape.width, |part: &str| format!("blk.{layer}.{part}"));
        let (channels, values) = ((2 * key_heads + value_heads) * head_dim, value_heads * head_dim);
        self.matrix(&name("attn_qkv"), Role::Other, [width, channels]);
        self.matrix(&name("attn_gate"), Role::Other, [width, values]);
        self.floats(&name("ssm_conv1d.weight"), &[CONV_TAPS, channels], [0.0, 0.5]);
        self.floats(&name("ssm_dt.bias"), &[value_heads], [-3.0, 0.5]);
        // `-exp(A_log)`: how fast a head forgets.
        self.floats(&name("ssm_a"), &[value_heads], [-4.0, 1.5]);
        self.matrix(&name("ssm_beta"), Role::Other, [width, value_heads]);
        self.matrix(&name("ssm_alpha"), Role::Other, [width, value_heads]);
        self.norm(&name("ssm_norm"), head_dim);
        self.matrix(&name("ssm_out"), Role::Other, [values, width]);
    }

    /// The format of a matrix with rows of `columns` elements, as `llama-quantize` chooses it: more bits for
    /// the head and, in Q4_K_M, for some others. If a row is not a whole number of 256-element blocks, the
    /// next format with 32-element blocks.
    fn format(&self, role: Role, columns: usize) -> DType {
        let layers = self.shape.layers;
        let format = match (self.quant, role) {
            (_, Role::Expert) => DType::MXFP4,
            (Quant::Q8_0, _) => DType::Q8_0,
            (_, Role::Head) => DType::Q6_K,
            (Quant::Q4_0, _) => DType::Q4_0,
            (Quant::Q4_K, Role::Finer { layer }) if finer(layer, layers) => DType::Q6_K,
            (Quant::Q4_K, _) => DType::Q4_K,
        };
        match format {
            DType::Q4_K if format.row_bytes(columns).is_none() => DType::Q5_0,
            DType::Q6_K if format.row_bytes(columns).is_none() => DType::Q8_0,
            other => other,
        }
    }
}

/// Taps of `qwen35`'s convolutions.
pub const CONV_TAPS: usize = 4;

/// The layers in which Q4_K_M spends more bits: the first and last eighths, and every third in between.
fn finer(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

/// Divisors of Llama 3.2's RoPE frequencies (`rope_type: llama3` in its `config.json`): 1 for wavelengths
/// below 8192 / 4 positions, 32 for those above 8192, interpolated in between.
fn llama3_factors(shape: &Shape) -> Vec<f32> {
    let (factor, original, [low, high]) = (32.0, 8192.0, [1.0, 4.0]);
    let pairs = shape.head_dim / 2;
    let of_pair = |pair: usize| {
        let frequency = f64::from(shape.rope_base).powf(-(pair as f64) / pairs as f64);
        let turns = original * frequency / std::f64::consts::TAU;
        let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 / (kept + (1.0 - kept) / factor)) as f32
    };
    (0..pairs).map(of_pair).collect()
}
