//! `granite`: as `llama`, with constants that scale the embeddings, both residuals and the logits (Granite 3, 2024).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::Qkv;

/// Records a `granite` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let (g, keys) = (&d.g, &d.keys);
    // The key that elsewhere says whether a scaling was trained says here whether there is a rope at all.
    let rope = match keys.flag("rope.scaling.finetuned", true)? {
        true => Some(d.rope(RopeStyle::Interleaved)?),
        false => None,
    };
    let turn = |x| rope.as_ref().map_or(x, |rope| rope.apply(g, x));
    let residual = keys.positive_or("residual_scale", 1.0)?;
    let mut x = g.scale(d.embed()?, keys.positive_or("embedding_scale", 1.0)?);
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (turn(q), turn(k));
        let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
        x = g.add(x, g.scale(layer.output("attn_output", a)?, residual));
        let h = layer.norm("ffn_norm", x)?;
        x = g.add(x, g.scale(layer.feed_forward(h, Activation::Silu)?, residual));
    }
    Ok(g.scale(d.head(x)?, 1.0 / keys.positive_or("logit_scale", 1.0)?))
}
