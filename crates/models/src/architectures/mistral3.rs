//! `mistral3`: as `llama`, with YaRN and an attention temperature that grows with the position (Ministral 3, 2025).

use linnet_graph::{Activation, Attention, RopeStyle, Temperature, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;
use crate::rope;

/// Records a `mistral3` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let rope = model.rope(RopeStyle::Interleaved)?;
    let scale = model.keys.float("attention.temperature_scale", 0.0)?;
    let period = rope::original_context(&model.keys, &model.config)?;
    let temperature = (scale != 0.0).then_some(Temperature { scale, period });
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE,
        |layer, h| layer.attend(layer.qkv(h)?, Some(&rope), Attention { temperature, ..layer.attention()? }),
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    model.head(x)
}
