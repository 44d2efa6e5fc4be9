//! Operations with recurrent state: prefill in chunks, decode, repeating a step, and restarting.

use linnet_graph::DeltaNet;
use linnet_quant::DType;

use crate::case::{Case, Recorder, Steps, VOCABULARY};
use crate::op_cases::F32;

/// For f32 sums over a few hundred steps with state carried between them.
const STATE: f64 = 1e-10;

fn steps() -> Steps {
    vec![(0, 5), (5, 33), (38, 1), (39, 1), (40, 2), (0, 1), (1, 1), (2, 1), (3, 70), (73, 1)]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (channels, taps) in [(8, 3), (36, 4), (5, 2), (100, 5)] {
        cases.push(conv(channels, taps, false));
        cases.push(conv(channels, taps, true));
        cases.push(gated_conv(channels, taps));
    }
    for (key_heads, value_heads, head_dim) in [(2, 4, 32), (1, 1, 8), (2, 2, 64), (1, 3, 128)] {
        cases.push(delta_net(key_heads, value_heads, head_dim));
    }
    cases
}

fn conv(channels: usize, taps: usize, silu: bool) -> Case {
    let r = Recorder::new(format!("conv of {channels} channels, {taps} taps, silu: {silu}"));
    let kernel = r.weight(DType::F32, channels, taps, 1.0);
    let y = r.g.conv(r.input(channels), kernel, silu);
    // Two of them, each with its own state.
    let kernel = r.weight(DType::F32, channels, taps, 1.0);
    let y = r.g.conv(y, kernel, silu);
    r.case(y, steps(), F32)
}

/// Inputs are parts of a row, in no particular order.
fn gated_conv(channels: usize, taps: usize) -> Case {
    let r = Recorder::new(format!("gated conv of {channels} channels, {taps} taps"));
    let row = r.input(3 * channels);
    let part = |which: usize| r.g.slice(row, which * channels, channels);
    let (b, c, x) = (part(2), part(0), part(1));
    let kernel = r.weight(DType::F32, channels, taps, 1.0);
    let y = r.g.multiply(c, r.g.conv(r.g.multiply(b, x), kernel, false));
    r.case(y, steps(), F32)
}

fn delta_net(key_heads: usize, value_heads: usize, head_dim: usize) -> Case {
    let r = Recorder::new(format!("delta_net {value_heads}/{key_heads}x{head_dim}"));
    let qkv = r.input((2 * key_heads + value_heads) * head_dim);
    let gate = |r: &Recorder| r.g.embed(r.weight(DType::F32, VOCABULARY, value_heads, 2.0));
    let (beta, alpha) = (gate(&r), gate(&r));
    // From heads that remember for a hundred tokens to heads that forget at once.
    let rates: Vec<f32> = (0..value_heads).map(|h| -0.01 - 0.4 * h as f32).collect();
    let (a, dt_bias) = (r.exact(1, &rates), r.vector(value_heads));
    let op = DeltaNet { state: 0, key_heads, value_heads, head_dim, a, dt_bias, eps: 1e-6 };
    let y = r.g.delta_net(qkv, beta, alpha, op);
    r.case(y, steps(), STATE)
}
