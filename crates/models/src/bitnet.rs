//! `bitnet`: as `llama`, with a norm before both output projections, and ternary matrices that each have a scale
//! (Ma et al., BitNet b1.58, 2024).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;

/// Records a `bitnet` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Halves)?;
    let activation = match d.keys.text("hidden_activation")? {
        None | Some("silu") => Activation::Silu,
        Some("relu2" | "relu_sqr") => Activation::Relu2,
        Some(other) => return Err(d.keys.unsupported("hidden_activation", other)),
    };
    let mut x = d.embed()?;
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (rope.apply(g, q), rope.apply(g, k));
        let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
        x = g.add(x, layer.output("attn_output", layer.norm("attn_sub_norm", a)?)?);
        let y = layer.gated(layer.norm("ffn_norm", x)?, activation)?;
        x = g.add(x, layer.output("ffn_down", layer.norm("ffn_sub_norm", y)?)?);
    }
    d.head(x)
}
