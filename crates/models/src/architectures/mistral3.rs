//! `mistral3`: as `llama`, with YaRN and an attention temperature that grows with the position (Ministral 3, 2025).

use linnet_graph::{Activation, Attention, RopeStyle, Temperature, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::Draft;
use crate::rope;

/// Records a `mistral3` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let rope = d.rope(RopeStyle::Interleaved)?;
    let scale = d.keys.float("attention.temperature_scale", 0.0)?;
    let period = rope::original_context(&d.keys, &d.c)?;
    let temperature = (scale != 0.0).then_some(Temperature { scale, period });
    let x = d.layers(
        d.embed()?,
        Norms::BEFORE,
        |layer, h| layer.attend(layer.qkv(h)?, Some(&rope), Attention { temperature, ..layer.attention()? }),
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    d.head(x)
}
