//! Attention with known results.

use linnet_graph::{Attention, Builder, CompileOptions, KvFormat, Norm, Rope, RopeStyle, Value, fuse};
use linnet_quant::DType;
use linnet_shaders::oracle::{self, Special};

use super::{Far, Noise, Sample, TOKENS, bytes};
use crate::dispatch::FAR;

/// From so many positions on more do not change into how many parts they are split.
const MOST_POSITIONS: usize = 4096;
/// At how many places of a long context tokens are stored.
const PLACES: usize = 5;

/// An attention of a model, with what comes before it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Shape {
    /// Of layer 0.
    attention: Attention,
    /// Of the heads of queries and of keys.
    norms: [Option<Norm>; 2],
    /// Without the factors that the file gives.
    rope: Option<Rope>,
    options: CompileOptions,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Attention { heads, kv_heads, head_dim, .. } = self.attention;
        write!(f, "attention of {heads} to {kv_heads} heads of {head_dim} in {}", self.options.kv.name())
    }
}

impl Shape {
    /// An attention of a model that is compiled with these options.
    pub fn new(
        attention: &Attention,
        norms: [Option<Norm>; 2],
        rope: Option<&Rope>,
        options: CompileOptions,
    ) -> Shape {
        let context = match attention.window {
            // Of windows only the cache depends on the context.
            Some(_) => options.context_length.max(TOKENS),
            None if options.context_length > FAR as usize => options.context_length.min(MOST_POSITIONS),
            None => TOKENS,
        };
        let batch = if attention.window.is_some() { options.max_batch.max(TOKENS) } else { TOKENS };
        let options = CompileOptions {
            context_length: context,
            max_batch: batch.min(context),
            max_logits: TOKENS,
            kv: options.kv,
        };
        let rope = rope.map(|rope| Rope { heads: attention.heads, factors: None, ..rope.clone() });
        Shape { attention: Attention { layer: 0, ..*attention }, norms, rope, options }
    }

    /// The last position of a context that is so long that several workgroups share the attention there.
    pub(super) fn last_position(&self) -> Option<usize> {
        let last = self.options.context_length - 1;
        (self.attention.window.is_none() && last >= FAR as usize).then_some(last)
    }

    /// How far results may be off: the cache rounds keys, of which a score is a sum, and values.
    fn tolerance(&self, queries: &[f32], keys: &[f32]) -> f64 {
        let Attention { head_dim, scale, .. } = self.attention;
        let longest = |heads: &[f32]| {
            let squares =
                heads.chunks(head_dim).map(|head| head.iter().map(|v| f64::from(v * v)).sum::<f64>());
            squares.fold(0.0, f64::max).sqrt()
        };
        let score = f64::from(scale) * longest(queries) * longest(keys);
        let (rounding, least) = match self.options.kv {
            KvFormat::F32 => (1e-5, 1e-4),
            KvFormat::F16 => (1e-3, 1e-3),
            KvFormat::Q8_0 => (1e-3, 1e-2),
        };
        least + score * rounding
    }
}

