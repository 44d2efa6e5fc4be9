//! Attention with known results.

use linnet_graph::{Attention, Builder, KvFormat};
use linnet_quant::DType;

use super::{Noise, Sample, TOKENS, bytes};

/// The scale of scores: small enough that each position counts, large enough that they count differently.
const SCALE: f32 = 1.0 / 16.0;

/// Attention of so many heads over keys and values of one head. A token's embedding is its queries, its key and its value.
pub(super) fn sample(heads: usize, head_dim: usize, kv: KvFormat) -> Sample {
    let width = (heads + 2) * head_dim;
    let rows = Noise(head_dim as u64).values(TOKENS * width);

    let g = Builder::new();
    let row = g.embed(g.weight("qkv", DType::F32, TOKENS, width));
    let [q, k, v] = [(0, heads), (heads, 1), (heads + 1, 1)]
        .map(|(first, heads)| g.slice(row, first * head_dim, heads * head_dim));
    let layer = g.kv_layer(1, head_dim);
    g.store_kv(layer, k, v);
    let logits = g.select_rows(g.attention(q, Attention::new(layer, [heads, 1], head_dim, SCALE)));

    let heads_of = |row: &[f32]| -> Vec<Vec<f64>> {
        row.chunks(head_dim).map(|head| head.iter().map(|value| f64::from(*value)).collect()).collect()
    };
    let tokens: Vec<Vec<Vec<f64>>> = rows.chunks(width).map(heads_of).collect();
    // f16 holds these numbers as they are.
    let tolerance = if kv == KvFormat::Q8_0 { 1e-2 } else { 1e-4 };
    let expected = (0..TOKENS).map(|token| {
        let past = &tokens[..=token];
        let attended = tokens[token][..heads].iter().flat_map(|query| attend(query, past));
        attended.map(|value| [value, tolerance]).collect()
    });
    Sample { expected: expected.collect(), graph: g.finish(logits), weights: vec![bytes(&rows)] }
}

/// The tokens' values, which are their last heads, each weighed by the softmax of its key's score; the keys are those before.
fn attend(query: &[f64], tokens: &[Vec<Vec<f64>>]) -> Vec<f64> {
    let head = |token: &'_ [Vec<f64>], from_end: usize| token[token.len() - from_end].clone();
    let dot = |key: Vec<f64>| query.iter().zip(&key).map(|(q, k)| q * k).sum::<f64>();
    let weights: Vec<f64> =
        tokens.iter().map(|token| (f64::from(SCALE) * dot(head(token, 2))).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let element =
        |i: usize| weights.iter().zip(tokens).map(|(w, token)| w * head(token, 1)[i]).sum::<f64>() / sum;
    (0..query.len()).map(element).collect()
}
