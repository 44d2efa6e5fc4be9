//! Mixtures of experts.

use linnet_graph::{Activation, Choice, Gating, Router, Slice, Value};

use crate::ModelError;
use crate::layer::Layer;
use crate::model_builder::ModelBuilder;

/// The hyperparameters of a mixture of experts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Experts {
    count: usize,
    used: usize,
    /// Width of one expert's feed-forward part.
    width: usize,
    gating: Gating,
    normalize: bool,
    scale: f32,
}

/// The maximum number of experts per token; no model uses more. The router searches all experts for each one.
const MOST_USED: usize = 256;

impl Experts {
    /// From the keys `expert_*`; `gating` and `normalize` are the architecture's defaults.
    pub(crate) fn read(
        model: &ModelBuilder<'_>,
        gating: Gating,
        normalize: bool,
    ) -> Result<Self, ModelError> {
        let keys = &model.keys;
        let dense = model.config.feed_forward_length.first().copied().unwrap_or(0);
        let (count, used) = (keys.size("expert_count")?, keys.size("expert_used_count")?);
        if used > count {
            return Err(keys.bad("expert_used_count", used, "it is greater than the number of experts"));
        }
        if used > MOST_USED {
            return Err(keys.bad("expert_used_count", used, "it is too large"));
        }
        for shared in ["expert_shared_count", "expert_group_count"] {
            if let Some(n) = keys.nonzero(shared)?.filter(|n| shared == "expert_shared_count" || *n > 1) {
                return Err(keys.unsupported(shared, n.to_string()));
            }
        }
        let gating = match keys.nonzero("expert_gating_func")? {
            None => gating,
            Some(1) => Gating::Softmax,
            Some(2) => Gating::Sigmoid,
            Some(3) => Gating::SoftmaxOfChosen,
            Some(other) => return Err(keys.unsupported("expert_gating_func", other.to_string())),
        };
        Ok(Experts {
            count,
            used,
            width: keys.size_or("expert_feed_forward_length", dense)?,
            gating,
            normalize: keys.flag("expert_weights_norm", normalize)?,
            scale: keys.nonzero_f32("expert_weights_scale")?.unwrap_or(1.0),
        })
    }

    /// The feed-forward part of a layer: the weighted sum of each token's experts. Gate and up may be one
    /// matrix, the gate first.
    pub(crate) fn feed_forward(
        &self,
        layer: &Layer<'_>,
        h: Value,
        activation: Activation,
    ) -> Result<Value, ModelError> {
        let bias = layer.optional("exp_probs_b.bias", &[self.count])?;
        let logits = layer.linear("ffn_gate_inp", h, self.count)?;
        let choice = layer.graph.router(
            logits,
            Router {
                experts: self.count,
                used: self.used,
                gating: self.gating,
                bias,
                normalize: self.normalize,
                scale: self.scale,
            },
        );
        let embd = layer.model.config.embedding_length;
        let width = self.width;
        let (gate, up) = if layer.has("ffn_gate_up_exps.weight") {
            let both = self.product(layer, "ffn_gate_up_exps", h, choice, [embd, 2 * width])?;
            let part = |start| layer.graph.slices(both, Slice { start, len: width, stride: 2 * width });
            (part(0), part(width))
        } else {
            let product = |part| self.product(layer, part, h, choice, [embd, width]);
            (product("ffn_gate_exps")?, product("ffn_up_exps")?)
        };
        let y = layer.graph.gated(activation, gate, up);
        let y = self.product(layer, "ffn_down_exps", y, choice, [width, embd])?;
        Ok(layer.graph.weighted_sum(y, choice))
    }

    fn product(
        &self,
        layer: &Layer<'_>,
        part: &str,
        x: Value,
        choice: Choice,
        [inputs, outputs]: [usize; 2],
    ) -> Result<Value, ModelError> {
        let weight = layer.tensor(&format!("{part}.weight"), &[inputs, outputs, self.count])?;
        let bias = layer.optional(&format!("{part}.bias"), &[outputs, self.count])?;
        Ok(layer.graph.expert_matmul((weight, self.count), bias, x, choice))
    }
}
