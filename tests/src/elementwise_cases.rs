//! Elementwise operations.

use linnet_graph::{Activation, Slice};
use linnet_quant::DType;

use crate::case::{Case, Recorder, VOCABULARY};
use crate::op_cases::{EXACT, F32};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for width in [1, 3, 8, 36, 100, 576] {
        cases.push(gated(Activation::Silu, width));
    }
    for activation in [
        Activation::Identity,
        Activation::Gelu,
        Activation::Relu2,
        Activation::Sigmoid,
        Activation::ClampedSwiGlu,
    ] {
        cases.push(gated(activation, 36));
        cases.push(gated(activation, 5));
    }
    for width in [1, 7, 100] {
        cases.push(scale(width));
        cases.push(soft_cap(width));
    }
    for (groups, slice) in [
        (1, Slice { start: 0, len: 4, stride: 12 }),
        (1, Slice { start: 5, len: 7, stride: 12 }),
        (4, Slice { start: 0, len: 16, stride: 32 }),
        (4, Slice { start: 16, len: 16, stride: 32 }),
        (3, Slice { start: 1, len: 3, stride: 5 }),
    ] {
        cases.push(sliced(groups, slice));
    }
    for (gate, up, width) in [(0, 8, 8), (5, 0, 5), (3, 7, 36)] {
        cases.push(gated_parts(gate, up, width));
        cases.push(gated_part(gate, width % 2 == 0, width));
    }
    cases.push(scaled_logits());
    cases
}

fn gated(activation: Activation, width: usize) -> Case {
    let r = Recorder::new(format!("gated {activation:?} {width}"));
    // Gates from where a sigmoid vanishes to where it is 1, and beyond the clamp.
    let gate = r.g.embed(r.weight(DType::F32, VOCABULARY, width, 30.0));
    let up = r.g.embed(r.weight(DType::F32, VOCABULARY, width, 9.0));
    let y = r.g.gated(activation, gate, up);
    r.case(y, vec![(0, 1), (0, 33)], F32)
}

fn gated_parts(gate: usize, up: usize, width: usize) -> Case {
    let r = Recorder::new(format!("gated parts {gate}, {up} x {width}"));
    let row = r.input(gate.max(up) + width);
    let y = r.g.gated(Activation::Gelu, r.g.slice(row, gate, width), r.g.slice(row, up, width));
    r.case(y, vec![(0, 1), (0, 33)], F32)
}

/// Part of one row, and a whole other row.
fn gated_part(part: usize, of_gate: bool, width: usize) -> Case {
    let r = Recorder::new(format!("gated part {part} x {width}, of the gate: {of_gate}"));
    let part = r.g.slice(r.input(part + width + 3), part, width);
    let row = r.g.scale(r.input(width), 0.5);
    let (gate, up) = if of_gate { (part, row) } else { (row, part) };
    let y = r.g.gated(Activation::Gelu, gate, up);
    r.case(y, vec![(0, 1), (0, 33)], F32)
}

fn scale(width: usize) -> Case {
    let r = Recorder::new(format!("scale {width}"));
    let y = r.g.scale_by(r.g.scale(r.input(width), 0.3), Some(r.vector(1)));
    r.case(y, vec![(0, 1), (0, 33)], EXACT)
}

fn soft_cap(width: usize) -> Case {
    let r = Recorder::new(format!("soft_cap {width}"));
    let x = r.g.embed(r.weight(DType::F32, VOCABULARY, width, 15.0));
    let y = r.g.soft_cap(x, Some(4.0));
    r.case(y, vec![(0, 1), (0, 33)], F32)
}

fn sliced(groups: usize, slice: Slice) -> Case {
    let r = Recorder::new(format!("{groups} x {slice:?}"));
    let y = r.g.slices(r.input(groups * slice.stride), slice);
    r.case(y, vec![(0, 1), (0, 9), (0, 33)], EXACT)
}

/// The scale and cap that some models apply to the logits.
fn scaled_logits() -> Case {
    let r = Recorder::new("scaled and capped logits");
    let table = r.weight(DType::F32, VOCABULARY, 32, 1.0);
    let logits = r.g.matmul(table, r.g.select_rows(r.g.embed(table)));
    let logits = r.g.soft_cap(r.g.scale(logits, 0.25), Some(3.0));
    r.case_of_logits(logits, vec![(0, 1), (0, 4), (0, 35)], crate::op_cases::MATMUL)
}
