//! Everything between a layer's projections and its attention output, as models record it.

use linnet_graph::{Attention, KvFormat, Rope, RopeFactors, RopeStyle, Value};
use linnet_quant::DType;

use crate::attention_cases::scale;
use crate::case::{Case, Recorder, Steps};

/// Rounding of an f16 cache, and of the products before it.
const LIMIT: f64 = 5e-6;

/// Prefill, decode, back, a step of several tokens, and on to where the low byte of the position wraps.
fn steps() -> Steps {
    vec![
        (0, 7),
        (7, 1),
        (8, 1),
        (9, 116),
        (125, 1),
        (20, 3),
        (23, 1),
        (24, 116),
        (140, 116),
        (256, 1),
        (257, 1),
    ]
}

/// The heads of a case.
#[derive(Clone, Copy)]
struct Shape {
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    style: RopeStyle,
    /// Pairs that RoPE rotates; 0 means no RoPE.
    pairs: usize,
    /// Whether the query, key and value heads are normalized, and whether with a weight.
    norms: [Option<bool>; 3],
    kv: KvFormat,
}

const PLAIN: Shape = Shape {
    heads: 6,
    kv_heads: 2,
    head_dim: 64,
    style: RopeStyle::Interleaved,
    pairs: 32,
    norms: [None; 3],
    kv: KvFormat::F16,
};

pub(crate) fn cases() -> Vec<Case> {
    let halves = RopeStyle::Halves;
    let both = [Some(true), Some(true), None];
    let all = [Some(true), Some(true), Some(false)];
    let shapes = [
        ("plain", PLAIN),
        ("halves", Shape { style: halves, ..PLAIN }),
        (
            "norms",
            Shape { style: halves, norms: both, heads: 4, kv_heads: 1, head_dim: 256, pairs: 128, ..PLAIN },
        ),
        ("norm of keys", Shape { norms: [None, Some(false), None], ..PLAIN }),
        ("norm of queries", Shape { norms: [Some(false), None, None], head_dim: 80, pairs: 12, ..PLAIN }),
        ("norm of values", Shape { norms: [None, None, Some(true)], kv_heads: 6, ..PLAIN }),
        ("all norms", Shape { style: halves, norms: all, kv: KvFormat::F32, ..PLAIN }),
        ("all norms, q8_0", Shape { norms: all, kv: KvFormat::Q8_0, head_dim: 80, pairs: 40, ..PLAIN }),
        ("part of a head", Shape { style: halves, pairs: 8, head_dim: 20, ..PLAIN }),
        ("odd pairs", Shape { pairs: 7, head_dim: 20, ..PLAIN }),
        ("odd halves", Shape { style: halves, pairs: 10, head_dim: 20, ..PLAIN }),
        ("no rope", Shape { pairs: 0, heads: 5, kv_heads: 1, head_dim: 32, ..PLAIN }),
        ("many heads", Shape { heads: 12, kv_heads: 1, head_dim: 16, pairs: 8, norms: both, ..PLAIN }),
        (
            "wide heads",
            Shape { heads: 2, kv_heads: 2, head_dim: 512, pairs: 256, norms: both, style: halves, ..PLAIN },
        ),
        ("f32", Shape { kv: KvFormat::F32, style: halves, norms: both, ..PLAIN }),
        ("q8_0", Shape { kv: KvFormat::Q8_0, style: halves, norms: both, ..PLAIN }),
        ("q8_0, uneven", Shape { kv: KvFormat::Q8_0, head_dim: 80, pairs: 40, ..PLAIN }),
    ];
    let mut cases: Vec<Case> = shapes
        .into_iter()
        .map(|(name, shape)| case(name, shape, [DType::F32; 3], |attention, _| attention))
        .collect();
    let formats = [DType::Q8_0, DType::Q8_0, DType::F32];
    cases.push(case("two formats", PLAIN, formats, |attention, _| attention));
    cases.push(case("sinks and a window", PLAIN, [DType::Q8_0; 3], |attention, r| Attention {
        sinks: Some(r.vector(attention.heads)),
        window: Some(30),
        ..attention
    }));
    cases.push(case("cap", PLAIN, [DType::F16; 3], |attention, _| Attention {
        soft_cap: Some(0.6),
        ..attention
    }));
    cases.push(cut());
    cases.push(shared());
    // Tokens with a context so long that several workgroups share it; one of the tiles has just begun.
    let far = vec![(0, 520), (520, 1), (521, 120), (641, 1)];
    let small = Shape { head_dim: 20, pairs: 8, norms: both, ..PLAIN };
    let special = |attention: Attention, r: &Recorder| Attention {
        sinks: Some(r.vector(attention.heads)),
        soft_cap: Some(4.0),
        window: Some(600),
        ..attention
    };
    let q8_0 = Shape { kv: KvFormat::Q8_0, ..small };
    let f32 = Shape { kv: KvFormat::F32, heads: 10, kv_heads: 1, head_dim: 8, pairs: 4, ..small };
    cases.extend(
        [
            case("far, with sinks, a cap and a window", small, [DType::F32; 3], special),
            case("far, q8_0", q8_0, [DType::F32; 3], |attention, _| attention),
            case("far, all norms", Shape { norms: all, ..small }, [DType::F32; 3], |attention, _| attention),
            case("far, f32 and many heads", f32, [DType::F32; 3], |attention, _| attention),
        ]
        .map(|case| Case { steps: far.clone(), ..case }),
    );
    cases
}

