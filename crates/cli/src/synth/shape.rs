//! Sizes of published models.
//!
//! All values come from the `config.json` (for gpt-oss also the model card) of each published model:
//! `HuggingFaceTB/SmolLM2-*-Instruct`, `meta-llama/Llama-3.2-*`, `Qwen/Qwen3-*`, `Qwen/Qwen3.5-*`,
//! `openai/gpt-oss-20b`.

use linnet_engine::Error;

use super::Quant;
use crate::failure::Failure;

/// The layout of a published model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// The name that `--arch` accepts.
    pub name: &'static str,
    pub family: Family,
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Width of the feed-forward network, or of one expert.
    pub hidden: usize,
    pub context: u32,
    pub rope_base: f32,
    pub norm_eps: f32,
    /// Whether the output head shares the embedding table.
    pub tied: bool,
    pub vocabulary: Vocabulary,
    /// The usual quantization of its files.
    pub quant: Quant,
}

/// What differs between models besides sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    /// `llama`, with or without the RoPE frequency factors of Llama 3.2.
    Llama { rope_factors: bool },
    /// `qwen3`.
    Qwen3,
    /// `qwen35`.
    Qwen35(Delta),
    /// `gpt-oss`.
    GptOss { experts: usize, used: usize, window: u32 },
}

/// The delta nets of `qwen35`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delta {
    pub key_heads: usize,
    pub value_heads: usize,
    pub head_dim: usize,
    /// Elements per attention head that RoPE rotates.
    pub rotary_dim: usize,
}

/// Size of the vocabulary, and its pre-tokenizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vocabulary {
    /// `tokenizer.ggml.pre`.
    pub pre: &'static str,
    /// Text tokens; the others are control tokens.
    pub words: usize,
    pub tokens: usize,
    /// Merges per word: vocabularies converted without a merge list have every split of a word.
    pub splits: usize,
}

/// In `qwen35` every fourth layer is attention, starting with the fourth.
pub const ATTENTION_INTERVAL: usize = 4;

const SMOLLM2: Shape = Shape {
    name: "smollm2-135m",
    family: Family::Llama { rope_factors: false },
    layers: 30,
    width: 576,
    heads: 9,
    kv_heads: 3,
    head_dim: 64,
    hidden: 1536,
    context: 8192,
    rope_base: 1e5,
    norm_eps: 1e-5,
    tied: true,
    vocabulary: Vocabulary { pre: "smollm", words: 49_135, tokens: 49_152, splits: 1 },
    quant: Quant::Q8_0,
};

const LLAMA32: Shape = Shape {
    name: "llama-3.2-1b",
    family: Family::Llama { rope_factors: true },
    layers: 16,
    width: 2048,
    heads: 32,
    kv_heads: 8,
    head_dim: 64,
    hidden: 8192,
    context: 131_072,
    rope_base: 5e5,
    norm_eps: 1e-5,
    tied: true,
    vocabulary: Vocabulary { pre: "llama-bpe", words: 128_000, tokens: 128_256, splits: 1 },
    quant: Quant::Q4_K,
};

const QWEN3: Shape = Shape {
    name: "qwen3-0.6b",
    family: Family::Qwen3,
    layers: 28,
    width: 1024,
    heads: 16,
    kv_heads: 8,
    head_dim: 128,
    hidden: 3072,
    context: 40_960,
    rope_base: 1e6,
    norm_eps: 1e-6,
    tied: true,
    vocabulary: Vocabulary { pre: "qwen2", words: 151_643, tokens: 151_936, splits: 1 },
    quant: Quant::Q4_0,
};

const QWEN35: Shape = Shape {
    name: "qwen3.5-4b",
    family: Family::Qwen35(Delta { key_heads: 16, value_heads: 32, head_dim: 128, rotary_dim: 64 }),
    layers: 32,
    width: 2560,
    heads: 16,
    kv_heads: 4,
    head_dim: 256,
    hidden: 9216,
    context: 262_144,
    rope_base: 1e7,
    norm_eps: 1e-6,
    tied: true,
    vocabulary: Vocabulary { pre: "qwen35", words: 248_044, tokens: 248_320, splits: 1 },
    quant: Quant::Q4_K,
};

