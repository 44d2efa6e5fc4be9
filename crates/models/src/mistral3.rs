//! `mistral3`: as `llama`, with YaRN and an attention temperature that grows with the position (Ministral 3, 2025).

use linnet_graph::{Activation, Attention, RopeStyle, Temperature, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;
use crate::rope;

/// Records a `mistral3` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Interleaved)?;
    let scale = d.keys.float("attention.temperature_scale", 0.0)?;
    let period = rope::original_context(&d.keys, &d.c)?;
    let temperature = (scale != 0.0).then_some(Temperature { scale, period });
    let mut x = d.embed()?;
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (rope.apply(g, q), rope.apply(g, k));
        let a = layer.attend(Qkv { q, k, v }, Attention { temperature, ..layer.attention()? });
        x = g.add(x, layer.output("attn_output", a)?);
        let h = layer.norm("ffn_norm", x)?;
        x = g.add(x, layer.feed_forward(h, Activation::Silu)?);
    }
    d.head(x)
}
