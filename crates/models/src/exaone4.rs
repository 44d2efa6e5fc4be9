//! `exaone4`: as `olmo2`, with the heads of queries and keys normalised; where there are windows, the layers that see
//! everything have no position embedding (EXAONE 4.0, 2025).

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;

/// Records an `exaone4` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let (rope, windows) = (d.rope(RopeStyle::Halves)?, d.windows(None, 4)?);
    let hybrid = windows.iter().any(Option::is_some);
    let mut x = d.embed()?;
    for (index, &window) in windows.iter().enumerate() {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(x)?;
        let (mut q, mut k) = (layer.head_norm("attn_q_norm", q)?, layer.head_norm("attn_k_norm", k)?);
        if window.is_some() || !hybrid {
            (q, k) = (rope.apply(g, q), rope.apply(g, k));
        }
        let a = layer.attend(Qkv { q, k, v }, Attention { window, ..layer.attention()? });
        let a = layer.output("attn_output", a)?;
        x = g.add(x, layer.norm("post_attention_norm", a)?);
        let y = layer.feed_forward(x, Activation::Silu)?;
        x = g.add(x, layer.norm("post_ffw_norm", y)?);
    }
    d.head(x)
}
