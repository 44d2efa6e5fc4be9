//! `lfm2`: most layers mix neighbouring tokens by a short gated convolution, the others by attention (Liquid AI, LFM2, 2025).

use linnet_graph::{Activation, RopeStyle, Value};

use crate::ModelError;
use crate::draft::Draft;
use crate::layer::{Layer, Qkv};
use crate::rope::Turn;

/// Records an `lfm2` model.
pub(crate) fn record(d: &Draft<'_>) -> Result<Value, ModelError> {
    let g = &d.g;
    let rope = d.rope(RopeStyle::Halves)?;
    let taps = d.keys.size("shortconv.l_cache")?;
    let mut x = d.embed()?;
    for (index, &kv_heads) in d.c.kv_heads.iter().enumerate() {
        let layer = d.layer(index);
        let h = layer.norm("attn_norm", x)?;
        // A layer without key/value heads is one of convolution.
        let y = if kv_heads == 0 { convolution(&layer, taps, h)? } else { attention(&layer, &rope, h)? };
        x = g.add(x, y);
        let h = layer.norm("ffn_norm", x)?;
        x = g.add(x, layer.feed_forward(h, Activation::Silu)?);
    }
    // Files call the final norm what the checkpoints call it, though it follows the last layer.
    d.head_with(if d.t.has("token_embd_norm.weight") { "token_embd_norm" } else { "output_norm" }, x)
}

fn attention(layer: &Layer<'_>, rope: &Turn, h: Value) -> Result<Value, ModelError> {
    let Qkv { q, k, v } = layer.qkv(h)?;
    let q = rope.apply(layer.g, layer.head_norm("attn_q_norm", q)?);
    let k = rope.apply(layer.g, layer.head_norm("attn_k_norm", k)?);
    let a = layer.attend(Qkv { q, k, v }, layer.attention()?);
    layer.output("attn_output", a)
}

/// `out(c * conv(b * x))`, where `b`, `c` and `x` are projections of `h`.
fn convolution(layer: &Layer<'_>, taps: usize, h: Value) -> Result<Value, ModelError> {
    let (g, width) = (layer.g, layer.d.c.embedding_length);
    let bcx = layer.linear("shortconv.in_proj", h, 3 * width)?;
    let [b, c, x] = [0, 1, 2].map(|part| g.slice(bcx, part * width, width));
    let kernel = layer.tensor("shortconv.conv.weight", &[taps, width])?;
    let y = g.multiply(c, g.conv(g.multiply(b, x), kernel, false));
    layer.output("shortconv.out_proj", y)
}
