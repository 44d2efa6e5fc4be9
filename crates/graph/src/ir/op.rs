//! The operations, values and weights of a graph.

use linnet_quant::DType;

use crate::backend::CompileOptions;
use crate::ir::kv_history::KvLayer;
use crate::ir::params::{
    Activation, Attention, Conv, DeltaNet, ExpertMatMul, GatedConv, GatedExperts, GatedParts, MatMul, Norm,
    NormAdd, Rope, Router, Scale, SelfAttention, Slice,
};

/// A weight of the graph: an index into [`Graph::weights`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WeightId(pub u32);

/// An activation of the graph: an index into [`Graph::values`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Value(pub u32);

/// How many rows an activation has in a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rows {
    /// One row per token of the step.
    Tokens,
    /// One row per position whose logits the step asks for (the last ones of the step, possibly none).
    Logits,
}

/// The shape of an activation: `[rows, width]`, f32, row-major.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueInfo {
    /// Symbolic number of rows.
    pub rows: Rows,
    /// Number of f32 elements in a row.
    pub width: usize,
}

/// In which ways the nodes of a graph read a weight; a backend chooses the weight's layout by it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WeightUses {
    /// Single rows are gathered by token id ([`Op::Embed`]).
    pub rows: bool,
    /// It is the matrix of a [`Op::MatMul`].
    pub matrix: bool,
    /// It is read as plain numbers: a norm's scale, a bias, rope factors.
    pub vector: bool,
    /// Where it is the matrix of an [`Op::ExpertMatMul`]: how many experts' matrices of equal height are stacked in it;
    /// else 0.
    pub experts: usize,
}

/// A tensor of the model file that the graph reads: `[rows, cols]`, row-major, in the file's block format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeightSpec {
    /// The tensor's GGUF name.
    pub name: String,
    /// Block format of the bytes as they lie in the file.
    pub dtype: DType,
    /// Number of rows (1 for a vector). A matrix maps `cols` inputs to `rows` outputs.
    pub rows: usize,
    /// Number of values in a row; a whole number of blocks.
    pub cols: usize,
    /// How the graph reads it.
    pub uses: WeightUses,
}

impl WeightSpec {
    /// Whether the tensor's bytes, and its values where they are read as plain numbers, are no more than `most`.
    pub fn fits(&self, most: u64) -> bool {
        let floats = if self.uses.vector { size_of::<f32>() as u64 } else { 0 };
        let block = self.dtype.block_bytes() as u64;
        let cols = self.cols as u64;
        let blocks = cols / self.dtype.block_values() as u64;
        let within = |row: Option<u64>| {
            row.and_then(|row| row.checked_mul(self.rows as u64)).is_some_and(|n| n <= most)
        };
        within(blocks.checked_mul(block)) && within(cols.checked_mul(floats))
    }

    /// Length of the tensor in the file, in bytes. [`Builder::finish`](crate::Builder::finish) has found that it fits.
    pub fn byte_len(&self) -> usize {
        self.cols / self.dtype.block_values() * self.dtype.block_bytes() * self.rows
    }
}

