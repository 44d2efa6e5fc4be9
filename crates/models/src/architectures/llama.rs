//! `llama`: pre-norm decoder with grouped-query attention and SwiGLU (Touvron et al., 2023; SmolLM2, Llama 2 and 3,
//! Mistral 7B, DeepSeek-R1-Distill-Llama and, with experts, Mixtral).

use linnet_graph::{Activation, Gating, RopeStyle, Value};

use crate::ModelError;
use crate::experts::Experts;
use crate::layer::Norms;
use crate::model_builder::ModelBuilder;

/// Records a `llama` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let rope = model.rope(RopeStyle::Interleaved)?;
    let experts = match model.keys.nonzero("expert_count")? {
        Some(_) => Some(Experts::read(model, Gating::Softmax, true)?),
        None => None,
    };
    let x = model.layers(
        model.embed()?,
        Norms::BEFORE,
        |layer, h| layer.attend(layer.qkv(h)?, Some(&rope), layer.attention()?),
        |layer, h| match &experts {
            Some(experts) => experts.feed_forward(layer, h, Activation::Silu),
            None => layer.feed_forward(h, Activation::Silu),
        },
    )?;
    model.head(x)
}
