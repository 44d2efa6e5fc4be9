//! `gpt-oss`: experts with biases and clamped SwiGLU, attention with sinks, every other layer with a window (OpenAI,
//! 2025).

use linnet_graph::{Activation, Attention, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::experts::Experts;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;

/// Records a `gpt-oss` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let (rope, windows) = (model.rope(RopeStyle::Halves)?, model.windows(None, 2)?);
    let experts = Experts::read(model, Gating::SoftmaxOfChosen, false)?;
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE_POST_ATTENTION,
        |layer, h| {
            let sinks = Some(layer.tensor("attn_sinks.weight", &[model.config.heads])?);
            let attention = Attention { window: windows[layer.index], sinks, ..layer.attention()? };
            layer.attend(layer.qkv(h)?, Some(&rope), attention)
        },
        |layer, h| experts.feed_forward(layer, h, Activation::ClampedSwiGlu),
    )?;
    model.head(x)
}