const GPT_OSS: Shape = Shape {
    name: "gpt-oss-20b",
    family: Family::GptOss { experts: 32, used: 4, window: 128 },
    layers: 24,
    width: 2880,
    heads: 64,
    kv_heads: 8,
    head_dim: 64,
    hidden: 2880,
    context: 131_072,
    rope_base: 150_000.0,
    norm_eps: 1e-5,
    tied: false,
    vocabulary: Vocabulary { pre: "gpt-4o", words: 199_998, tokens: 201_088, splits: 2 },
    quant: Quant::Q8_0,
};

/// All built-in shapes.
pub const SHAPES: [Shape; 10] = [
    SMOLLM2,
    Shape { name: "smollm2-360m", layers: 32, width: 960, heads: 15, kv_heads: 5, hidden: 2560, ..SMOLLM2 },
    LLAMA32,
    Shape { name: "llama-3.2-3b", layers: 28, width: 3072, heads: 24, head_dim: 128, ..LLAMA32 },
    QWEN3,
    Shape { name: "qwen3-4b", layers: 36, width: 2560, heads: 32, hidden: 9728, ..QWEN3 },
    Shape {
        name: "qwen3-8b",
        layers: 36,
        width: 4096,
        heads: 32,
        hidden: 12_288,
        tied: false,
        quant: Quant::Q4_K,
        ..QWEN3
    },
    QWEN35,
    Shape { name: "qwen3.5-9b", width: 4096, hidden: 12_288, tied: false, ..QWEN35 },
    GPT_OSS,
];

impl Shape {
    /// The shape with this name.
    ///
    /// # Errors
    /// `invalid-request`, listing the known names.
    pub fn named(name: &str) -> Result<Shape, Failure> {
        SHAPES.into_iter().find(|shape| shape.name == name).ok_or_else(|| {
            let names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
            invalid("--arch", format!("is `{name}`; use one of {}", names.join(", ")))
        })
    }

    /// The same model with only its first layers.
    ///
    /// # Errors
    /// `invalid-request` if the model has fewer.
    pub fn with_layers(self, layers: usize) -> Result<Shape, Failure> {
        if layers == 0 || layers > self.layers {
            let reason = format!("is {layers}; {} allows 1 to {}", self.name, self.layers);
            return Err(invalid("--layers", reason));
        }
        Ok(Shape { layers, ..self })
    }

    /// The smallest model with the same architecture and formats, 1 to 2 MB, for tests.
    pub fn tiny(self) -> Shape {
        let family = match self.family {
            Family::Qwen35(_) => {
                Family::Qwen35(Delta { key_heads: 2, value_heads: 4, head_dim: 32, rotary_dim: 32 })
            }
            Family::GptOss { .. } => Family::GptOss { experts: 4, used: 2, window: 32 },
            other => other,
        };
        Shape {
            family,
            layers: self.layers.min(ATTENTION_INTERVAL),
            width: 256,
            heads: 4,
            kv_heads: 2,
            head_dim: 64,
            hidden: 512,
            context: 2048,
            vocabulary: Vocabulary { words: 1000, tokens: 1024, ..self.vocabulary },
            ..self
        }
    }

    /// `general.architecture`.
    pub fn architecture(&self) -> &'static str {
        match self.family {
            Family::Llama { .. } => "llama",
            Family::Qwen3 => "qwen3",
            Family::Qwen35(_) => "qwen35",
            Family::GptOss { .. } => "gpt-oss",
        }
    }
}

fn invalid(field: &str, reason: String) -> Failure {
    Error::InvalidRequest { field: field.to_owned(), reason, value: None }.into()
}
