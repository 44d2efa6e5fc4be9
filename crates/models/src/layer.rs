//! The parts of a layer that models share.

use linnet_graph::{Activation, Attention, Builder, Value, WeightId};

use crate::ModelError;
use crate::draft::Draft;

/// One layer of a model that is being recorded.
pub(crate) struct Layer<'a> {
    pub(crate) d: &'a Draft<'a>,
    pub(crate) g: &'a Builder,
    pub(crate) index: usize,
    /// Query heads, key/value heads.
    pub(crate) heads: [usize; 2],
    /// Elements of a head.
    pub(crate) head_dim: usize,
}

/// Queries, keys and values: `[tokens, heads * head_dim]` each.
pub(crate) struct Qkv {
    pub(crate) q: Value,
    pub(crate) k: Value,
    pub(crate) v: Value,
}

impl<'a> Layer<'a> {
    pub(crate) fn new(d: &'a Draft<'a>, index: usize) -> Self {
        let kv_heads = d.c.kv_heads.get(index).copied().unwrap_or(0);
        Layer { d, g: &d.g, index, heads: [d.c.heads, kv_heads], head_dim: d.c.head_dim }
    }

    /// The full name of a part.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("blk.{}.{part}", self.index)
    }

    /// Whether the layer has a tensor.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.d.t.has(&self.name(part))
    }

    /// [`Draft::tensor`].
    pub(crate) fn tensor(&self, part: &str, dims: &[usize]) -> Result<WeightId, ModelError> {
        self.d.tensor(&self.name(part), dims)
    }

    /// [`Draft::optional`].
    pub(crate) fn optional(&self, part: &str, dims: &[usize]) -> Result<Option<WeightId>, ModelError> {
        self.d.optional(&self.name(part), dims)
    }

    /// [`Draft::linear`].
    pub(crate) fn linear(&self, part: &str, x: Value, outputs: usize) -> Result<Value, ModelError> {
        self.d.linear(&self.name(part), x, outputs)
    }

    /// [`Draft::norm`].
    pub(crate) fn norm(&self, part: &str, x: Value) -> Result<Value, ModelError> {
        self.d.norm(&self.name(part), x)
    }

    /// Each head of `x` normalised and multiplied with `part.weight`.
    pub(crate) fn head_norm(&self, part: &str, x: Value) -> Result<Value, ModelError> {
        let weight = self.tensor(&format!("{part}.weight"), &[self.head_dim])?;
        Ok(self.g.head_norm(x, Some(weight), self.head_dim, self.d.c.norm_eps))
    }

    /// Queries, keys and values of `h`, from three matrices or from one with all of them.
    pub(crate) fn qkv(&self, h: Value) -> Result<Qkv, ModelError> {
        let [q, kv] = self.heads.map(|heads| heads * self.head_dim);
        if self.has("attn_qkv.weight") {
            let all = self.linear("attn_qkv", h, q + 2 * kv)?;
            let part = |start, len| self.g.slice(all, start, len);
            return Ok(Qkv { q: part(0, q), k: part(q, kv), v: part(q + kv, kv) });
        }
        Ok(Qkv {
            q: self.linear("attn_q", h, q)?,
            k: self.linear("attn_k", h, kv)?,
            v: self.linear("attn_v", h, kv)?,
        })
    }

    /// Declares the layer's KV cache and describes attention over it.
    pub(crate) fn attention(&self) -> Result<Attention, ModelError> {
        let [_, kv_heads] = self.heads;
        let kv_layer = self.g.kv_layer(kv_heads, self.head_dim);
        let scale = self.d.keys.positive_or("attention.scale", (self.head_dim as f32).powf(-0.5))?;
        Ok(Attention::new(kv_layer, self.heads, self.head_dim, scale))
    }

    /// Stores keys and values and attends to all of them; before the output projection.
    pub(crate) fn attend(&self, Qkv { q, k, v }: Qkv, attention: Attention) -> Value {
        self.g.store_kv(attention.layer, k, v);
        self.g.attention(q, attention)
    }

    /// Back to the width of the residual stream.
    pub(crate) fn output(&self, part: &str, x: Value) -> Result<Value, ModelError> {
        self.linear(part, x, self.d.c.embedding_length)
    }

    /// `down(activation(gate(h)) * up(h))`. Without a matrix for the gate, that for `up` has both, the gate first.
    pub(crate) fn feed_forward(&self, h: Value, activation: Activation) -> Result<Value, ModelError> {
        self.output("ffn_down", self.gated(h, activation)?)
    }

    /// `activation(gate(h)) * up(h)`.
    pub(crate) fn gated(&self, h: Value, activation: Activation) -> Result<Value, ModelError> {
        let width = self.d.c.feed_forward_length.get(self.index).copied().unwrap_or(0);
        if !self.has("ffn_gate.weight") {
            if self.has("ffn_gate_inp.weight") {
                let architecture = self.d.keys.architecture().to_owned();
                let tensor = self.name("ffn_gate_inp.weight");
                return Err(ModelError::UnsupportedTensor { architecture, tensor });
            }
            let both = self.linear("ffn_up", h, 2 * width)?;
            let (gate, up) = (self.g.slice(both, 0, width), self.g.slice(both, width, width));
            return Ok(self.g.gated(activation, gate, up));
        }
        let gate = self.linear("ffn_gate", h, width)?;
        Ok(self.g.gated(activation, gate, self.linear("ffn_up", h, width)?))
    }
}
