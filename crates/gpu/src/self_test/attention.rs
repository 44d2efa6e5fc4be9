//! Attention with known results.

use linnet_graph::{
    Attention, Builder, CompileOptions, KvFormat, Norm, Rope, RopeStyle, fuse, fuse_dispatches,
};
use linnet_quant::DType;
use linnet_shaders::oracle::{self, Special};

use super::sample::{Expected, Far, Noise, Sample, TOKENS, bytes};
use crate::layout::LONG_CONTEXT;

/// The number of workgroups per head does not grow beyond this many positions.
const MOST_POSITIONS: usize = 4096;
/// Number of places in a long context at which tokens are stored.
const PLACES: usize = 5;

/// An attention of a model, with the operations that are fused with it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct AttentionCase {
    /// The attention, as that of layer 0.
    attention: Attention,
    /// Norms of the heads of queries, keys and values.
    norms: [Option<Norm>; 3],
    /// The rope, without the frequency factors of the file.
    rope: Option<Rope>,
    options: CompileOptions,
}

impl std::fmt::Display for AttentionCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Attention { heads, kv_heads, head_dim, .. } = self.attention;
        write!(f, "attention of {heads} to {kv_heads} heads of {head_dim} in {}", self.options.kv.name())
    }
}

impl AttentionCase {
    /// An attention of a model compiled with these options.
    pub fn new(
        attention: &Attention,
        norms: [Option<Norm>; 3],
        rope: Option<&Rope>,
        options: CompileOptions,
    ) -> AttentionCase {
        let context = match attention.window {
            // With a window, only the cache depends on the context.
            Some(_) => options.context_length.max(TOKENS),
            None if options.context_length > LONG_CONTEXT as usize => {
                options.context_length.min(MOST_POSITIONS)
            }
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
        AttentionCase { attention: Attention { layer: 0, ..*attention }, norms, rope, options }
    }

    /// The last position of a context so long that several workgroups share the attention of a head.
    pub(super) fn last_position(&self) -> Option<usize> {
        let last = self.options.context_length - 1;
        (self.attention.window.is_none() && last >= LONG_CONTEXT as usize).then_some(last)
    }
}

/// The inputs of a trial.
struct Heads<'a> {
    shape: &'a AttentionCase,
    /// The outputs of the projections for all tokens: heads of queries, keys and values.
    rows: [Vec<f32>; 3],
    /// The gains of their norms, if any.
    gains: [Vec<f32>; 3],
    /// The sink of each query head, if there are any.
    sinks: Option<Vec<f32>>,
}

const QUERIES: usize = 0;
const KEYS: usize = 1;
const VALUES: usize = 2;

