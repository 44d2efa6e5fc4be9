//! Norms after a part of a layer, before the residual add, which fuse into the next product.

use linnet_graph::Activation;
use linnet_quant::DType;

use crate::case::{Case, Recorder, VOCABULARY};
use crate::op_cases::MATMUL;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        norms([DType::F32, DType::F32], 64, true, false),
        norms([DType::Q8_0, DType::Q8_0], 64, true, true),
        norms([DType::F32, DType::F32], 37, false, true),
        // Gate and up are separate products; the first one computes the sum.
        norms([DType::Q8_0, DType::Q5_0], 96, true, false),
        norms([DType::Q4_K, DType::Q4_K], 256, false, false),
        norms([DType::F32, DType::F16], 37, true, false),
        norms([DType::F16, DType::F16], 130, false, false),
        sum_of_selected_rows(),
    ]
}

/// Two parts of a layer with norms after them, and before them if `pre`; the sums are scaled if `scaled`. The
/// second part's matrices have the given formats. Larger than one binding on a device with small bindings.
fn norms([gate, up]: [DType; 2], width: usize, pre: bool, scaled: bool) -> Case {
    let r = Recorder::new(format!("norms around {gate}, {up} x {width}, pre: {pre}, scaled: {scaled}"));
    let norm = |x| r.g.rms_norm(x, r.vector(width), 1e-5);
    let before = |x| if pre { norm(x) } else { x };
    let scaled = |x| if scaled { r.g.scale_by(x, Some(r.vector(1))) } else { x };
    let x = r.input(width);
    let y = r.g.matmul(r.matrix(gate, width, width), before(x));
    let x = scaled(r.g.add(x, norm(y)));
    let h = before(x);
    let (gate, up) = (r.matrix(gate, 130, width), r.matrix(up, 130, width));
    let y = r.g.gated(Activation::Gelu, r.g.matmul(gate, h), r.g.matmul(up, h));
    let x = scaled(r.g.add(norm(r.g.matmul(r.matrix(DType::F32, width, 130), y)), x));
    // The residual is read again if the product that computed it is not the last.
    let y = norm(r.g.matmul(r.matrix(DType::F32, width, width), before(x)));
    let x = scaled(r.g.add(x, y));
    let h = before(r.g.select_rows(x));
    let logits = r.g.matmul(r.weight(DType::F32, VOCABULARY, width, 0.3), h);
    r.case_of_logits(logits, vec![(0, 1), (0, 2), (0, 33)], MATMUL)
}

/// A sum that is only used as the result.
fn sum_of_selected_rows() -> Case {
    let r = Recorder::new("norms around nothing");
    let x = r.input(36);
    let y = r.g.rms_norm(r.g.scale(x, 0.3), r.vector(36), 1e-5);
    let sum = r.g.add(x, y);
    r.case(sum, vec![(0, 1), (0, 2), (0, 33)], MATMUL)
}
