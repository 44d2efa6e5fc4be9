//! `bitnet`: as `llama`, with a norm before both output projections, and ternary matrices that each have a scale
//! (Ma et al., BitNet b1.58, 2024).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;

/// Records a `bitnet` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let rope = model.rope(RopeStyle::Halves)?;
    let activation = match model.keys.text("hidden_activation")? {
        None | Some("silu") => Activation::Silu,
        Some("relu2" | "relu_sqr") => Activation::Relu2,
        Some(other) => return Err(model.keys.unsupported("hidden_activation", other)),
    };
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE,
        |layer, h| {
            let a = layer.heads(layer.qkv(h)?, Some(&rope), layer.attention()?);
            layer.output("attn_output", layer.norm("attn_sub_norm", a)?)
        },
        |layer, h| layer.output("ffn_down", layer.norm("ffn_sub_norm", layer.gated(h, activation)?)?),
    )?;
    model.head(x)
}
