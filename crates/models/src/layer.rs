//! The parts of a layer that models share.

use linnet_graph::{Activation, Attention, Builder, Value, WeightId};

use crate::ModelError;
use crate::config::Config;
use crate::model_builder::ModelBuilder;
use crate::rope::RopeConfig;

/// One layer of a model that is being recorded.
pub(crate) struct Layer<'a> {
    pub(crate) model: &'a ModelBuilder<'a>,
    pub(crate) graph: &'a Builder,
    pub(crate) index: usize,
    /// Query heads.
    pub(crate) heads: usize,
    /// Key/value heads; 0 in a layer without attention.
    pub(crate) kv_heads: usize,
    /// Elements of a head.
    pub(crate) head_dim: usize,
}

/// The norms before and after a part of a layer.
#[derive(Clone, Copy)]
pub(crate) struct PartNorms {
    pub(crate) input: Option<&'static str>,
    pub(crate) output: Option<&'static str>,
}

impl PartNorms {
    const fn input(name: &'static str) -> PartNorms {
        PartNorms { input: Some(name), output: None }
    }

    const fn output(name: &'static str) -> PartNorms {
        PartNorms { input: None, output: Some(name) }
    }
}

/// The norms of the two parts of a layer.
#[derive(Clone, Copy)]
pub(crate) struct Norms {
    pub(crate) attention: PartNorms,
    pub(crate) feed_forward: PartNorms,
}

impl Norms {
    /// Norms before the parts.
    pub(crate) const BEFORE: Norms =
        Norms { attention: PartNorms::input("attn_norm"), feed_forward: PartNorms::input("ffn_norm") };
    /// Norms before the parts, with the second one named after the part before it.
    pub(crate) const BEFORE_POST_ATTENTION: Norms = Norms {
        attention: PartNorms::input("attn_norm"),
        feed_forward: PartNorms::input("post_attention_norm"),
    };
    /// Norms after the parts.
    pub(crate) const AFTER: Norms = Norms {
        attention: PartNorms::output("post_attention_norm"),
        feed_forward: PartNorms::output("post_ffw_norm"),
    };
    /// Norms before and after the parts.
    pub(crate) const AROUND: Norms = Norms {
        attention: PartNorms { input: Some("attn_norm"), output: Some("post_attention_norm") },
        feed_forward: PartNorms { input: Some("ffn_norm"), output: Some("post_ffw_norm") },
    };
}

/// Queries, keys and values: `[tokens, heads * head_dim]` each.
pub(crate) struct Qkv {
    pub(crate) q: Value,
    pub(crate) k: Value,
    pub(crate) v: Value,
}

impl<'a> Layer<'a> {
    pub(crate) fn new(model: &'a ModelBuilder<'a>, index: usize) -> Self {
        let Config { heads, head_dim, kv_heads, .. } = &model.config;
        let kv_heads = kv_heads.get(index).copied().unwrap_or(0);
        Layer { model, graph: &model.graph, index, heads: *heads, kv_heads, head_dim: *head_dim }
    }

