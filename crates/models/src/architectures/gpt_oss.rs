//! `gpt-oss`: experts with biases and clamped SwiGLU, attention with sinks, every other layer with a window (OpenAI, 2025).

use linnet_graph::{Activation, Attention, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::experts::Experts;
use crate::layer::Norms;
use crate::model_builder::Draft;

/// Records a `gpt-oss` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let (rope, windows) = (d.rope(RopeStyle::Halves)?, d.windows(None, 2)?);
    let experts = Experts::read(d, Gating::SoftmaxOfChosen, false)?;
    let x = d.layers(
        d.embed()?,
        Norms::BEFORE_POST_ATTENTION,
        |layer, h| {
            let sinks = Some(layer.tensor("attn_sinks.weight", &[d.c.heads])?);
            let attention = Attention { window: windows[layer.index], sinks, ..layer.attention()? };
            layer.attend(layer.qkv(h)?, Some(&rope), attention)
        },
        |layer, h| experts.feed_forward(layer, h, Activation::ClampedSwiGlu),
    )?;
    d.head(x)
}
