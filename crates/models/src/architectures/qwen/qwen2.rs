//! `qwen2`: as `llama`, with biases of queries, keys and values, and NEOX rope (Qwen2.5; DeepSeek-R1-Distill-Qwen).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;

/// Records a `qwen2` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let rope = model.rope(RopeStyle::Halves)?;
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE,
        |layer, h| layer.attend(layer.qkv(h)?, Some(&rope), layer.attention()?),
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    model.head(x)
}
