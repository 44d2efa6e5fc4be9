//! `gemma4`: as `gemma3`, with heads of two sizes, normalized values, last layers that read the keys and values of
//! earlier ones, and an embedding of the token for each layer (Gemma 4 E2B and E4B, 2026).

use linnet_graph::{Activation, Attention, RopeStyle, Value};

use crate::ModelError;
use crate::layer::{Layer, Norms};
use crate::model_builder::ModelBuilder;
use crate::rope::{RopeConfig, RopeParams, Scaling};

/// Parameters that all layers with a window share, or all layers without one.
struct LayerKind {
    head_dim: usize,
    rope: RopeConfig,
    /// The KV cache of the last such layer that stores keys and values.
    cache: Option<usize>,
}

/// Records a `gemma4` model.
pub(crate) fn record(model: &ModelBuilder<'_>) -> Result<Value, ModelError> {
    let (g, keys, c) = (&model.graph, &model.keys, &model.config);
    let windows = model.windows(None, 6)?;
    let shared = keys.nonzero("attention.shared_kv_layers")?.unwrap_or(0);
    let near_dim = keys.size_or("attention.key_length_swa", c.head_dim)?;
    if keys.size_or("attention.value_length_swa", near_dim)? != near_dim {
        return Err(keys.unsupported("attention.value_length_swa", "different from the key length"));
    }
    let near_rotary = keys.size_or("rope.dimension_count_swa", near_dim)?;
    keys.check_head("rope.dimension_count_swa", near_dim, near_rotary)?;
    keys.width("attention.key_length_swa", &[c.heads, near_dim])?;
    let near_base = keys.positive_or("rope.freq_base_swa", 10_000.0)?;
    let near = RopeParams {
        style: RopeStyle::Halves,
        base: near_base,
        scaling: Scaling::None(1.0),
        head_dim: near_dim,
        rotary_dim: near_rotary,
        file_factors: false,
    };
    let near = model.rope_with(near)?;
    let mut far = LayerKind { head_dim: c.head_dim, rope: model.rope(RopeStyle::Halves)?, cache: None };
    let mut near = LayerKind { head_dim: near_dim, rope: near, cache: None };

    let mut x = g.scale(model.embed()?, (c.embedding_length as f32).sqrt());
    let inputs = LayerInputs::record(model, x)?;
    for (index, &window) in windows.iter().enumerate() {
        let kind = if window.is_some() { &mut near } else { &mut far };
        let layer = Layer { head_dim: kind.head_dim, ..model.layer(index) };
        let own_cache = index + shared < c.block_count;
        if own_cache {
            kind.cache = Some(g.kv_layer(layer.kv_heads, layer.head_dim));
        }
        let attention = LayerAttention { kind, window, own_cache };
        x = layer.residual(x, Norms::AROUND.attention, |layer, h| attention.record(layer, h))?;
        x = layer
            .residual(x, Norms::AROUND.feed_forward, |layer, h| layer.feed_forward(h, Activation::Gelu))?;
        if let Some(inputs) = &inputs {
            x = inputs.add(&layer, x)?;
        }
        x = g.scale_by(x, layer.optional("layer_output_scale.weight", &[1])?);
    }
    Ok(g.soft_cap(model.head(x)?, keys.nonzero_f32("final_logit_softcapping")?))
}

/// Attention of a layer.
struct LayerAttention<'a> {
    kind: &'a LayerKind,
    window: Option<usize>,
    /// Whether the layer stores its own keys and values; otherwise it reads those of the last layer of its kind that
    /// does.
    own_cache: bool,
}

impl LayerAttention<'_> {
    fn record(&self, layer: &Layer<'_>, h: Value) -> Result<Value, ModelError> {
        let Layer { graph: g, heads, kv_heads, head_dim, .. } = *layer;
        let LayerKind { rope, cache, .. } = self.kind;
        let missing = || layer.model.keys.unsupported("attention.shared_kv_layers", "all layers of one kind");
        let cache = cache.ok_or_else(missing)?;
        let q = layer.head_norm("attn_q_norm", layer.linear("attn_q", h, heads * head_dim)?)?;
        let q = rope.apply(g, q);
        if self.own_cache {
            let k = layer.linear("attn_k", h, kv_heads * head_dim)?;
            let has_values = layer.has("attn_v.weight");
            let v = if has_values { layer.linear("attn_v", h, kv_heads * head_dim)? } else { k };
            let k = rope.apply(g, layer.head_norm("attn_k_norm", k)?);
            let v = g.head_norm(v, None, head_dim, layer.model.config.norm_eps);
            g.store_kv(cache, k, v);
        } else {
            // Files may still have the unused tensors from training.
            for part in ["attn_k.weight", "attn_v.weight", "attn_k_norm.weight"] {
                layer.model.tensors.idle(layer.name(part));
            }
        }
        // The norms of queries and keys make a scale unnecessary.
        let attention = Attention::new(cache, [heads, kv_heads], head_dim, 1.0);
        layer.output("attn_output", g.attention(q, Attention { window: self.window, ..attention }))
    }
}

/// The per-layer inputs of the tokens: `[tokens, layers * width]`.
struct LayerInputs {
    all: Value,
    width: usize,
}

impl LayerInputs {
    /// The mean of the per-layer embedding of the token and a projection of its usual embedding.
    fn record(model: &ModelBuilder<'_>, x: Value) -> Result<Option<Self>, ModelError> {
        let (g, c) = (&model.graph, &model.config);
        let Some(width) = model.keys.nonzero("embedding_length_per_layer_input")? else { return Ok(None) };
        let all = model.keys.width("embedding_length_per_layer_input", &[width, c.block_count])?;
        let table = model.tensor("per_layer_token_embd.weight", &[all, c.vocab_size])?;
        let embedding = g.scale(g.embed(table), (width as f32).sqrt());
        let projection = model.linear("per_layer_model_proj", x, all)?;
        let projection = g.scale(projection, (c.embedding_length as f32).powf(-0.5));
        let norm = model.tensor("per_layer_proj_norm.weight", &[width])?;
        let projection = g.head_norm(projection, Some(norm), width, c.norm_eps);
        let all = g.scale(g.add(projection, embedding), 0.5f32.sqrt());
        Ok(Some(LayerInputs { all, width }))
    }

    /// `x` with a layer's input mixed in.
    fn add(&self, layer: &Layer<'_>, x: Value) -> Result<Value, ModelError> {
        let (g, width) = (layer.graph, self.width);
        let input = g.slice(self.all, layer.index * width, width);
        let y = g.gated(Activation::Gelu, layer.linear("inp_gate", x, width)?, input);
        Ok(g.add(x, layer.norm("post_norm", layer.output("proj", y)?)?))
    }
}
