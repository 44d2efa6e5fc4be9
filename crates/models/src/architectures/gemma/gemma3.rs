//! `gemma3`: as `gemma2` without caps, with the heads of queries and keys normalized; five of six layers have a window
//! and their own rope (Gemma 3, 2025).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::architectures::gemma::gemma2;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;
use crate::rope::{RopeParams, Scaling};

/// Number of layers of the model whose scores are scaled by the embedding width per head instead of the head's width.
const LAYERS_OF_27B: usize = 62;

/// Records a `gemma3` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let (g, keys, c) = (&model.graph, &model.keys, &model.config);
    let (far, windows) = (model.rope(RopeStyle::Halves)?, model.windows(None, 6)?);
    let near_base = keys.positive_or("rope.local.freq_base", 10_000.0)?;
    let near = model.rope_with(RopeParams {
        base: keys.positive_or("rope.freq_base_swa", near_base)?,
        scaling: Scaling::None(1.0),
        file_factors: false,
        ..model.rope_params(RopeStyle::Halves)?
    })?;
    let x = model.layers(
        g.scale(model.embed()?, (c.embedding_length as f32).sqrt()),
        Norms::AROUND,
        |layer, h| {
            let window = windows[layer.index];
            let rope = if window.is_some() { &near } else { &far };
            let attention = gemma2::attention(layer, window, LAYERS_OF_27B)?;
            layer.attend(layer.normed_qkv(h)?, Some(rope), attention)
        },
        |layer, h| layer.feed_forward(h, Activation::Gelu),
    )?;
    Ok(g.soft_cap(model.head(x)?, keys.nonzero_f32("final_logit_softcapping")?))
}