    /// The full name of a part.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("blk.{}.{part}", self.index)
    }

    /// Whether the layer has a tensor.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.model.tensors.has(&self.name(part))
    }

    /// [`ModelBuilder::tensor`].
    pub(crate) fn tensor(&self, part: &str, dims: &[usize]) -> Result<WeightId, ModelError> {
        self.model.tensor(&self.name(part), dims)
    }

    /// [`ModelBuilder::optional`].
    pub(crate) fn optional(&self, part: &str, dims: &[usize]) -> Result<Option<WeightId>, ModelError> {
        self.model.optional(&self.name(part), dims)
    }

    /// [`ModelBuilder::linear`].
    pub(crate) fn linear(&self, part: &str, x: Value, outputs: usize) -> Result<Value, ModelError> {
        self.model.linear(&self.name(part), x, outputs)
    }

    /// [`ModelBuilder::norm`].
    pub(crate) fn norm(&self, part: &str, x: Value) -> Result<Value, ModelError> {
        self.model.norm(&self.name(part), x)
    }

    /// Each head of `x`, normalized and multiplied by `part.weight`.
    pub(crate) fn head_norm(&self, part: &str, x: Value) -> Result<Value, ModelError> {
        let weight = self.tensor(&format!("{part}.weight"), &[self.head_dim])?;
        Ok(self.graph.head_norm(x, Some(weight), self.head_dim, self.model.config.norm_eps))
    }

    /// `x + output_norm(part(input_norm(x)))` with the norms that the layer has.
    pub(crate) fn residual(
        &self,
        x: Value,
        norms: PartNorms,
        part: impl Fn(&Self, Value) -> Result<Value, ModelError>,
    ) -> Result<Value, ModelError> {
        let norm = |name: Option<&str>, x| name.map_or(Ok(x), |name| self.norm(name, x));
        Ok(self.graph.add(x, norm(norms.output, part(self, norm(norms.input, x)?)?)?))
    }

    /// Queries, keys and values of `h`, from three matrices or from one combined matrix.
    pub(crate) fn qkv(&self, h: Value) -> Result<Qkv, ModelError> {
        let [q, kv] = [self.heads, self.kv_heads].map(|heads| heads * self.head_dim);
        if kv == 0 {
            return Err(self.model.keys.unsupported("attention.head_count_kv", "0 in some layers"));
        }
        if self.has("attn_qkv.weight") {
            let all = self.linear("attn_qkv", h, q + 2 * kv)?;
            let part = |start, len| self.graph.slice(all, start, len);
            return Ok(Qkv { q: part(0, q), k: part(q, kv), v: part(q + kv, kv) });
        }
        Ok(Qkv {
            q: self.linear("attn_q", h, q)?,
            k: self.linear("attn_k", h, kv)?,
            v: self.linear("attn_v", h, kv)?,
        })
    }

    /// The same, with normalized heads of queries and keys.
    pub(crate) fn normed_qkv(&self, h: Value) -> Result<Qkv, ModelError> {
        let Qkv { q, k, v } = self.qkv(h)?;
        Ok(Qkv { q: self.head_norm("attn_q_norm", q)?, k: self.head_norm("attn_k_norm", k)?, v })
    }

    /// Declares the layer's KV cache and describes attention over it.
    pub(crate) fn attention(&self) -> Result<Attention, ModelError> {
        let kv_layer = self.graph.kv_layer(self.kv_heads, self.head_dim);
        let scale =
            self.model.keys.nonzero_f32("attention.scale")?.unwrap_or((self.head_dim as f32).powf(-0.5));
        Ok(Attention::new(kv_layer, [self.heads, self.kv_heads], self.head_dim, scale))
    }

    /// Applies rope to queries and keys, stores keys and values, and attends to them.
    pub(crate) fn heads(
        &self,
        Qkv { q, k, v }: Qkv,
        rope: Option<&RopeConfig>,
        attention: Attention,
    ) -> Value {
        let turn = |x| rope.map_or(x, |rope| rope.apply(self.graph, x));
        let (q, k) = (turn(q), turn(k));
        self.graph.store_kv(attention.layer, k, v);
        self.graph.attention(q, attention)
    }

    /// [`Layer::heads`] and the output projection.
    pub(crate) fn attend(
        &self,
        qkv: Qkv,
        rope: Option<&RopeConfig>,
        attention: Attention,
    ) -> Result<Value, ModelError> {
        self.output("attn_output", self.heads(qkv, rope, attention))
    }

    /// The output projection, back to the width of the residual stream.
    pub(crate) fn output(&self, part: &str, x: Value) -> Result<Value, ModelError> {
        self.linear(part, x, self.model.config.embedding_length)
    }

    /// `down(activation(gate(h)) * up(h))`. Without a gate matrix, the `up` matrix contains both, the gate first.
    pub(crate) fn feed_forward(&self, h: Value, activation: Activation) -> Result<Value, ModelError> {
        self.output("ffn_down", self.gated(h, activation)?)
    }

    /// `activation(gate(h)) * up(h)`.
    pub(crate) fn gated(&self, h: Value, activation: Activation) -> Result<Value, ModelError> {
        let width = self.model.config.feed_forward_length.get(self.index).copied().unwrap_or(0);
        if width == 0 {
            return Err(self.model.keys.unsupported("feed_forward_length", "0 in some layers"));
        }
        if !self.has("ffn_gate.weight") {
            if self.has("ffn_gate_inp.weight") {
                let architecture = self.model.keys.architecture().to_owned();
                let tensor = self.name("ffn_gate_inp.weight");
                return Err(ModelError::UnsupportedTensor { architecture, tensor });
            }
            let both = self.linear("ffn_up", h, 2 * width)?;
            let (gate, up) = (self.graph.slice(both, 0, width), self.graph.slice(both, width, width));
            return Ok(self.graph.gated(activation, gate, up));
        }
        let gate = self.linear("ffn_gate", h, width)?;
        Ok(self.graph.gated(activation, gate, self.linear("ffn_up", h, width)?))
    }
}
