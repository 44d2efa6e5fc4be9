//! `qwen3` and `qwen3moe`: the heads of queries and keys are normalised before they turn (Qwen3, 2025).

use linnet_graph::{Activation, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::experts::Experts;
use crate::layer::{Layer, Qkv};

/// Records a `qwen3` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    layers(d, |layer, h| layer.feed_forward(h, Activation::Silu))
}

/// Records a `qwen3moe` model.
pub(crate) fn record_moe(d: &Draft<'_>) -> Result<Value, ModelError> {
    let experts = Experts::read(d, Gating::Softmax, true)?;
    layers(d, |layer, h| experts.feed_forward(layer, h, Activation::Silu))
}

fn layers(
    d: &Draft<'_>,
    feed_forward: impl Fn(&Layer<'_>, Value) -> Result<Value, ModelError>,
) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Halves)?;
    let mut x = d.embed()?;
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let q = rope.apply(g, layer.head_norm("attn_q_norm", q)?);
        let k = rope.apply(g, layer.head_norm("attn_k_norm", k)?);
        let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
        x = g.add(x, layer.output("attn_output", a)?);
        x = g.add(x, feed_forward(&layer, layer.norm("ffn_norm", x)?)?);
    }
    d.head(x)
}
