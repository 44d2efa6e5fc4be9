//! Mixtures of experts.

use linnet_graph::{Activation, Gating, Router, Value};
use linnet_quant::DType;

use crate::case::{Case, Recorder, VOCABULARY};
use crate::op_cases::{EXACT, F32, MATMUL};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for gating in [Gating::Softmax, Gating::Sigmoid, Gating::SoftmaxOfChosen] {
        for (experts, used) in [(4, 2), (8, 3), (5, 2), (32, 4), (130, 8)] {
            let router = Router { experts, used, gating, bias: None, normalize: false, scale: 1.0 };
            cases.push(router_ids(router));
            cases.push(router_weights(router));
        }
    }
    cases.push(router_with_all());
    for dtype in [DType::F32, DType::F16, DType::Q4_0, DType::Q8_0] {
        cases.push(expert_matmul(dtype, 8, 3, 96, false));
        cases.push(expert_matmul(dtype, 4, 2, 40, true));
    }
    cases.push(expert_matmul(DType::Q4_K, 5, 4, 24, false));
    cases.push(expert_matmul(DType::Q8_0, 3, 1, 32, true));
    cases.push(weighted_sum(36, 3));
    cases.push(weighted_sum(5, 8));
    cases.push(block(Activation::Silu, DType::Q4_0, false));
    cases.push(block(Activation::ClampedSwiGlu, DType::Q8_0, true));
    // Larger than one binding on a device with small bindings.
    cases.push(block(Activation::Gelu, DType::F32, true));
    cases
}

fn logits(r: &Recorder, experts: usize) -> Value {
    r.g.embed(r.weight(DType::F32, VOCABULARY, experts, 4.0))
}

fn router_ids(router: Router) -> Case {
    let r = Recorder::new(format!("ids of {router:?}"));
    let choice = r.g.router(logits(&r, router.experts), router);
    r.case(choice.ids, vec![(0, 1), (0, 9), (0, 33)], EXACT)
}

fn router_weights(router: Router) -> Case {
    let r = Recorder::new(format!("weights of {router:?}"));
    let choice = r.g.router(logits(&r, router.experts), router);
    r.case(choice.weights, vec![(0, 1), (0, 9), (0, 33)], F32)
}

/// A bias that changes the selection, normalized weights, and a scale.
fn router_with_all() -> Case {
    let r = Recorder::new("weights of a router with all parameters");
    let bias = Some(r.vector(8));
    let router = Router { experts: 8, used: 3, gating: Gating::Sigmoid, bias, normalize: true, scale: 2.5 };
    let choice = r.g.router(logits(&r, 8), router);
    // Normalized weights always sum to the same value, so multiply each by its id.
    let y = r.g.multiply(choice.weights, choice.ids);
    r.case(y, vec![(0, 1), (0, 9), (0, 33)], F32)
}

/// One product with the same input for all slots, and one with an input per slot.
fn expert_matmul(dtype: DType, experts: usize, used: usize, outputs: usize, bias: bool) -> Case {
    let r = Recorder::new(format!("expert_matmul {dtype} {used} of {experts} x {outputs}, bias: {bias}"));
    let cols = if dtype.block_values() == 256 { 256 } else { 64 };
    let router = Router { experts, used, gating: Gating::Softmax, bias: None, normalize: true, scale: 1.0 };
    let choice = r.g.router(logits(&r, experts), router);
    let (x, own) = (r.input(cols), r.input(used * cols));
    let product = |x| {
        let weight = r.matrix(dtype, experts * outputs, cols);
        let bias = bias.then(|| r.weight(DType::F32, experts, outputs, 1.0));
        r.g.expert_matmul((weight, experts), bias, x, choice)
    };
    let y = r.g.add(product(x), product(own));
    r.case(y, vec![(0, 1), (0, 2), (0, 9), (0, 33)], MATMUL)
}

fn weighted_sum(width: usize, used: usize) -> Case {
    let r = Recorder::new(format!("weighted_sum {used} x {width}"));
    let router =
        Router { experts: 16, used, gating: Gating::Softmax, bias: None, normalize: true, scale: 1.0 };
    let choice = r.g.router(logits(&r, 16), router);
    let y = r.g.weighted_sum(r.input(used * width), choice);
    r.case(y, vec![(0, 1), (0, 9), (0, 33)], F32)
}

/// A whole feed-forward block.
fn block(activation: Activation, dtype: DType, bias: bool) -> Case {
    let r = Recorder::new(format!("mixture of experts {activation:?} {dtype}, bias: {bias}"));
    let (width, hidden, experts, used) = (64, 32, 6, 2);
    let x = r.input(width);
    let h = r.g.rms_norm(x, r.vector(width), 1e-5);
    let gating = if bias { Gating::SoftmaxOfChosen } else { Gating::Softmax };
    let router = Router { experts, used, gating, bias: None, normalize: !bias, scale: 1.0 };
    // Logits far apart, so that rounding does not change the selected experts.
    let logits = r.g.matmul(r.weight(DType::F32, experts, width, 1.0), h);
    let choice = r.g.router(logits, router);
    let product = |rows: usize, cols: usize, x| {
        let weight = r.matrix(dtype, experts * rows, cols);
        let bias = bias.then(|| r.weight(DType::F32, experts, rows, 1.0));
        r.g.expert_matmul((weight, experts), bias, x, choice)
    };
    let y = r.g.gated(activation, product(hidden, width, h), product(hidden, width, h));
    let y = r.g.add(x, r.g.weighted_sum(product(width, hidden, y), choice));
    r.case(y, vec![(0, 1), (0, 2), (0, 33)], MATMUL)
}
