//! `gpt-oss`: experts with biases and clamped SwiGLU, attention with sinks, every other layer with a window (OpenAI, 2025).

use linnet_graph::{Activation, Attention, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::experts::Experts;
use crate::layer::Qkv;

/// Records a `gpt-oss` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let (rope, windows) = (d.rope(RopeStyle::Halves)?, d.windows(None, 2)?);
    let experts = Experts::read(d, Gating::SoftmaxOfChosen, false)?;
    let mut x = d.embed()?;
    for (index, &window) in windows.iter().enumerate() {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (rope.apply(g, q), rope.apply(g, k));
        let sinks = Some(layer.tensor("attn_sinks.weight", &[d.c.heads])?);
        let a = layer.attend(Qkv { q, k, v }, Attention { window, sinks, ..layer.attention()? });
        x = g.add(x, layer.output("attn_output", a)?);
        let h = layer.norm("post_attention_norm", x)?;
        x = g.add(x, experts.feed_forward(&layer, h, Activation::ClampedSwiGlu)?);
    }
    d.head(x)
}
