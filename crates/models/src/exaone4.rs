//! `exaone4`: as `olmo2`, with the heads of queries and keys normalised; where there are windows, the layers that see
//! everything have no position embedding (EXAONE 4.0, 2025).

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Norms;

/// Records an `exaone4` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let (rope, windows) = (d.rope(RopeStyle::Halves)?, d.windows(None, 4)?);
    let hybrid = windows.iter().any(Option::is_some);
    let x = d.layers(
        d.embed()?,
        Norms::AFTER,
        |layer, h| {
            let window = windows[layer.index];
            let rope = (window.is_some() || !hybrid).then_some(&rope);
            layer.attend(layer.normed_qkv(h)?, rope, Attention { window, ..layer.attention()? })
        },
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    d.head(x)
}
