//! `qwen3` and `qwen3moe`: the heads of queries and keys are normalized before the rope (Qwen3, 2025).

use linnet_graph::{Activation, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::experts::Experts;
use crate::layer::{Layer, Norms};
use crate::model_builder::ModelBuilder;

/// Records a `qwen3` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    layers(model, |layer, h| layer.feed_forward(h, Activation::Silu))
}

/// Records a `qwen3moe` model.
pub(crate) fn record_moe(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let experts = Experts::read(model, Gating::Softmax, true)?;
    layers(model, |layer, h| experts.feed_forward(layer, h, Activation::Silu))
}

fn layers(
    model: &ModelBuilder<'_>,
    feed_forward: impl Fn(&Layer<'_>, Value) -> Result<Value, ModelError>,
) -> Result<Value, ModelError> {
    let rope = model.rope(RopeStyle::Halves)?;
    let attention =
        |layer: &Layer<'_>, h| layer.attend(layer.normed_qkv(h)?, Some(&rope), layer.attention()?);
    model.head(model.layers(model.embed()?, Norms::BEFORE, attention, feed_forward)?)
}
