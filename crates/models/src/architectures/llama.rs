//! `llama`: pre-norm decoder with grouped-query attention and SwiGLU (Touvron et al., 2023; SmolLM2, Llama 2 and 3,
//! Mistral 7B, DeepSeek-R1-Distill-Llama and, with experts, Mixtral).

use linnet_graph::{Activation, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::experts::Experts;
use crate::layer::Norms;
use crate::model_builder::Draft;

/// Records a `llama` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let rope = d.rope(RopeStyle::Interleaved)?;
    let experts = match d.keys.nonzero("expert_count")? {
        Some(_) => Some(Experts::read(d, Gating::Softmax, true)?),
        None => None,
    };
    let x = d.layers(
        d.embed()?,
        Norms::BEFORE,
        |layer, h| layer.attend(layer.qkv(h)?, Some(&rope), layer.attention()?),
        |layer, h| match &experts {
            Some(experts) => experts.feed_forward(layer, h, Activation::Silu),
            None => layer.feed_forward(h, Activation::Silu),
        },
    )?;
    d.head(x)
}
