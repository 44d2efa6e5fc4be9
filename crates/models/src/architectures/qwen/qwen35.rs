//! `qwen35`: three of four layers are gated delta nets after a convolution, the fourth is gated attention (Qwen3-Next,
//! 2025; Qwen3.5, 2026).

use linnet_graph::{Activation, DeltaNet, RopeStyle, Slice, Value};

use crate::ModelError;
use crate::layer::{Layer, Norms, Qkv};
use crate::model_builder::ModelBuilder;
use crate::rope::RopeConfig;

/// Shape of the delta nets.
#[derive(Clone, Copy)]
struct Delta {
    key_heads: usize,
    value_heads: usize,
    head_dim: usize,
    taps: usize,
}

impl Delta {
    fn read(model: &ModelBuilder<'_>) -> Result<Self, ModelError> {
        let keys = &model.keys;
        let delta = Delta {
            key_heads: keys.size("ssm.group_count")?,
            value_heads: keys.size("ssm.time_step_rank")?,
            head_dim: keys.size("ssm.state_size")?,
            taps: keys.size("ssm.conv_kernel")?,
        };
        let inner = keys.width("ssm.time_step_rank", &[delta.value_heads, delta.head_dim])?;
        keys.check_head("ssm.state_size", delta.head_dim, 0)?;
        // Queries and keys have the same number of heads.
        keys.width("ssm.group_count", &[2, delta.key_heads, delta.head_dim])?;
        if keys.size("ssm.inner_size")? != inner {
            return Err(keys.unsupported("ssm.inner_size", "value heads of a different size than key heads"));
        }
        Ok(delta)
    }
}

/// Records a `qwen35` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    // For text the three positions of a token are equal, and the fourth section must be empty.
    if model.keys.has("rope.dimension_sections")
        && model.keys.sizes("rope.dimension_sections", 4, None)?[3] != 0
    {
        return Err(model.keys.unsupported("rope.dimension_sections", "a fourth section"));
    }
    let (rope, delta) = (model.rope(RopeStyle::Halves)?, Delta::read(model)?);
    let interval = model.keys.size_or("full_attention_interval", 4)?;
    let recurrent = model.keys.flags("attention.recurrent_layers", model.config.block_count)?;
    let is_recurrent =
        |index: usize| recurrent.as_ref().map_or(!(index + 1).is_multiple_of(interval), |flags| flags[index]);
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE_POST_ATTENTION,
        |layer, h| match is_recurrent(layer.index) {
            true => delta_net(layer, delta, h),
            false => attention(layer, &rope, h),
        },
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    model.head(x)
}

/// Attention whose result is multiplied by `σ` of a gate. In the query matrix, the gate of each head follows its query.
fn attention(layer: &Layer<'_>, rope: &RopeConfig, h: Value) -> Result<Value, ModelError> {
    let Layer { graph: g, heads, kv_heads, head_dim: dim, .. } = *layer;
    let both = layer.linear("attn_q", h, 2 * heads * dim)?;
    let part = |start| g.slices(both, Slice { start, len: dim, stride: 2 * dim });
    let (q, gate) = (part(0), part(dim));
    let k = layer.linear("attn_k", h, kv_heads * dim)?;
    let v = layer.linear("attn_v", h, kv_heads * dim)?;
    let qkv = Qkv { q: layer.head_norm("attn_q_norm", q)?, k: layer.head_norm("attn_k_norm", k)?, v };
    let a = layer.heads(qkv, Some(rope), layer.attention()?);
    layer.output("attn_output", g.gated(Activation::Sigmoid, gate, a))
}

/// The gated delta rule on a convolution of queries, keys and values; its heads are normalized and gated by `silu(z)`.
fn delta_net(layer: &Layer<'_>, delta: Delta, h: Value) -> Result<Value, ModelError> {
    let Delta { key_heads, value_heads, head_dim, taps } = delta;
    let (g, eps) = (layer.graph, layer.model.config.norm_eps);
    let channels = (2 * key_heads + value_heads) * head_dim;
    let qkv = layer.linear("attn_qkv", h, channels)?;
    let z = layer.linear("attn_gate", h, value_heads * head_dim)?;
    let beta = layer.linear("ssm_beta", h, value_heads)?;
    let alpha = layer.linear("ssm_alpha", h, value_heads)?;
    let qkv = g.conv(qkv, layer.tensor("ssm_conv1d.weight", &[taps, channels])?, true);
    let a = layer.tensor("ssm_a", &[value_heads])?;
    let dt_bias = layer.tensor("ssm_dt.bias", &[value_heads])?;
    let op = DeltaNet { state: 0, key_heads, value_heads, head_dim, a, dt_bias, eps };
    let y = g.delta_net(qkv, beta, alpha, op);
    let norm = layer.tensor("ssm_norm.weight", &[head_dim])?;
    let y = g.head_norm(y, Some(norm), head_dim, eps);
    layer.output("ssm_out", g.gated(Activation::Silu, z, y))
}
