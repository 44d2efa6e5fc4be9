//! What a program is compiled for.

use crate::ir::value::Rows;

/// How the KV cache holds its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum KvFormat {
    /// Two bytes a number: an f16, or what is at least as fine.
    #[default]
    F16,
    /// Four bytes, without rounding.
    F32,
    /// As GGUF's Q8_0: of each head, up to 32 neighbouring numbers share a scale; about half of F16's size.
    Q8_0,
}

impl KvFormat {
    /// Numbers that share a scale in [`KvFormat::Q8_0`].
    pub const BLOCK: usize = 32;

    /// Bytes of one head's key or value; a backend that keeps 16-bit integers adds two for their scale.
    pub fn head_bytes(self, head_dim: usize) -> usize {
        match self {
            KvFormat::F16 => 2 * head_dim,
            KvFormat::F32 => 4 * head_dim,
            KvFormat::Q8_0 => head_dim + 2 * head_dim.div_ceil(Self::BLOCK),
        }
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            KvFormat::F16 => "f16",
            KvFormat::F32 => "f32",
            KvFormat::Q8_0 => "q8_0",
        }
    }
}

/// How a program is to be used; fixed at compile time because all memory is allocated then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompileOptions {
    /// Positions of the KV cache.
    pub context_length: usize,
    /// The most tokens in one step.
    pub max_batch: usize,
    /// The most rows of logits in one step (1 for generation, more for scoring).
    pub max_logits: usize,
    /// How the KV cache holds its numbers.
    pub kv: KvFormat,
}

impl CompileOptions {
    /// The most rows of such an activation.
    #[must_use]
    pub fn max_rows(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.max_batch,
            Rows::Logits => self.max_logits,
        }
    }
}
