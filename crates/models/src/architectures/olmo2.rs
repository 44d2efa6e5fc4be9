//! `olmo2`: the outputs of attention and of the feed-forward part are normalized, not their inputs; queries and keys
//! are normalized as whole rows (OLMo 2, 2024). OLMo 3 adds windows; its windowed layers use an unscaled rope.

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::layer::{Norms, Qkv};
use crate::model_builder::ModelBuilder;
use crate::rope::{RopeParams, Scaling};

/// Records an `olmo2` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let (far, windows) = (model.rope(RopeStyle::Halves)?, model.windows(None, 4)?);
    let near = model.rope_with(RopeParams {
        base: model.keys.positive_or("rope.freq_base_swa", model.config.rope_base)?,
        scaling: Scaling::None(1.0),
        file_factors: false,
        ..model.rope_params(RopeStyle::Halves)?
    })?;
    let x = model.layers(
        model.embed()?,
        Norms::AFTER,
        |layer, h| {
            let window = windows[layer.index];
            let Qkv { q, k, v } = layer.qkv(h)?;
            let qkv = Qkv { q: layer.norm("attn_q_norm", q)?, k: layer.norm("attn_k_norm", k)?, v };
            let rope = if window.is_some() { &near } else { &far };
            layer.attend(qkv, Some(rope), Attention { window, ..layer.attention()? })
        },
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    model.head(x)
}
