//! A model file that is generated while it is read, chunk by chunk, with the same bytes on every read.

use linnet_engine::{Engine, LoadOptions, Loader};
use linnet_gguf::{Array, Gguf, HeaderWriter, TensorInfo, Value};
use linnet_graph::{Backend, Bytes};

use super::Quant;
use super::shape::{ATTENTION_INTERVAL, Delta, Family, Shape};
use super::tensors::{CONV_TAPS, Tensor, Values, tensors};
use super::values::{Random, fill};
use super::vocabulary::lists;
use crate::failure::Failure;

/// Bytes per chunk, or slightly fewer.
const PIECE: usize = 2 << 20;
/// A plain chat template with the vocabulary's control tokens.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                        {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// A model file of random weights.
pub struct SynthFile {
    seed: u64,
    header: Vec<u8>,
    tensors: Vec<(Tensor, TensorInfo)>,
}

impl SynthFile {
    /// The file of a shape; `seed` determines the weights.
    ///
    /// # Errors
    /// None with the built-in shapes.
    pub fn new(shape: &Shape, quant: Quant, seed: u64) -> Result<SynthFile, Failure> {
        let mut writer = HeaderWriter::new();
        for (key, value) in metadata(shape, quant) {
            writer.metadata(&key, value);
        }
        let tensors = tensors(shape, quant);
        for tensor in &tensors {
            writer.tensor(&tensor.name, &tensor.dims, tensor.dtype)?;
        }
        let header = writer.to_bytes();
        let places = Gguf::parse(&header)?.tensors;
        Ok(SynthFile { seed, header, tensors: tensors.into_iter().zip(places).collect() })
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        let header = self.header.len() as u64;
        self.tensors.last().map_or(header, |(_, place)| place.offset + place.bytes)
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        self.tensors.iter().map(|(tensor, _)| tensor.dims.iter().product::<u64>()).sum()
    }

    /// Passes all bytes to `take`, in order.
    ///
    /// # Errors
    /// Any error of `take`.
    pub fn each_piece(&self, mut take: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        for piece in self.header.chunks(PIECE) {
            take(piece)?;
        }
        let (mut at, mut piece) = (self.header.len() as u64, Vec::new());
        for (Tensor { name, dtype, values, .. }, place) in &self.tensors {
            if place.offset > at {
                take(&vec![0; (place.offset - at) as usize])?;
            }
            match values {
                Values::Given(values) => {
                    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                    take(&bytes)?;
                }
                Values::Random(noise) => {
                    let mut random = Random::new(self.seed, name);
                    let whole = (PIECE / dtype.block_bytes() * dtype.block_bytes()) as u64;
                    for start in (0..place.bytes).step_by(whole as usize) {
                        piece.resize(whole.min(place.bytes - start) as usize, 0);
                        fill(*dtype, *noise, &mut random, &mut piece);
                        take(&piece)?;
                    }
                }
            }
            at = place.offset + place.bytes;
        }
        Ok(())
    }

    /// Loads the model into `backend` without a file.
    ///
    /// # Errors
    /// Any error of the engine's loader.
    pub fn load<B: Backend>(&self, backend: B, options: LoadOptions) -> Result<Engine<B>, Failure> {
        let mut loader = Loader::new(backend, options);
        self.each_piece(|piece| Ok(pollster::block_on(loader.push(Bytes::Heap(piece)))?))?;
        Ok(pollster::block_on(loader.finish())?)
    }
}

/// The metadata, in the order of the file.
fn metadata(shape: &Shape, quant: Quant) -> Vec<(String, Value)> {
    let architecture = shape.architecture();
    let text = |text: &str| Value::String(text.to_owned());
    let number = |number: usize| Value::U32(number as u32);
    let mut all = vec![
        ("general.architecture".to_owned(), text(architecture)),
        ("general.type".to_owned(), text("model")),
        ("general.name".to_owned(), Value::String(format!("Random weights in the layout of {}", shape.name))),
        ("general.file_type".to_owned(), Value::U32(quant.file_type(shape))),
        ("general.quantization_version".to_owned(), Value::U32(2)),
    ];
    let mut own = |key: &str, value: Value| all.push((format!("{architecture}.{key}"), value));
    own("block_count", number(shape.layers));
    own("context_length", Value::U32(shape.context));
    own("embedding_length", number(shape.width));
    own("feed_forward_length", number(shape.hidden));
    own("vocab_size", number(shape.vocabulary.tokens));
    own("attention.head_count", number(shape.heads));
    own("attention.head_count_kv", number(shape.kv_heads));
    own("attention.key_length", number(shape.head_dim));
    own("attention.value_length", number(shape.head_dim));
    own("attention.layer_norm_rms_epsilon", Value::F32(shape.norm_eps));
    own("rope.freq_base", Value::F32(shape.rope_base));
    match shape.family {
        Family::Llama { .. } | Family::Qwen3 => own("rope.dimension_count", number(shape.head_dim)),
        Family::Qwen35(Delta { key_heads, value_heads, head_dim, rotary_dim }) => {
            own("rope.dimension_count", number(rotary_dim));
            own("ssm.conv_kernel", number(CONV_TAPS));
            own("ssm.inner_size", number(value_heads * head_dim));
            own("ssm.state_size", number(head_dim));
            own("ssm.time_step_rank", number(value_heads));
            own("ssm.group_count", number(key_heads));
            own("full_attention_interval", number(ATTENTION_INTERVAL));
        }
        Family::GptOss { experts, used, window } => {
            own("rope.dimension_count", number(shape.head_dim));
            own("rope.scaling.type", text("yarn"));
            own("rope.scaling.factor", Value::F32(32.0));
            own("rope.scaling.original_context_length", Value::U32(4096.min(shape.context)));
            own("attention.sliding_window", Value::U32(window));
            own("expert_count", number(experts));
            own("expert_used_count", number(used));
            own("expert_feed_forward_length", number(shape.hidden));
        }
    }
    let lists = lists(&shape.vocabulary);
    let mut tokenizer = |key: &str, value: Value| all.push((format!("tokenizer.{key}"), value));
    tokenizer("ggml.model", text("gpt2"));
    tokenizer("ggml.pre", text(shape.vocabulary.pre));
    tokenizer("ggml.tokens", Value::Array(Array::Strings(lists.tokens)));
    tokenizer("ggml.token_type", Value::Array(Array::I32(lists.types)));
    tokenizer("ggml.merges", Value::Array(Array::Strings(lists.merges)));
    tokenizer("ggml.bos_token_id", Value::U32(lists.bos));
    tokenizer("ggml.eos_token_id", Value::U32(lists.eos));
    tokenizer("ggml.add_bos_token", Value::Bool(false));
    tokenizer("chat_template", text(TEMPLATE));
    all
}
