//! The operations of a graph.

use crate::ir::params::{
    Activation, Attention, Conv, DeltaNet, ExpertMatMul, GatedConv, GatedExperts, GatedParts, MatMul, Norm,
    NormAdd, Rope, Router, Scale, SelfAttention, Slice,
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
    /// `(x, residual) -> scale * (residual + norm(x))`, all of the same shape. Comes from
    /// [`fuse_dispatches`](crate::fuse_dispatches) only.
    NormAdd(NormAdd),
    /// `(x) -> (y_0, y_1, ...)`, or `(x, residual) -> y` with [`Epilogue::Residual`](crate::Epilogue::Residual), or
    /// `(y, residual) -> (y_0, ..., x)` with [`MatMul::fused_add_norm`].
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
    /// `(qkv [Tokens, (heads + 2 * kv_heads) * head_dim]) -> y [Tokens, heads * head_dim]`; a row of `qkv` holds
    /// queries, keys, values. Comes from [`fuse_dispatches`](crate::fuse_dispatches) only.
    SelfAttention(Box<SelfAttention>),
    /// `(a, b) -> a + b`, same shape.
    Add,
    /// `(gate, up) -> activation(gate) * up`, same shape.
    Gated(Activation),
    /// `(row [rows, w]) -> y`, or `(row, row) -> y`: `activation(gate) * up` of parts of the row, or of the two. Comes
    /// from [`fuse_dispatches`](crate::fuse_dispatches) only.
    GatedParts(GatedParts),
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
    /// `(x [rows, inputs], ids [rows, used]) -> y [rows, used * outputs]`. Comes from
    /// [`fuse_dispatches`](crate::fuse_dispatches) only.
    GatedExperts(Box<GatedExperts>),
    /// `(x [rows, used * inputs], ids [rows, used], weights [rows, used]) -> y [rows, outputs]`: the sum of a row's
    /// slots' products, each times its weight; a fourth input of the same shape as `y` is added. Comes from
    /// [`fuse_dispatches`](crate::fuse_dispatches) only.
    ExpertSum(ExpertMatMul),
    /// `(x [Tokens, channels]) -> y`, same shape.
    Conv(Conv),
    /// `(row [Tokens, w]) -> y [Tokens, channels]`: `after * conv(before * x)`, of parts of the row. Comes from
    /// [`fuse_dispatches`](crate::fuse_dispatches) only.
    GatedConv(GatedConv),
    /// `(qkv [Tokens, (2 * key_heads + value_heads) * head_dim], beta, alpha) -> y [Tokens, value_heads * head_dim]`, where
    /// beta and alpha are `[Tokens, value_heads]`.
    DeltaNet(DeltaNet),
    /// `(x [Tokens, w]) -> y [Logits, w]`: the last rows of `x`.
    SelectRows,
    /// `(logits [Logits, vocabulary]) -> ()`: the step's token is the index of the greatest logit of the last row
    /// (the lowest index among equals). Runs only when the step wants a token.
    Argmax,
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
