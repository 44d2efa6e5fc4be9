//! The operations of a graph for backends to which each node is a dispatch.

use crate::ir::ops::Op;
use crate::ir::ops::{Activation, Attention, Conv, DeltaNet, ExpertMatMul, Norm, Rope, Router, Scale, Slice};
use crate::ir::ops::{FusedMatMul, GatedConv, GatedExperts, GatedParts, NormAdd, SelfAttention};
use crate::ir::value::WeightId;

/// An operation of a graph after [`fuse_dispatches`](crate::fuse_dispatches): one of [`Op`], or a fused one. The
/// comments name a node's inputs and outputs in order.
#[derive(Clone, PartialEq, Debug)]
pub enum FusedOp {
    /// `() -> x [Tokens, cols]`: the table's row for each token of the step, times a factor.
    Embed {
        /// `[vocabulary, cols]`.
        table: WeightId,
        /// 1 as recorded.
        factor: f32,
    },
    /// `(x) -> y`, same shape.
    RmsNorm(Norm),
    /// `(x) -> (y_0, y_1, ...)`, or `(x, residual) -> y` with [`FusedEpilogue::Residual`], or
    /// `(y, residual) -> (y_0, ..., x)` with [`FusedMatMul::fused_add_norm`].
    MatMul(FusedMatMul),
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
    /// `(x, residual) -> scale * (residual + norm(x))`, all of the same shape.
    NormAdd(NormAdd),
    /// `(qkv [Tokens, (heads + 2 * kv_heads) * head_dim]) -> y [Tokens, heads * head_dim]`; a row of `qkv` holds
    /// queries, keys, values.
    SelfAttention(Box<SelfAttention>),
    /// `(row [rows, w]) -> y`, or `(row, row) -> y`: `activation(gate) * up` of parts of the row, or of the two.
    GatedParts(GatedParts),
    /// `(x [rows, inputs], ids [rows, used]) -> y [rows, used * outputs]`.
    GatedExperts(Box<GatedExperts>),
    /// `(x [rows, used * inputs], ids [rows, used], weights [rows, used]) -> y [rows, outputs]`: the sum of a row's
    /// slots' products, each times its weight; a fourth input of the same shape as `y` is added.
    ExpertSum(ExpertMatMul),
    /// `(row [Tokens, w]) -> y [Tokens, channels]`: `after * conv(before * x)`, of parts of the row.
    GatedConv(GatedConv),
}

impl From<Op> for FusedOp {
    fn from(op: Op) -> Self {
        match op {
            Op::Embed { table, factor } => FusedOp::Embed { table, factor },
            Op::RmsNorm(op) => FusedOp::RmsNorm(op),
            Op::MatMul(op) => FusedOp::MatMul(op.into()),
            Op::Rope(op) => FusedOp::Rope(op),
            Op::StoreKv { layer } => FusedOp::StoreKv { layer },
            Op::Attention(op) => FusedOp::Attention(op),
            Op::Add => FusedOp::Add,
            Op::Gated(op) => FusedOp::Gated(op),
            Op::Scale(op) => FusedOp::Scale(op),
            Op::SoftCap(op) => FusedOp::SoftCap(op),
            Op::Slice(op) => FusedOp::Slice(op),
            Op::Router(op) => FusedOp::Router(op),
            Op::ExpertMatMul(op) => FusedOp::ExpertMatMul(op),
            Op::WeightedSum => FusedOp::WeightedSum,
            Op::Conv(op) => FusedOp::Conv(op),
            Op::DeltaNet(op) => FusedOp::DeltaNet(op),
            Op::SelectRows => FusedOp::SelectRows,
            Op::Argmax => FusedOp::Argmax,
        }
    }
}

impl FusedOp {
    /// Name for people: in a graph's text form and in errors.
    pub fn name(&self) -> &'static str {
        match self {
            FusedOp::Embed { .. } => "embed",
            FusedOp::RmsNorm(_) => "rms_norm",
            FusedOp::MatMul(_) => "matmul",
            FusedOp::Rope(_) => "rope",
            FusedOp::StoreKv { .. } => "store_kv",
            FusedOp::Attention(_) => "attention",
            FusedOp::Add => "add",
            FusedOp::Gated(_) => "gated",
            FusedOp::Scale(_) => "scale",
            FusedOp::SoftCap(_) => "soft_cap",
            FusedOp::Slice(_) => "slice",
            FusedOp::Router(_) => "router",
            FusedOp::ExpertMatMul(_) => "expert_matmul",
            FusedOp::WeightedSum => "weighted_sum",
            FusedOp::Conv(_) => "conv",
            FusedOp::DeltaNet(_) => "delta_net",
            FusedOp::SelectRows => "select_rows",
            FusedOp::Argmax => "argmax",
            FusedOp::NormAdd(_) => "norm_add",
            FusedOp::SelfAttention(_) => "self_attention",
            FusedOp::GatedParts(_) => "gated_parts",
            FusedOp::GatedExperts(_) => "gated_experts",
            FusedOp::ExpertSum(_) => "expert_sum",
            FusedOp::GatedConv(_) => "gated_conv",
        }
    }
}
