//! `bitnet`: as `llama`, with a norm before both output projections, and ternary matrices that each have a scale
//! (Ma et al., BitNet b1.58, 2024).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::Draft;

/// Records a `bitnet` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let rope = d.rope(RopeStyle::Halves)?;
    let activation = match d.keys.text("hidden_activation")? {
        None | Some("silu") => Activation::Silu,
        Some("relu2" | "relu_sqr") => Activation::Relu2,
        Some(other) => return Err(d.keys.unsupported("hidden_activation", other)),
    };
    let x = d.layers(
        d.embed()?,
        Norms::BEFORE,
        |layer, h| {
            let a = layer.heads(layer.qkv(h)?, Some(&rope), layer.attention()?);
            layer.output("attn_output", layer.norm("attn_sub_norm", a)?)
        },
        |layer, h| layer.output("ffn_down", layer.norm("ffn_sub_norm", layer.gated(h, activation)?)?),
    )?;
    d.head(x)
}
