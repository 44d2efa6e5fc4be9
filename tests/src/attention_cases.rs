//! Attention with its cache: prefill, decode, going back, up to the last position.

use linnet_graph::{Attention, CompileOptions, KvFormat, Temperature};
use linnet_quant::DType;

use crate::case::{Case, Recorder, Steps, VOCABULARY};

/// An f16 cache rounds keys and values by up to 2^-11 of their value, which gives errors of 1e-7, or more
/// where a head's values happen to cancel. Losing one position in a hundred would give 1e-4.
const F16_CACHE: f64 = 1e-6;

/// The factor of the scores of most cases, so that those with the same heads share kernels.
pub(crate) fn scale(head_dim: usize) -> f32 {
    0.6 / (head_dim as f32).sqrt()
}

/// Prefill of `n` tokens, then decode.
fn prefill_and_decode(n: usize) -> Steps {
    let mut steps = vec![(0, n)];
    steps.extend((n..n + 4).map(|position| (position, 1)));
    steps
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for tokens in [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 64, 65, 129] {
        cases.push(attention(9, 3, 64, prefill_and_decode(tokens)));
    }
    for (heads, kv_heads, head_dim) in
        [(1, 1, 8), (4, 4, 20), (6, 2, 80), (8, 1, 128), (5, 1, 32), (2, 2, 256)]
    {
        cases.push(attention(heads, kv_heads, head_dim, prefill_and_decode(35)));
    }
    // Chunks of a prompt; then back, overwriting part of it; then to the end of the context.
    let back = vec![(0, 32), (32, 32), (64, 7), (40, 5), (45, 1), (46, 1), (0, 3), (3, 1), (71, 9), (80, 1)];
    cases.push(attention(9, 3, 64, back));
    cases.push(attention(2, 2, 16, vec![(0, 64), (64, 64), (128, 64), (192, 64), (256, 1), (257, 1)]));
    cases.push(sharp());
    cases.push(two_layers());
    // A window of 1 would leave only one position to attend to.
    for window in [2, 5, 32, 33, 200] {
        let name = format!("a window of {window}");
        cases.push(special(&name, 64, around(), |a, _| Attention { window: Some(window), ..a }));
    }
    cases.push(special("cap", 64, around(), |a, _| Attention { soft_cap: Some(0.6), ..a }));
    cases.push(special("sinks", 64, around(), |a, r| Attention { sinks: Some(r.vector(a.heads)), ..a }));
    cases.push(special("temperature", 32, around(), |a, _| Attention {
        temperature: Some(Temperature { scale: 0.3, period: 16 }),
        ..a
    }));
    cases.push(special("everything", 256, around(), |a, r| Attention {
        soft_cap: Some(3.0),
        window: Some(20),
        sinks: Some(r.vector(a.heads)),
        temperature: Some(Temperature { scale: 0.3, period: 16 }),
        ..a
    }));
    // A token whose past is split into spans, one of them short.
    for window in [None, Some(300), Some(513)] {
        let name = format!("spans of a past, window {window:?}");
        let steps = vec![(0, 600), (600, 1), (601, 3), (604, 1), (605, 1)];
        cases.push(special(&name, 20, steps, |a, r| Attention {
            window,
            sinks: Some(r.vector(a.heads)),
            ..a
        }));
    }
    cases.push(shared_cache());
    // Caches that wrap several times: within a step, within a tile of any kernel, and when a step goes back.
    for (window, batch, head_dim, kv) in [
        (20, 40, 64, KvFormat::F16),
        (33, 7, 20, KvFormat::F16),
        (100, 20, 64, KvFormat::F32),
        (100, 33, 80, KvFormat::Q8_0),
    ] {
        let name = format!("a window of {window} in a ring of {}", kv.name());
        let window = Some(window);
        let mut case = special(&name, head_dim, ring_steps(batch), |a, _| Attention { window, ..a });
        let options = CompileOptions { context_length: case.context(), max_batch: batch, max_logits: 1, kv };
        let positions = case.graph.kv_layers[0].positions(&options);
        assert!(2 * positions < case.context(), "{name}: no ring of {positions} in {}", case.context());
        case.kv = kv;
        cases.push(case);
    }
    for kv in [KvFormat::F32, KvFormat::Q8_0] {
        for head_dim in [20, 64, 80] {
            let mut case = attention(6, 2, head_dim, prefill_and_decode(35));
            case.name += &format!(" in {}", kv.name());
            case.kv = kv;
            // The oracle uses the same Q8_0 rounding.
            case.limit = if kv == KvFormat::F32 { 1e-10 } else { F16_CACHE };
            cases.push(case);
        }
    }
    cases
}

