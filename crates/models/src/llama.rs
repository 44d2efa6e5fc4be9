//! `llama`: pre-norm decoder with grouped-query attention and SwiGLU (Touvron et al., 2023; SmolLM2, Llama 2 and 3,
//! Mistral 7B and, with experts, Mixtral, DeepSeek-R1-Distill-Llama).

use linnet_graph::{Activation, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::experts::Experts;
use crate::layer::Qkv;

/// Records a `llama` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Interleaved)?;
    let experts = match d.keys.nonzero("expert_count")? {
        Some(_) => Some(Experts::read(d, Gating::Softmax, true)?),
        None => None,
    };
    let mut x = d.embed()?;
    for index in 0..d.layers {
        let layer = d.layer(index);
        let Qkv { q, k, v } = layer.qkv(layer.norm("attn_norm", x)?)?;
        let (q, k) = (rope.apply(g, q), rope.apply(g, k));
        let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
        x = g.add(x, layer.output("attn_output", a)?);
        let h = layer.norm("ffn_norm", x)?;
        let y = match &experts {
            Some(experts) => experts.feed_forward(&layer, h, Activation::Silu)?,
            None => layer.feed_forward(h, Activation::Silu)?,
        };
        x = g.add(x, y);
    }
    d.head(x)
}
