//! `gemma2`: norms before and after both parts of a layer, GELU, soft caps, every other layer with a window (Gemma 2, 2024).

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;

/// Layers of the one size whose scores are scaled by the width for each head, not by the head's.
const LAYERS_OF_27B: usize = 46;

/// Records a `gemma2` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let (g, keys, c) = (&d.g, &d.keys, &d.c);
    let (rope, windows) = (d.rope(RopeStyle::Halves)?, d.windows(Some(4096), 2)?);
    let soft_cap = Some(keys.positive_or("attn_logit_softcapping", 50.0)?);
    let mut x = g.scale(d.embed()?, (c.embedding_length as f32).sqrt());
    for (index, &window) in windows.iter().enumerate() {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (rope.apply(g, q), rope.apply(g, k));
        let mut attention = Attention { soft_cap, window, ..layer.attention()? };
        if c.block_count == LAYERS_OF_27B {
            attention.scale = (c.embedding_length as f32 / c.heads as f32).powf(-0.5);
        }
        let a = layer.output("attn_output", layer.attend(Qkv { q, k, v }, attention))?;
        x = g.add(x, layer.norm("post_attention_norm", a)?);
        let y = layer.feed_forward(layer.norm("ffn_norm", x)?, Activation::Gelu)?;
        x = g.add(x, layer.norm("post_ffw_norm", y)?);
    }
    Ok(g.soft_cap(d.head(x)?, Some(keys.positive_or("final_logit_softcapping", 30.0)?)))
}
