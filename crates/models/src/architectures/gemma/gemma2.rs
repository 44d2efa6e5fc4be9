//! `gemma2`: norms before and after both parts of a layer, GELU, soft caps, every other layer with a window (Gemma 2,
//! 2024).

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::layer::{Layer, Norms};
use crate::model_builder::ModelBuilder;

/// Number of layers of the model whose scores are scaled by the embedding width per head instead of the head's width.
const LAYERS_OF_27B: usize = 46;

/// Records a `gemma2` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let (g, keys) = (&model.graph, &model.keys);
    let (rope, windows) = (model.rope(RopeStyle::Halves)?, model.windows(Some(4096), 2)?);
    let soft_cap = Some(keys.positive_or("attn_logit_softcapping", 50.0)?);
    let x = model.layers(
        g.scale(model.embed()?, (model.config.embedding_length as f32).sqrt()),
        Norms::AROUND,
        |layer, h| {
            let attention = attention(layer, windows[layer.index], LAYERS_OF_27B)?;
            layer.attend(layer.qkv(h)?, Some(&rope), Attention { soft_cap, ..attention })
        },
        |layer, h| layer.feed_forward(h, Activation::Gelu),
    )?;
    Ok(g.soft_cap(model.head(x)?, Some(keys.positive_or("final_logit_softcapping", 30.0)?)))
}

/// Gemma 2's and 3's attention; `odd` is the number of layers of the model whose scores are scaled differently, which
/// its file does not say.
pub(crate) fn attention(
    layer: &Layer<'_>,
    window: Option<usize>,
    odd: usize,
) -> Result<Attention, ModelError> {
    let (attention, c) = (layer.attention()?, &layer.model.config);
    let by_width = (c.embedding_length as f32 / c.heads as f32).powf(-0.5);
    let scale = if c.block_count == odd { by_width } else { attention.scale };
    Ok(Attention { window, scale, ..attention })
}
