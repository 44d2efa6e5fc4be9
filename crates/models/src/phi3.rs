//! `phi3`: as `llama`, with one matrix for queries, keys and values, one for gate and up, and LongRoPE (Abdin et al., 2024;
//! Phi-3, Phi-3.5-mini, Phi-4-mini).
//!
//! The window of the short-context models' metadata is not applied: the reference does not either.

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;

/// Records a `phi3` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Halves)?;
    let mut x = d.embed()?;
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (rope.apply(g, q), rope.apply(g, k));
        let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
        x = g.add(x, layer.output("attn_output", a)?);
        let h = layer.norm("ffn_norm", x)?;
        x = g.add(x, layer.feed_forward(h, Activation::Silu)?);
    }
    d.head(x)
}
