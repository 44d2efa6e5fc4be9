//! `qwen2`: as `llama`, with biases of queries, keys and values (Qwen2.5; DeepSeek-R1-Distill-Qwen).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;

/// Records a `qwen2` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Halves)?;
    let mut x = d.embed()?;
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (rope.apply(g, q), rope.apply(g, k));
        let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
        x = g.add(x, layer.output("attn_output", a)?);
        let h = layer.norm("ffn_norm", x)?;
        x = g.add(x, layer.feed_forward(h, Activation::Silu)?);
    }
    d.head(x)
}