impl Heads<'_> {
    /// Number of heads of queries, keys and values.
    fn count(&self, which: usize) -> usize {
        let Attention { heads, kv_heads, .. } = self.shape.attention;
        if which == QUERIES { heads } else { kv_heads }
    }

    /// The normalized and rotated heads of the tokens from `first` on, which is at `position`.
    fn ready(&self, which: usize, first: usize, position: usize) -> Vec<f32> {
        let (count, head_dim) = (self.count(which), self.shape.attention.head_dim);
        let mut x = self.rows[which][first * count * head_dim..].to_vec();
        if let Some(norm) = self.shape.norms[which] {
            let gains = norm.weight.map(|_| &self.gains[which][..]);
            x = oracle::rms_norm(&x, gains, head_dim, norm.eps);
        }
        match &self.shape.rope {
            Some(rope) if which != VALUES => {
                let halves = rope.style == RopeStyle::Halves;
                oracle::rope(&x, count, head_dim, halves, &rope.frequencies, None, rope.magnitude, position)
            }
            _ => x,
        }
    }

    /// The values as the cache returns them, except for the rounding to f16.
    fn cached(&self, x: &[f32]) -> Vec<f32> {
        match self.shape.options.kv {
            KvFormat::Q8_0 => oracle::through_q8_0(x, self.shape.attention.head_dim),
            KvFormat::F16 | KvFormat::F32 => x.to_vec(),
        }
    }

    /// The tolerance of results: the cache rounds keys, which enter scores, and values.
    fn tolerance(&self) -> f64 {
        let Attention { head_dim, scale, .. } = self.shape.attention;
        let longest = |which| {
            let heads = self.ready(which, 0, 0);
            let square = |head: &[f32]| head.iter().map(|v| f64::from(v * v)).sum::<f64>();
            heads.chunks(head_dim).map(square).fold(0.0, f64::max).sqrt()
        };
        let score = f64::from(scale) * longest(QUERIES) * longest(KEYS);
        let greatest = self.ready(VALUES, 0, 0).iter().fold(1.0, |most: f32, value| most.max(value.abs()));
        let (rounding, least) = match self.shape.options.kv {
            KvFormat::F32 => (1e-5, 1e-4),
            KvFormat::F16 => (1e-3, 1e-3),
            KvFormat::Q8_0 => (1e-3, 1e-2),
        };
        (least + score * rounding) * f64::from(greatest)
    }

    /// The results of the tokens from position 0 on.
    fn attended(&self) -> Vec<Expected> {
        let Attention { heads, kv_heads, head_dim, scale, soft_cap, window, temperature, .. } =
            self.shape.attention;
        let [q, k, v] = [QUERIES, KEYS, VALUES].map(|which| self.ready(which, 0, 0));
        let temperature = temperature.map(|t| (t.scale, t.period));
        let special = Special { soft_cap, window, sinks: self.sinks.as_deref(), temperature };
        let (k, v) = (self.cached(&k), self.cached(&v));
        let attended = oracle::attention(&q, &k, &v, heads, kv_heads, head_dim, scale, 0, special);
        let tolerance = self.tolerance();
        let expected = |row: &[f32]| row.iter().map(|value| [f64::from(*value), tolerance]).collect();
        attended.chunks(heads * head_dim).map(expected).collect()
    }

    /// The result of the last token at position `last`, after all tokens were stored at some places before it.
    fn far(&self, last: usize) -> Far {
        let Attention { heads, kv_heads, head_dim, scale, soft_cap, temperature, .. } = self.shape.attention;
        let stored: Vec<usize> = (0..PLACES).map(|place| place * (last / PLACES)).collect();
        let seen = |which| {
            let mut seen: Vec<f32> = stored.iter().flat_map(|place| self.ready(which, 0, *place)).collect();
            seen.extend(self.ready(which, TOKENS - 1, last));
            self.cached(&seen)
        };
        let (keys, values, query) = (seen(KEYS), seen(VALUES), self.ready(QUERIES, TOKENS - 1, last));
        // Places without a token have zeros in the cache. Their scores are zero, too, so together they are a sink.
        let before = PLACES * TOKENS;
        let sink = |head: usize| {
            let own = self.sinks.as_ref().map_or(0.0, |sinks| f64::from(sinks[head]).exp());
            ((last - before) as f64 + own).ln() as f32
        };
        let sinks: Vec<f32> = (0..heads).map(sink).collect();
        let warmth = temperature
            .map_or(1.0, |t| 1.0 + f64::from(t.scale) * (1.0 + (last / t.period.max(1)) as f64).ln());
        let scale = (f64::from(scale) * warmth) as f32;
        let special = Special { soft_cap, window: None, sinks: Some(&sinks), temperature: None };
        let attend = |values: &[f32]| {
            oracle::attention(&query, &keys, values, heads, kv_heads, head_dim, scale, before, special)
        };
        // The error of a result depends on the weight of the nonzero values.
        let (shares, tolerance) = (attend(&vec![1.0; values.len()]), self.tolerance());
        let expected = attend(&values).into_iter().zip(shares);
        let expected = expected.map(|(value, share)| [f64::from(value), tolerance * f64::from(share)]);
        Far { stored, position: last, expected: expected.collect() }
    }
}

/// Attention of this shape. The embedding of a token is its queries, keys and values.
pub(super) fn sample(shape: &AttentionCase) -> Sample {
    let Attention { heads, kv_heads, head_dim, .. } = shape.attention;
    let mut noise = Noise(head_dim as u64);
    let counts = [heads, kv_heads, kv_heads];
    let known = Heads {
        shape,
        rows: counts.map(|heads| noise.values(TOKENS * heads * head_dim)),
        gains: counts.map(|_| noise.values(head_dim).iter().map(|value| 1.0 + value / 2.0).collect()),
        sinks: shape.attention.sinks.map(|_| noise.values(heads)),
    };

    let g = Builder::new();
    let of_token = |token: usize| {
        let of = |which: usize| {
            let width = counts[which] * head_dim;
            &known.rows[which][token * width..][..width]
        };
        [of(QUERIES), of(KEYS), of(VALUES)].concat()
    };
    let mut weights = vec![bytes(&(0..TOKENS).flat_map(of_token).collect::<Vec<f32>>())];
    let row = g.embed(g.weight("qkv", DType::F32, TOKENS, (heads + 2 * kv_heads) * head_dim));
    let mut ready = |which: usize| {
        let first: usize = counts[..which].iter().sum();
        let mut x = g.slice(row, first * head_dim, counts[which] * head_dim);
        if let Some(norm) = shape.norms[which] {
            let weight = norm.weight.map(|_| {
                weights.push(bytes(&known.gains[which]));
                g.weight(["q gains", "k gains", "v gains"][which], DType::F32, 1, head_dim)
            });
            x = g.head_norm(x, weight, head_dim, norm.eps);
        }
        match &shape.rope {
            Some(rope) if which != VALUES => g.rope(x, Rope { heads: counts[which], ..rope.clone() }),
            _ => x,
        }
    };
    let (q, k, v) = (ready(QUERIES), ready(KEYS), ready(VALUES));
    let sinks = known.sinks.as_ref().map(|sinks| {
        weights.push(bytes(sinks));
        g.weight("sinks", DType::F32, 1, heads)
    });
    let layer = g.kv_layer(kv_heads, head_dim);
    g.store_kv(layer, k, v);
    let logits = g.select_rows(g.attention(q, Attention { layer, sinks, ..shape.attention }));
    Sample {
        graph: g.finish(logits).map(fuse).map(fuse_dispatches),
        weights,
        most_rows: usize::MAX,
        options: shape.options,
        expected: known.attended(),
        far: shape.last_position().map(|last| known.far(last)),
    }
}
