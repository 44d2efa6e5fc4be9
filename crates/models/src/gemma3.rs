//! `gemma3`: as `gemma2` without caps, with the heads of queries and keys normalised; five of six layers have a window and
//! a rope of their own (Gemma 3, 2025).

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;
use crate::rope::Scaling;

/// Layers of the one size whose scores are scaled by the width for each head, not by the head's.
const LAYERS_OF_27B: usize = 62;

/// Records a `gemma3` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let (g, keys, c) = (&d.g, &d.keys, &d.c);
    let (rope, windows) = (d.rope(RopeStyle::Halves)?, d.windows(None, 6)?);
    let near = (keys.positive_or("rope.freq_base_swa", 10_000.0)?, Scaling::None(1.0));
    let near = d.rope_with(RopeStyle::Halves, near, (c.head_dim, c.rotary_dim), false)?;
    let mut x = g.scale(d.embed()?, (c.embedding_length as f32).sqrt());
    for (index, &window) in windows.iter().enumerate() {
        let layer = d.layer(index);
        let rope = if window.is_some() { &near } else { &rope };
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let q = rope.apply(g, layer.head_norm("attn_q_norm", q)?);
        let k = rope.apply(g, layer.head_norm("attn_k_norm", k)?);
        let mut attention = Attention { window, ..layer.attention()? };
        if c.block_count == LAYERS_OF_27B {
            attention.scale = (c.embedding_length as f32 / c.heads as f32).powf(-0.5);
        }
        let a = layer.output("attn_output", layer.attend(Qkv { q, k, v }, attention))?;
        x = g.add(x, layer.norm("post_attention_norm", a)?);
        let y = layer.feed_forward(layer.norm("ffn_norm", x)?, Activation::Gelu)?;
        x = g.add(x, layer.norm("post_ffw_norm", y)?);
    }
    Ok(g.soft_cap(d.head(x)?, keys.optional_f32("final_logit_softcapping")?))
}
