//! The operations of a graph.

use crate::ir::ops::{
    Activation, Attention, Conv, DeltaNet, ExpertMatMul, MatMul, Norm, Rope, Router, Scale, Slice,
};
use crate::ir::value::WeightId;

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
    /// `(x) -> (y_0, y_1, ...)`, or `(x, residual) -> y` with [`Epilogue::Residual`](crate::Epilogue::Residual).
    MatMul(MatMul),
    /// `(x [Tokens, heads * head_dim]) -> y`, same shape.
    Rope(Rope),
    /// `(k, v) -> ()`: writes the rows at the step's positions of the layer's KV cache.
    StoreKv {
        /// Index into [`Graph::kv_layers`](crate::Graph::kv_layers).
        layer: usize,
    },
    /// `(q [Tokens, heads * head_dim]) -> y`, same shape. Comes after the [`Op::StoreKv`] of its layer.
    Attention(Attention),
    /// `(a, b) -> a + b`, same shape.
    Add,
    /// `(gate, up) -> activation(gate) * up`, same shape.
    Gated(Activation),
    /// `(x) -> y`, same shape.
    Scale(Scale),
    /// `(x) -> cap * tanh(x / cap)`, same shape.
    SoftCap(f32),
    /// `(x [rows, groups * stride]) -> y [rows, groups * len]`.
    Slice(Slice),
    /// `(logits [rows, experts]) -> (ids [rows, used], weights [rows, used])`.
    Router(Router),
    /// `(x, ids [rows, used]) -> y [rows, used * outputs]`: slot `s` of a row is `W[ids[s]] · x (+ bias[ids[s]])`. `x`
    /// is `[rows, inputs]`, the same for all slots, or `[rows, used * inputs]`, one for each.
    ExpertMatMul(ExpertMatMul),
    /// `(x [rows, used * width], weights [rows, used]) -> y [rows, width]`: the sum of a row's slots, each times its
    /// weight.
    WeightedSum,
    /// `(x [Tokens, channels]) -> y`, same shape.
    Conv(Conv),
    /// `(qkv [Tokens, (2 * key_heads + value_heads) * head_dim], beta, alpha) -> y [Tokens, value_heads * head_dim]`;
    /// beta and alpha are `[Tokens, value_heads]`.
    DeltaNet(DeltaNet),
    /// `(x [Tokens, w]) -> y [Logits, w]`: the last rows of `x`.
    SelectRows,
    /// `(logits [Logits, vocabulary]) -> ()`: the step's token is the index of the greatest logit of the last row (the
    /// lowest index on a tie). Runs only if the step requests a token.
    Argmax,
}

impl Op {
    /// Name for people: in a graph's text form and in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::RmsNorm(_) => "rms_norm",
            Op::MatMul(_) => "matmul",
            Op::Rope(_) => "rope",
            Op::StoreKv { .. } => "store_kv",
            Op::Attention(_) => "attention",
            Op::Add => "add",
            Op::Gated(_) => "gated",
            Op::Scale(_) => "scale",
            Op::SoftCap(_) => "soft_cap",
            Op::Slice(_) => "slice",
            Op::Router(_) => "router",
            Op::ExpertMatMul(_) => "expert_matmul",
            Op::WeightedSum => "weighted_sum",
            Op::Conv(_) => "conv",
            Op::DeltaNet(_) => "delta_net",
            Op::SelectRows => "select_rows",
            Op::Argmax => "argmax",
        }
    }
}
