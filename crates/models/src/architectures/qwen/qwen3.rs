//! `qwen3` and `qwen3moe`: the heads of queries and keys are normalised before they turn (Qwen3, 2025).

use linnet_graph::{Activation, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::experts::Experts;
use crate::layer::{Layer, Norms};
use crate::model_builder::Draft;

/// Records a `qwen3` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    layers(d, |layer, h| layer.feed_forward(h, Activation::Silu))
}

/// Records a `qwen3moe` model.
pub(crate) fn record_moe(d: &Draft<'_>) -> Result<Value, ModelError> {
    let experts = Experts::read(d, Gating::Softmax, true)?;
    layers(d, |layer, h| experts.feed_forward(layer, h, Activation::Silu))
}

fn layers(
    d: &Draft<'_>,
    feed_forward: impl Fn(&Layer<'_>, Value) -> Result<Value, ModelError>,
) -> Result<Value, ModelError> {
    let rope = d.rope(RopeStyle::Halves)?;
    let attention =
        |layer: &Layer<'_>, h| layer.attend(layer.normed_qkv(h)?, Some(&rope), layer.attention()?);
    d.head(d.layers(d.embed()?, Norms::BEFORE, attention, feed_forward)?)
}
