//! `olmo2`: what attention and the feed-forward part give is normalised, not what they take; queries and keys are
//! normalised as whole rows (OLMo 2, 2024). With windows it is OLMo 3, whose windowed layers keep the plain rope.

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;
use crate::rope::Scaling;

/// Records an `olmo2` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let (rope, windows) = (d.rope(RopeStyle::Halves)?, d.windows(None, 4)?);
    let plain = (d.c.rope_base, Scaling::None(1.0));
    let near = d.rope_with(RopeStyle::Halves, plain, (d.c.head_dim, d.c.rotary_dim), false)?;
    let mut x = d.embed()?;
    for (index, &window) in windows.iter().enumerate() {
        let layer = d.layer(index);
        let rope = if window.is_some() { &near } else { &rope };
        let Qkv { q, k, v } = layer.qkv(x)?;
        let q = rope.apply(g, layer.norm("attn_q_norm", q)?);
        let k = rope.apply(g, layer.norm("attn_k_norm", k)?);
        let a = layer.attend(Qkv { q, k, v }, Attention { window, ..layer.attention()? });
        let a = layer.output("attn_output", a)?;
        x = g.add(x, layer.norm("post_attention_norm", a)?);
        let y = layer.feed_forward(x, Activation::Silu)?;
        x = g.add(x, layer.norm("post_ffw_norm", y)?);
    }
    d.head(x)
}
