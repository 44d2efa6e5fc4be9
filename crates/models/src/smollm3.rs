//! `smollm3`: as `llama`, but every fourth layer has no position embedding (Bakouch et al., SmolLM3, 2025).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;

/// Of so many layers the last does not turn.
const PERIOD: usize = 4;

/// Records a `smollm3` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Interleaved)?;
    let mut x = d.embed()?;
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { mut q, mut k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        if (index + 1) % PERIOD != 0 {
            (q, k) = (rope.apply(g, q), rope.apply(g, k));
        }
        let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
        x = g.add(x, layer.output("attn_output", a)?);
        let h = layer.norm("ffn_norm", x)?;
        x = g.add(x, layer.feed_forward(h, Activation::Silu)?);
    }
    d.head(x)
}