/// Positions inside and outside of a window, in tiles that the window cuts.
fn around() -> Steps {
    vec![(0, 7), (7, 70), (77, 1), (78, 1), (40, 9), (49, 1), (50, 120), (170, 1)]
}

/// Steps of up to `batch` tokens: far ahead, single ones, slightly back and ahead, and again from the start.
fn ring_steps(batch: usize) -> Steps {
    let far = |end: usize| (0..end).step_by(batch).map(move |at| (at, batch.min(end - at)));
    let mut steps: Steps = far(520).collect();
    steps.extend([(520, 1), (521, 1), (522, batch), (515, 5), (520, 1), (521, batch)]);
    steps.extend(far(130));
    steps.push((130, 1));
    steps
}

/// Attention with extra features.
fn special(
    what: &str,
    head_dim: usize,
    steps: Steps,
    special: impl Fn(Attention, &Recorder) -> Attention,
) -> Case {
    let (heads, kv_heads) = (6, 2);
    let r = Recorder::new(format!("attention {heads}/{kv_heads}x{head_dim} with {what}"));
    let layer = r.g.kv_layer(kv_heads, head_dim);
    let (q, k, v) = (r.input(heads * head_dim), r.input(kv_heads * head_dim), r.input(kv_heads * head_dim));
    r.g.store_kv(layer, k, v);
    let plain = Attention::new(layer, [heads, kv_heads], head_dim, scale(head_dim));
    let attention = special(plain, &r);
    let y = r.g.attention(q, attention);
    r.case(y, steps, F16_CACHE)
}

/// A second attention operation over the first one's cache.
fn shared_cache() -> Case {
    let r = Recorder::new("two attentions over one cache");
    let layer = r.g.kv_layer(1, 32);
    r.g.store_kv(layer, r.input(32), r.input(32));
    let attention = Attention::new(layer, [2, 1], 32, scale(32));
    let x = r.g.attention(r.input(64), attention);
    let y = r.g.attention(r.g.add(x, r.input(64)), Attention { window: Some(8), ..attention });
    r.case(y, prefill_and_decode(33), 10.0 * F16_CACHE)
}

fn attention(heads: usize, kv_heads: usize, head_dim: usize, steps: Steps) -> Case {
    let r = Recorder::new(format!("attention {heads}/{kv_heads}x{head_dim} {steps:?}"));
    let layer = r.g.kv_layer(kv_heads, head_dim);
    let (q, k, v) = (r.input(heads * head_dim), r.input(kv_heads * head_dim), r.input(kv_heads * head_dim));
    r.g.store_kv(layer, k, v);
    let y = r.g.attention(q, Attention::new(layer, [heads, kv_heads], head_dim, scale(head_dim)));
    r.case(y, steps, F16_CACHE)
}

/// Scores so far apart that most exponentials vanish and the maximum keeps changing.
fn sharp() -> Case {
    let r = Recorder::new("attention with scores to 400");
    let (heads, kv_heads, head_dim) = (4, 2, 32);
    let layer = r.g.kv_layer(kv_heads, head_dim);
    let q = r.g.embed(r.weight(DType::F32, VOCABULARY, heads * head_dim, 8.0));
    // Integers, which f16 represents exactly; otherwise the rounding of the scores, times 400, would
    // dominate. (14-bit integers, queries included, put scores of 400 off by a few thousandths: up to 7e-6 in
    // the output.)
    let whole = |r: &Recorder| {
        let values: Vec<f32> =
            (0..VOCABULARY * kv_heads * head_dim).map(|i| (i * 7919 % 31) as f32 - 15.0).collect();
        r.g.embed(r.exact(VOCABULARY, &values))
    };
    r.g.store_kv(layer, whole(&r), whole(&r));
    let y = r.g.attention(q, Attention::new(layer, [heads, kv_heads], head_dim, 0.2));
    r.case(y, prefill_and_decode(65), 10.0 * F16_CACHE)
}

/// Two caches with different shapes.
fn two_layers() -> Case {
    let r = Recorder::new("two layers of attention");
    let first = r.g.kv_layer(2, 16);
    let second = r.g.kv_layer(1, 32);
    r.g.store_kv(first, r.input(32), r.input(32));
    let attention =
        |layer, kv_heads, head_dim| Attention::new(layer, [2, kv_heads], head_dim, scale(head_dim));
    let x = r.g.attention(r.input(32), attention(first, 2, 16));
    r.g.store_kv(second, x, r.input(32));
    let y = r.g.attention(r.input(64), attention(second, 1, 32));
    r.case(y, prefill_and_decode(33), 10.0 * F16_CACHE)
}
