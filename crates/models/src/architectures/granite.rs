//! `granite`: as `llama`, with constants that scale the embeddings, both residuals and the logits (Granite 3, 2024).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;

/// Records a `granite` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let (g, keys) = (&model.graph, &model.keys);
    // In other architectures this key says whether a scaling was trained; here it says whether there is a rope.
    let rope = match keys.flag("rope.scaling.finetuned", true)? {
        true => Some(model.rope(RopeStyle::Interleaved)?),
        false => None,
    };
    let residual = keys.nonzero_f32("residual_scale")?.unwrap_or(1.0);
    let x = model.layers(
        g.scale(model.embed()?, keys.nonzero_f32("embedding_scale")?.unwrap_or(1.0)),
        Norms::BEFORE,
        |layer, h| Ok(g.scale(layer.attend(layer.qkv(h)?, rope.as_ref(), layer.attention()?)?, residual)),
        |layer, h| Ok(g.scale(layer.feed_forward(h, Activation::Silu)?, residual)),
    )?;
    Ok(g.scale(model.head(x)?, 1.0 / keys.nonzero_f32("logit_scale")?.unwrap_or(1.0)))
}
