//! `exaone4`: as `olmo2`, with the heads of queries and keys normalized; if there are windows, the layers with full
//! attention have no position embedding (EXAONE 4.0, 2025).

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;
use crate::rope::RopeParams;

/// Number of layers of the model that has windows even if its file has no key for them.
const LAYERS_OF_32B: usize = 64;

/// Records an `exaone4` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let (keys, c) = (&model.keys, &model.config);
    let windows = model.windows((model.layers == LAYERS_OF_32B).then_some(4096), 4)?;
    let hybrid = windows.iter().any(Option::is_some);
    let base = if hybrid { keys.positive_or("rope.freq_base_swa", c.rope_base)? } else { c.rope_base };
    let rope = model.rope_with(RopeParams { base, ..model.rope_params(RopeStyle::Halves)? })?;
    let x = model.layers(
        model.embed()?,
        Norms::AFTER,
        |layer, h| {
            let window = windows[layer.index];
            let rope = (window.is_some() || !hybrid).then_some(&rope);
            layer.attend(layer.normed_qkv(h)?, rope, Attention { window, ..layer.attention()? })
        },
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    model.head(x)
}
