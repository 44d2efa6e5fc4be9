//! `smollm3`: as `llama`, but every fourth layer has no position embedding (Bakouch et al., SmolLM3, 2025).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;

/// The last layer of each group of this size has no position embedding.
const PERIOD: usize = 4;

/// Records a `smollm3` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let rope = model.rope(RopeStyle::Interleaved)?;
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE,
        |layer, h| {
            let rope = ((layer.index + 1) % PERIOD != 0).then_some(&rope);
            layer.attend(layer.qkv(h)?, rope, layer.attention()?)
        },
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    model.head(x)
}
