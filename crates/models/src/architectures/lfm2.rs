//! `lfm2`: most layers mix neighbouring tokens with a short gated convolution, the others with attention (Liquid AI,
//! LFM2, 2025).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::layer::{Layer, Norms};
use crate::model_builder::ModelBuilder;

/// Records an `lfm2` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let rope = model.rope(RopeStyle::Halves)?;
    let taps = model.keys.size("shortconv.l_cache")?;
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE,
        // A layer without key/value heads is a convolution layer.
        |layer, h| match model.config.kv_heads[layer.index] {
            0 => convolution(layer, taps, h),
            _ => layer.attend(layer.normed_qkv(h)?, Some(&rope), layer.attention()?),
        },
        |layer, h| layer.feed_forward(h, Activation::Silu),
    )?;
    // Some files use the checkpoints' misleading name for the final norm, which follows the last layer.
    model.head_with(
        if model.tensors.has("token_embd_norm.weight") { "token_embd_norm" } else { "output_norm" },
        x,
    )
}

/// `out(c * conv(b * x))`, where `b`, `c` and `x` are projections of `h`.
fn convolution(layer: &Layer<'_>, taps: usize, h: Value) -> Result<Value, ModelError> {
    let (g, width) = (layer.graph, layer.model.config.embedding_length);
    let bcx = layer.linear("shortconv.in_proj", h, 3 * width)?;
    let [b, c, x] = [0, 1, 2].map(|part| g.slice(bcx, part * width, width));
    let kernel = layer.tensor("shortconv.conv.weight", &[taps, width])?;
    let y = g.multiply(c, g.conv(g.multiply(b, x), kernel, false));
    layer.output("shortconv.out_proj", y)
}
