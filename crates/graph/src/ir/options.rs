//! Compile options.

use crate::ir::value::Rows;

/// Element type of the KV cache.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum KvFormat {
    /// Two bytes per element: f16, or something at least as precise.
    #[default]
    F16,
    /// Four bytes per element, without rounding.
    F32,
    /// As GGUF's Q8_0: up to 32 neighbouring elements of a head share a scale; about half of F16's size.
    Q8_0,
}

impl KvFormat {
    /// Elements that share a scale in [`KvFormat::Q8_0`].
    pub const BLOCK: usize = 32;

    /// Bytes of one head's key or value; a backend that stores 16-bit integers adds two for their scale.
    pub fn head_bytes(self, head_dim: usize) -> usize {
        match self {
            KvFormat::F16 => 2 * head_dim,
            KvFormat::F32 => 4 * head_dim,
            KvFormat::Q8_0 => head_dim + 2 * head_dim.div_ceil(Self::BLOCK),
        }
    }

    /// All of them, from the default to the least used.
    pub const ALL: [KvFormat; 3] = [KvFormat::F16, KvFormat::F32, KvFormat::Q8_0];

    /// The name in requests and reports.
    pub const fn name(self) -> &'static str {
        match self {
            KvFormat::F16 => "f16",
            KvFormat::F32 => "f32",
            KvFormat::Q8_0 => "q8_0",
        }
    }
}

/// Limits of a program; all memory is allocated when it is compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompileOptions {
    /// Positions of the KV cache.
    pub context_length: usize,
    /// The most tokens in one step.
    pub max_batch: usize,
    /// The most rows of logits in one step (1 for generation, more for scoring).
    pub max_logits: usize,
    /// Element type of the KV cache.
    pub kv: KvFormat,
}

impl CompileOptions {
    /// The most rows of an activation.
    #[must_use]
    pub fn max_rows(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.max_batch,
            Rows::Logits => self.max_logits,
        }
    }
}