/// An operation. The comments name a node's inputs and outputs in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Op {
    /// `() -> x [Tokens, cols]`: the table's row for each token of the step, times a factor.
    Embed {
        /// `[vocabulary, cols]`.
        table: WeightId,
        /// 1 as recorded.
        factor: f32,
    },
    /// `(x) -> y`, same shape.
    RmsNorm(Norm),
    /// `(x, residual) -> scale * (residual + norm(x))`, all of the same shape. Comes from
    /// [`fuse_launches`](crate::fuse_launches) only.
    NormAdd(NormAdd),
    /// `(x) -> (y_0, y_1, ...)`, or `(x, residual) -> y` with [`Epilogue::Residual`], or `(y, residual) -> (y_0, ..., x)`
    /// with [`MatMul::before`].
    MatMul(MatMul),
    /// `(x [Tokens, heads * head_dim]) -> y`, same shape.
    Rope(Rope),
    /// `(k, v) -> ()`: writes the rows at the step's positions of the layer's KV cache.
    StoreKv {
        /// Index into [`Graph::kv_layers`].
        layer: usize,
    },
    /// `(q [Tokens, heads * head_dim]) -> y`, same shape. Comes after the [`Op::StoreKv`] of its layer.
    Attention(Attention),
    /// `(qkv [Tokens, (heads + 2 * kv_heads) * head_dim]) -> y [Tokens, heads * head_dim]`; a row of `qkv` holds queries,
    /// keys, values. Comes from [`fuse_launches`](crate::fuse_launches) only.
    SelfAttention(Box<SelfAttention>),
    /// `(a, b) -> a + b`, same shape.
    Add,
    /// `(gate, up) -> activation(gate) * up`, same shape.
    Gated(Activation),
    /// `(row [rows, w]) -> y`, or `(row, row) -> y`: `activation(gate) * up` of parts of the row, or of the two. Comes from
    /// [`fuse_launches`](crate::fuse_launches) only.
    GatedParts(GatedParts),
    /// `(x) -> y`, same shape.
    Scale(Scale),
    /// `(x) -> cap * tanh(x / cap)`, same shape.
    SoftCap(f32),
    /// `(x [rows, groups * stride]) -> y [rows, groups * len]`.
    Slice(Slice),
    /// `(logits [rows, experts]) -> (ids [rows, used], weights [rows, used])`.
    Router(Router),
    /// `(x, ids [rows, used]) -> y [rows, used * outputs]`: slot `s` of a row is `W[ids[s]] · x (+ bias[ids[s]])`. `x` is
    /// `[rows, inputs]`, the same for all slots, or `[rows, used * inputs]`, one for each.
    ExpertMatMul(ExpertMatMul),
    /// `(x [rows, used * width], weights [rows, used]) -> y [rows, width]`: the sum of a row's slots, each times its weight.
    WeightedSum,
    /// `(x [rows, inputs], ids [rows, used]) -> y [rows, used * outputs]`. Comes from
    /// [`fuse_launches`](crate::fuse_launches) only.
    GatedExperts(Box<GatedExperts>),
    /// `(x [rows, used * inputs], ids [rows, used], weights [rows, used]) -> y [rows, outputs]`: the sum of a row's slots'
    /// products, each times its weight; a fourth input of the same shape as `y` is added. Comes from
    /// [`fuse_launches`](crate::fuse_launches) only.
    ExpertSum(ExpertMatMul),
    /// `(x [Tokens, channels]) -> y`, same shape.
    Conv(Conv),
    /// `(row [Tokens, w]) -> y [Tokens, channels]`: `after * conv(before * x)`, of parts of the row. Comes from
    /// [`fuse_launches`](crate::fuse_launches) only.
    GatedConv(GatedConv),
    /// `(qkv [Tokens, (2 * key_heads + value_heads) * head_dim], beta [Tokens, value_heads], alpha [Tokens, value_heads])
    /// -> y [Tokens, value_heads * head_dim]`.
    DeltaNet(DeltaNet),
    /// `(x [Tokens, w]) -> y [Logits, w]`: the last rows of `x`.
    SelectRows,
    /// `(logits [Logits, vocabulary]) -> ()`: the step's token is the index of the greatest logit of the last row
    /// (the lowest index among equals). Runs only when the step wants a token.
    Argmax,
}

/// One operation with the activations it reads and writes.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Activations read.
    pub inputs: Vec<Value>,
    /// Activations written; each is written by exactly one node.
    pub outputs: Vec<Value>,
    /// For people: the layer or part this node belongs to, e.g. `blk.3`.
    pub label: String,
}

