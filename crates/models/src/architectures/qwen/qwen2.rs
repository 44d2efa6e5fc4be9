//! `qwen2`: as `llama`, with biases of queries, keys and values and halves that turn together (Qwen2.5;
//! DeepSeek-R1-Distill-Qwen).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::Draft;

/// Records a `qwen2` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let rope = d.rope(RopeStyle::Halves)?;
    let x = d.layers(
        d.embed()?,
        Norms::BEFORE,
        |layer, h| layer.attend(layer.qkv(h)?, Some(&rope), layer.attention()?),
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    d.head(x)
}
