//! A trial as a model of a few tokens, and reproducible numbers for it.

use linnet_graph::{CompileOptions, FusedOp, Graph, GraphError, KvFormat};

/// Tokens of a trial: first all in one step, for the kernels of many rows, then the last one alone, for the kernels of
/// one row.
pub(super) const TOKENS: usize = 3;

/// A trial as a model of a few tokens.
pub(super) struct Sample {
    pub graph: Result<Graph<FusedOp>, GraphError>,
    /// The bytes of the weights as in a file, in the order of the graph; if a weight has more, they repeat.
    pub weights: Vec<Vec<u8>>,
    /// Rows of a matrix that one buffer holds.
    pub most_rows: usize,
    pub options: CompileOptions,
    /// The results of all tokens, or of the last.
    pub expected: Vec<Expected>,
    /// The last token at the end of a long context.
    pub far: Option<Far>,
}

/// For each element of a row: its value and its tolerance.
pub(super) type Expected = Vec<[f64; 2]>;

/// The last token at the end of a long context.
pub(super) struct Far {
    /// The positions at which all tokens are stored first; there is nothing between them.
    pub stored: Vec<usize>,
    pub position: usize,
    pub expected: Expected,
}

/// Options for all tokens in one step, with `max_logits` rows of logits.
pub(super) fn options(max_logits: usize) -> CompileOptions {
    CompileOptions { context_length: TOKENS, max_batch: TOKENS, max_logits, kv: KvFormat::F32 }
}

/// Reproducible noise: SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014).
pub(super) struct Noise(pub u64);

impl Noise {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Values between -1 and 1, multiples of 1/128, so that rounding them to f16 changes nothing.
    pub fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.bits() >> 56) as f32 / 128.0 - 1.0).collect()
    }
}

pub(super) fn bytes(values: &[f32]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}
