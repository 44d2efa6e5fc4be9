//! `llama`: pre-norm decoder with grouped-query attention and SwiGLU (Touvron et al., 2023; SmolLM2, Llama 2 and 3,
//! Mistral 7B).

use linnet_gguf::Gguf;
use linnet_graph::{Attention, Builder, Rope, RopeFactors, RopeStyle, Value, WeightId};

use crate::config::{Config, Keys};
use crate::tensors::Tensors;
use crate::{Model, ModelError, rope};

struct Layer {
    attn_norm: WeightId,
    attn_q: WeightId,
    attn_k: WeightId,
    attn_v: WeightId,
    attn_output: WeightId,
    ffn_norm: WeightId,
    ffn_gate: WeightId,
    ffn_up: WeightId,
    ffn_down: WeightId,
}

impl Layer {
    fn find(t: &Tensors<'_>, c: &Config, layer: usize) -> Result<Self, ModelError> {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let (embd, ffn) = (c.embedding_length, c.feed_forward_length);
        let (q, kv) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
        Ok(Layer {
            attn_norm: t.vector(&name("attn_norm"), embd)?,
            attn_q: t.matrix(&name("attn_q"), q, embd)?,
            attn_k: t.matrix(&name("attn_k"), kv, embd)?,
            attn_v: t.matrix(&name("attn_v"), kv, embd)?,
            attn_output: t.matrix(&name("attn_output"), embd, q)?,
            ffn_norm: t.vector(&name("ffn_norm"), embd)?,
            ffn_gate: t.matrix(&name("ffn_gate"), ffn, embd)?,
            ffn_up: t.matrix(&name("ffn_up"), ffn, embd)?,
            ffn_down: t.matrix(&name("ffn_down"), embd, ffn)?,
        })
    }

    /// One decoder layer on the residual stream `x [tokens, embd]`.
    fn record(&self, g: &Builder, c: &Config, rope: &Rope, x: Value) -> Value {
        let (w, kv_heads) = (self, c.kv_heads);
        let layer = g.kv_layer(kv_heads, c.head_dim);
        let h = g.rms_norm(x, w.attn_norm, c.norm_eps);
        let q = g.rope(g.matmul(w.attn_q, h), rope.clone()); // [tokens, heads * head_dim]
        let k = g.rope(g.matmul(w.attn_k, h), Rope { heads: kv_heads, ..rope.clone() });
        let v = g.matmul(w.attn_v, h);
        g.store_kv(layer, k, v);
        let scale = (c.head_dim as f32).powf(-0.5);
        let attention = Attention::new(layer, [c.heads, kv_heads], c.head_dim, scale);
        let x = g.add(x, g.matmul(w.attn_output, g.attention(q, attention)));
        let h = g.rms_norm(x, w.ffn_norm, c.norm_eps);
        g.add(x, g.matmul(w.ffn_down, g.swiglu(g.matmul(w.ffn_gate, h), g.matmul(w.ffn_up, h))))
    }
}

/// Records a `llama` model.
pub(crate) fn record(header: &Gguf) -> Result<Model, ModelError> {
    let keys = Keys::new(header)?;
    let config = Config::read(header)?;
    if let Some(experts) = keys.number("expert_count")?.filter(|n| *n > 0) {
        return Err(keys.unsupported("expert_count", experts.to_string()));
    }
    let g = Builder::new();
    let t = Tensors::new(header, &g);
    let rope = Rope {
        heads: config.heads,
        head_dim: config.head_dim,
        style: RopeStyle::Interleaved,
        frequencies: rope::frequencies(&keys, &config)?,
        factors: t.optional_vector("rope_freqs.weight", config.rotary_dim / 2)?.map(RopeFactors::Fixed),
        magnitude: 1.0,
    };
    let (vocab, embd) = (config.vocab_size, config.embedding_length);
    let token_embd = t.matrix("token_embd.weight", vocab, embd)?;
    let output_norm = t.vector("output_norm.weight", embd)?;
    // Without a head of its own a model reuses its embedding table.
    let output = t.optional_matrix("output.weight", vocab, embd)?.unwrap_or(token_embd);

    g.label("input");
    let mut x = g.embed(token_embd);
    for layer in 0..config.block_count {
        g.label(format!("blk.{layer}"));
        x = Layer::find(&t, &config, layer)?.record(&g, &config, &rope, x);
    }
    g.label("output");
    let logits = g.matmul(output, g.rms_norm(g.select_rows(x), output_norm, config.norm_eps));
    drop(t);
    Ok(Model { config, graph: g.finish(logits)? })
}