/// A recorded model: nodes in execution order.
#[derive(Clone, PartialEq, Debug)]
pub struct Graph {
    /// Tensors that the nodes read; [`WeightId`] indexes it.
    pub weights: Vec<WeightSpec>,
    /// Shapes of the activations; [`Value`] indexes it.
    pub values: Vec<ValueInfo>,
    /// Operations in execution order.
    pub nodes: Vec<Node>,
    /// KV cache shapes; [`Attention::layer`] indexes it.
    pub kv_layers: Vec<KvLayer>,
    /// Numbers (f32) of each recurrent state; [`Conv::state`] and [`DeltaNet::state`] index it. Each is zeros before
    /// position 0.
    pub states: Vec<usize>,
    /// The model's result, `[Logits, vocabulary]`.
    pub logits: Value,
}

impl Graph {
    /// The weight's description.
    pub fn weight(&self, id: WeightId) -> &WeightSpec {
        &self.weights[id.0 as usize]
    }

    /// The activation's shape.
    pub fn value(&self, value: Value) -> ValueInfo {
        self.values[value.0 as usize]
    }

    /// Whether a step can only go on from where the last one ended, from where it began, or from position 0, because
    /// there is state that cannot be cut off at a position as the KV cache can; how far that can, [`crate::Reach`] knows.
    pub fn is_recurrent(&self) -> bool {
        !self.states.is_empty()
    }

    /// Bytes of KV cache that a program compiled so needs.
    pub fn kv_bytes(&self, options: &CompileOptions) -> u64 {
        self.kv_layers.iter().map(|layer| layer.bytes(options)).fold(0, u64::saturating_add)
    }
}

impl Op {
    /// Name for people: in a graph's text form and in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::RmsNorm(_) => "rms_norm",
            Op::NormAdd(_) => "norm_add",
            Op::MatMul(_) => "matmul",
            Op::Rope(_) => "rope",
            Op::StoreKv { .. } => "store_kv",
            Op::Attention(_) => "attention",
            Op::SelfAttention(_) => "self_attention",
            Op::Add => "add",
            Op::Gated(_) => "gated",
            Op::GatedParts(_) => "gated_parts",
            Op::Scale(_) => "scale",
            Op::SoftCap(_) => "soft_cap",
            Op::Slice(_) => "slice",
            Op::Router(_) => "router",
            Op::ExpertMatMul(_) => "expert_matmul",
            Op::WeightedSum => "weighted_sum",
            Op::GatedExperts(_) => "gated_experts",
            Op::ExpertSum(_) => "expert_sum",
            Op::Conv(_) => "conv",
            Op::GatedConv(_) => "gated_conv",
            Op::DeltaNet(_) => "delta_net",
            Op::SelectRows => "select_rows",
            Op::Argmax => "argmax",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_fits_where_its_bytes_and_its_numbers_do() {
        let spec = |dtype, rows, cols, vector| {
            let uses = WeightUses { vector, matrix: !vector, ..WeightUses::default() };
            WeightSpec { name: "w".to_owned(), dtype, rows, cols, uses }
        };
        let addresses = u64::from(u32::MAX);
        // 2^32 values of half a byte and their scales.
        let large = spec(DType::Q4_0, 1 << 16, 1 << 16, false);
        assert!(large.fits(addresses) && large.byte_len() as u64 <= addresses);
        assert!(!spec(DType::Q8_0, 1 << 16, 1 << 16, false).fits(addresses));
        // Its bytes are 18 of 32 values, which as numbers are 128.
        assert!(!spec(DType::Q4_0, 1 << 15, 1 << 15, true).fits(addresses));
        assert!(spec(DType::Q4_0, 1 << 15, 1 << 14, true).fits(addresses));
        // Wrapped around, this would be nothing.
        assert!(!spec(DType::F32, 1 << 16, 1 << 16, false).fits(addresses));
        assert!(!spec(DType::F32, usize::MAX, usize::MAX, false).fits(u64::MAX));
    }
}