fn rope(r: &Recorder, x: Value, shape: Shape, heads: usize, factors: Option<RopeFactors>) -> Value {
    let Shape { head_dim, style, pairs, .. } = shape;
    let frequencies = (0..pairs).map(|i| 1000_f32.powf(-(i as f32) / pairs as f32)).collect();
    match pairs {
        0 => x,
        _ => r.g.rope(x, Rope { heads, head_dim, style, frequencies, factors, magnitude: 1.1 }),
    }
}

fn case(
    name: &str,
    shape: Shape,
    formats: [DType; 3],
    special: impl Fn(Attention, &Recorder) -> Attention,
) -> Case {
    let Shape { heads, kv_heads, head_dim, norms, kv, pairs, .. } = shape;
    let r = Recorder::new(format!("self-attention {heads}/{kv_heads}x{head_dim}: {name}"));
    let layer = r.g.kv_layer(kv_heads, head_dim);
    let h = r.g.rms_norm(r.input(96), r.vector(96), 1e-6);
    let widths = [heads, kv_heads, kv_heads].map(|heads| heads * head_dim);
    let [q, k, v] = [0, 1, 2].map(|i| {
        // Without RoPE, a bias common to all keys would change nothing.
        let bias = (i != 1).then(|| r.vector(widths[i]));
        r.g.matmul_bias(r.matrix(formats[i], widths[i], 96), bias, h)
    });
    let norm = |x, gain: Option<bool>| {
        gain.map_or(x, |gain| r.g.head_norm(x, gain.then(|| r.vector(head_dim)), head_dim, 1e-6))
    };
    let factors = (pairs > 0).then(|| {
        let values: Vec<f32> = (0..pairs).map(|i| 1.0 + i as f32 / 16.0).collect();
        RopeFactors::Fixed(r.exact(1, &values))
    });
    let q = rope(&r, norm(q, norms[0]), shape, heads, factors);
    let k = rope(&r, norm(k, norms[1]), shape, kv_heads, factors);
    r.g.store_kv(layer, k, norm(v, norms[2]));
    let plain = Attention::new(layer, [heads, kv_heads], head_dim, scale(head_dim));
    let y = r.g.attention(q, special(plain, &r));
    Case { kv, ..r.case(y, steps(), LIMIT) }
}

/// One matrix with queries, keys and values, as in phi3.
fn cut() -> Case {
    let Shape { heads, kv_heads, head_dim, .. } = PLAIN;
    let r = Recorder::new("self-attention cut out of one row");
    let layer = r.g.kv_layer(kv_heads, head_dim);
    let [q, kv] = [heads, kv_heads].map(|heads| heads * head_dim);
    let row = r.g.matmul(r.matrix(DType::Q8_0, q + 2 * kv, 96), r.input(96));
    let part = |start, len| r.g.slice(row, start, len);
    let (q, k, v) = (part(0, q), part(q, kv), part(q + kv, kv));
    r.g.store_kv(layer, rope(&r, k, PLAIN, kv_heads, None), v);
    let attention = Attention::new(layer, [heads, kv_heads], head_dim, scale(head_dim));
    let y = r.g.attention(rope(&r, q, PLAIN, heads, None), attention);
    r.case(y, steps(), LIMIT)
}

/// A second attention operation over the same cache, with another query.
fn shared() -> Case {
    let Shape { heads, kv_heads, head_dim, .. } = PLAIN;
    let r = Recorder::new("self-attention whose cache another attention reads");
    let layer = r.g.kv_layer(kv_heads, head_dim);
    let x = r.input(96);
    let project = |heads: usize, x| r.g.matmul(r.matrix(DType::Q8_0, heads * head_dim, 96), x);
    let (q, k, v) = (project(heads, x), project(kv_heads, x), project(kv_heads, x));
    r.g.store_kv(layer, rope(&r, k, PLAIN, kv_heads, None), v);
    let attention = Attention::new(layer, [heads, kv_heads], head_dim, scale(head_dim));
    let first = r.g.attention(rope(&r, q, PLAIN, heads, None), attention);
    let q = rope(&r, project(heads, r.input(96)), PLAIN, heads, None);
    let y = r.g.add(first, r.g.attention(q, attention));
    r.case(y, steps(), LIMIT)
}