/// Attention of this shape. A token's embedding is its queries, its keys and its values.
pub(super) fn sample(shape: &Shape) -> Sample {
    let Attention { heads, kv_heads, head_dim, scale, soft_cap, window, temperature, .. } = shape.attention;
    let width = (heads + 2 * kv_heads) * head_dim;
    let mut noise = Noise(head_dim as u64);
    let rows = noise.values(TOKENS * width);
    let gains: [Vec<f32>; 2] =
        [(); 2].map(|()| noise.values(head_dim).iter().map(|value| 1.0 + value / 2.0).collect());
    let sinks = shape.attention.sinks.map(|_| noise.values(heads));

    let g = Builder::new();
    let mut weights = vec![bytes(&rows)];
    let row = g.embed(g.weight("qkv", DType::F32, TOKENS, width));
    let places = [(0, heads), (heads, kv_heads), (heads + kv_heads, kv_heads)];
    let [q, k, v] = places.map(|(first, heads)| g.slice(row, first * head_dim, heads * head_dim));
    let mut ready = |x: Value, which: usize, heads: usize| {
        let mut x = x;
        if let Some(norm) = shape.norms[which] {
            let weight = norm.weight.map(|_| {
                weights.push(bytes(&gains[which]));
                g.weight(["q gains", "k gains"][which], DType::F32, 1, head_dim)
            });
            x = g.head_norm(x, weight, head_dim, norm.eps);
        }
        shape.rope.as_ref().map_or(x, |rope| g.rope(x, Rope { heads, ..rope.clone() }))
    };
    let (q, k) = (ready(q, 0, heads), ready(k, 1, kv_heads));
    let of_sinks = sinks.as_ref().map(|sinks| {
        weights.push(bytes(sinks));
        g.weight("sinks", DType::F32, 1, heads)
    });
    let layer = g.kv_layer(kv_heads, head_dim);
    g.store_kv(layer, k, v);
    let attention = Attention { layer, sinks: of_sinks, ..shape.attention };
    let logits = g.select_rows(g.attention(q, attention));

    let part = |(first, heads): (usize, usize)| -> Vec<f32> {
        let part = first * head_dim..(first + heads) * head_dim;
        rows.chunks(width).flat_map(|row| &row[part.clone()]).copied().collect()
    };
    let ready = |x: &[f32], which: usize, heads: usize, position: usize| {
        let x = shape.norms[which].map_or(x.to_vec(), |norm| {
            oracle::rms_norm(x, norm.weight.map(|_| &gains[which][..]), head_dim, norm.eps)
        });
        let turned = shape.rope.as_ref().map(|rope| {
            let halves = rope.style == RopeStyle::Halves;
            oracle::rope(&x, heads, head_dim, halves, &rope.frequencies, None, rope.magnitude, position)
        });
        turned.unwrap_or(x)
    };
    let [of_queries, of_keys, v] = places.map(part);
    let (q, k) = (ready(&of_queries, 0, heads, 0), ready(&of_keys, 1, kv_heads, 0));
    let tolerance = shape.tolerance(&q, &k);
    let cached = |x: &[f32]| match shape.options.kv {
        KvFormat::Q8_0 => oracle::through_q8_0(x, head_dim),
        KvFormat::F16 | KvFormat::F32 => x.to_vec(),
    };
    let temperature = temperature.map(|t| (t.scale, t.period));
    let special = Special { soft_cap, window, sinks: sinks.as_deref(), temperature };
    let attended =
        oracle::attention(&q, &cached(&k), &cached(&v), heads, kv_heads, head_dim, scale, 0, special);
    let expected = attended.chunks(heads * head_dim);
    let expected = expected.map(|row| row.iter().map(|value| [f64::from(*value), tolerance]).collect());

    let far = shape.last_position().map(|last| {
        // The tokens at some places, and the last of them at the end.
        let stored: Vec<usize> = (0..PLACES).map(|place| place * (last / PLACES)).collect();
        let mut keys: Vec<f32> =
            stored.iter().flat_map(|place| ready(&of_keys, 1, kv_heads, *place)).collect();
        let mut values = v.repeat(PLACES);
        let last_of = |x: &[f32], heads: usize| x[(TOKENS - 1) * heads * head_dim..].to_vec();
        keys.extend(ready(&last_of(&of_keys, kv_heads), 1, kv_heads, last));
        values.extend(last_of(&v, kv_heads));
        let query = ready(&last_of(&of_queries, heads), 0, heads, last);
        let (seen, zeros) = (PLACES * TOKENS, last - PLACES * TOKENS);
        // What no token was stored at is zeros. Their scores are zero, too: together they are a sink.
        let sinks: Vec<f32> = (0..heads)
            .map(|head| {
                let sink = sinks.as_ref().map_or(0.0, |sinks| f64::from(sinks[head]).exp());
                (zeros as f64 + sink).ln() as f32
            })
            .collect();
        let warmth = temperature
            .map_or(1.0, |(scale, period)| 1.0 + f64::from(scale) * (1.0 + (last / period) as f64).ln());
        let special = Special { soft_cap, window: None, sinks: Some(&sinks), temperature: None };
        let scale = (f64::from(scale) * warmth) as f32;
        let attend = |values: &[f32]| {
            oracle::attention(&query, &cached(&keys), values, heads, kv_heads, head_dim, scale, seen, special)
        };
        // By how much a result is off depends on the weight of what is not zero.
        let shares = attend(&vec![1.0; values.len()]);
        let attended = attend(&cached(&values));
        let expected = attended.iter().zip(shares);
        let expected = expected.map(|(value, share)| [f64::from(*value), tolerance * f64::from(share)]);
        Far { stored, position: last, expected: expected.collect() }
    });
    let graph = g.finish(logits).map(fuse);
    Sample {
        graph,
        weights,
        most_rows: usize::MAX,
        options: shape.options,
        expected: expected.collect(),
        far,
    }
}
