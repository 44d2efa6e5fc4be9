//! Fuses the products of experts with the operations before and after them, for backends to which each node is a
//! dispatch.
//!
//! 1. [`gated_experts`]: two products of the selected experts and their gated product become one node.
//! 2. [`expert_sums`]: a product of the selected experts, their weighted sum and the addition of the residual become
//!    one node.
//! 3. [`expert_norms`]: the norm before the router and the experts becomes part of both.

use crate::fusion::lookup::Lookup;
use crate::ir::{ExpertMatMul, FusedEpilogue, FusedOp, GatedExperts, Graph};

/// Fuses `activation(gate(x)) * up(x)` of the same experts.
pub(crate) fn gated_experts(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        let FusedOp::Gated(activation) = lookup.node(index).op else { continue };
        let [gate, up] = lookup.node(index).inputs[..] else { continue };
        let (Some((gate_at, gate)), Some((up_at, up))) = (lookup.only_for(gate), lookup.only_for(up)) else {
            continue;
        };
        let (FusedOp::ExpertMatMul(of_gate), FusedOp::ExpertMatMul(of_up)) = (&gate.op, &up.op) else {
            continue;
        };
        let graph = lookup.graph();
        let (a, b) = (graph.weight(of_gate.weight), graph.weight(of_up.weight));
        let alike = (a.dtype, a.rows, a.cols) == (b.dtype, b.rows, b.cols) && gate.inputs == up.inputs;
        let shared = gate.inputs.first().is_some_and(|x| graph.value(*x).width == a.cols);
        if !alike || !shared || of_gate.bias.is_some() != of_up.bias.is_some() {
            continue;
        }
        let op = GatedExperts { norm: None, gate: *of_gate, up: *of_up, activation };
        let inputs = gate.inputs.clone();
        lookup.edit(index, |node| {
            node.op = FusedOp::GatedExperts(Box::new(op));
            node.inputs = inputs;
        });
        lookup.remove([gate_at, up_at]);
    }
    lookup.finish()
}

/// Fuses the weighted sum of experts' products, and the addition of a residual.
pub(crate) fn expert_sums(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        if lookup.node(index).op != FusedOp::WeightedSum {
            continue;
        }
        let [products, weights] = lookup.node(index).inputs[..] else { continue };
        let Some((at, node)) = lookup.only_for(products) else { continue };
        let FusedOp::ExpertMatMul(op @ ExpertMatMul { .. }) = node.op else { continue };
        let (x, spec) = (node.inputs[0], lookup.graph().weight(op.weight));
        if lookup.graph().value(x).width != op.used.saturating_mul(spec.cols) {
            continue;
        }
        let sum = lookup.node(index).outputs[0];
        let mut inputs = node.inputs.clone();
        inputs.push(weights);
        lookup.remove([at]);
        // The sum moves to the addition, so that the residual is available.
        let added = match *lookup.readers(sum) {
            [reader] if lookup.node(reader).op == FusedOp::Add => Some(reader),
            _ => None,
        };
        let other = added.and_then(|at| lookup.node(at).inputs.iter().copied().find(|input| *input != sum));
        let place = match (added, other) {
            (Some(place), Some(other)) => {
                inputs.push(other);
                lookup.remove([index]);
                place
            }
            _ => index,
        };
        lookup.edit(place, |node| {
            node.op = FusedOp::ExpertSum(op);
            node.inputs = inputs;
        });
    }
    lookup.finish()
}

/// Makes a norm part of the products that read it, if only they read it.
pub(crate) fn expert_norms(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        let FusedOp::RmsNorm(norm) = lookup.node(index).op else { continue };
        let (x, y) = (lookup.node(index).inputs[0], lookup.node(index).outputs[0]);
        let readers = lookup.readers(y).to_vec();
        let takes = |reader: &usize| {
            let node = lookup.node(*reader);
            let first = node.inputs.first() == Some(&y) && !node.inputs[1..].contains(&y);
            first
                && match &node.op {
                    FusedOp::MatMul(matmul) => {
                        matmul.norm.is_none() && matmul.epilogue == FusedEpilogue::Store
                    }
                    FusedOp::GatedExperts(experts) => experts.norm.is_none(),
                    _ => false,
                }
        };
        let whole = norm.weight.is_some() && norm.width == lookup.graph().value(y).width;
        if !whole || readers.is_empty() || !readers.iter().all(takes) {
            continue;
        }
        for reader in readers {
            lookup.edit(reader, |node| {
                match &mut node.op {
                    FusedOp::MatMul(matmul) => matmul.norm = Some(norm),
                    FusedOp::GatedExperts(experts) => experts.norm = Some(norm),
                    _ => {}
                }
                node.inputs[0] = x;
            });
        }
        lookup.remove([index]);
    }
    lookup.finish()
}
