//! A graph with its weights, the steps to run, and the error limit.

use linnet_graph::{Builder, Graph, KvFormat, Value, WeightId};
use linnet_quant::DType;

use crate::random::Random;

/// Rows of every embedding table: not a multiple of any kernel's tile size.
pub(crate) const VOCABULARY: usize = 67;

/// Steps as `(position, tokens)`.
pub type Steps = Vec<(usize, usize)>;

/// One comparison.
pub struct Case {
    /// Name for people; it also seeds the weights and tokens.
    pub name: String,
    /// As recorded; the backend runs it both as recorded and fused.
    pub graph: Graph,
    /// The weights as stored in a file.
    pub weights: Vec<Vec<u8>>,
    /// Element type of the KV cache.
    pub kv: KvFormat,
    /// The steps, in order.
    pub steps: Steps,
    /// Limit of the normalized mean square error, `Σ(a - b)² / Σb²`, of any row of any step.
    pub limit: f64,
}

impl Case {
    /// Context length: the steps use all of it.
    pub fn context(&self) -> usize {
        self.steps.iter().map(|(position, tokens)| position + tokens).max().unwrap_or(0)
    }

    /// Tokens of the longest step.
    pub fn max_batch(&self) -> usize {
        self.steps.iter().map(|&(_, tokens)| tokens).max().unwrap_or(0)
    }

    /// The tokens of step `index`.
    pub fn tokens(&self, index: usize) -> Vec<u32> {
        let mut random = Random::of(&format!("{} step {index}", self.name));
        (0..self.steps[index].1).map(|_| random.below(VOCABULARY) as u32).collect()
    }
}

/// Records a graph and generates its weights.
pub(crate) struct Recorder {
    /// The graph builder.
    pub(crate) g: Builder,
    name: String,
    weights: std::cell::RefCell<Vec<Vec<u8>>>,
}

impl Recorder {
    /// An empty recording of the case `name`.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Recorder { g: Builder::new(), name: name.into(), weights: std::cell::RefCell::default() }
    }

    /// Declares a weight with random values of magnitude near `scale`.
    pub(crate) fn weight(&self, dtype: DType, rows: usize, cols: usize, scale: f32) -> WeightId {
        let mut weights = self.weights.borrow_mut();
        let name = format!("w{}", weights.len());
        weights.push(Random::of(&format!("{} {name}", self.name)).weight(dtype, rows * cols, scale));
        self.g.weight(&name, dtype, rows, cols)
    }

    /// Declares a matrix whose products with inputs near 1 are near 1.
    pub(crate) fn matrix(&self, dtype: DType, rows: usize, cols: usize) -> WeightId {
        self.weight(dtype, rows, cols, 2.0 / (cols as f32).sqrt())
    }

    /// Declares an f32 vector.
    pub(crate) fn vector(&self, len: usize) -> WeightId {
        self.weight(DType::F32, 1, len, 1.0)
    }

    /// Declares a weight with these values.
    pub(crate) fn exact(&self, rows: usize, values: &[f32]) -> WeightId {
        let mut weights = self.weights.borrow_mut();
        let name = format!("w{}", weights.len());
        weights.push(values.iter().flat_map(|v| v.to_le_bytes()).collect());
        self.g.weight(&name, DType::F32, rows, values.len() / rows)
    }

    /// Activations near 1: the rows of a random f32 table.
    pub(crate) fn input(&self, width: usize) -> Value {
        self.g.embed(self.weight(DType::F32, VOCABULARY, width, 1.7))
    }

    /// Ends the recording; the rows of `x` are compared.
    pub(crate) fn case(self, x: Value, steps: Steps, limit: f64) -> Case {
        let logits = self.g.select_rows(x);
        self.case_of_logits(logits, steps, limit)
    }

    /// Ends the recording with logits.
    pub(crate) fn case_of_logits(self, logits: Value, steps: Steps, limit: f64) -> Case {
        let graph = self.g.finish(logits).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        Case { name: self.name, graph, weights: self.weights.into_inner(), kv: KvFormat::F16, steps, limit }
    }
}

/// One step per token count at a tile border of some kernel.
pub(crate) fn tile_borders() -> Steps {
    [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 64, 65, 129].map(|tokens| (0, tokens)).to_vec()
}
