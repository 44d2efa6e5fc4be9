//! Experts' products with what comes before and after them, for backends to which each node is a launch.
//!
//! 1. [`gated_experts`]: two products of a row's experts and their gated product become one node.
//! 2. [`expert_sums`]: a product of a row's experts, the weighted sum over them and the residual's addition become one.
//! 3. [`expert_norms`]: the norm before router and experts becomes part of both.

use crate::fuse::without;
use crate::launches::Lookup;
use crate::op::{Graph, Op};
use crate::params::{Epilogue, ExpertMatMul, GatedExperts};

/// Fuses `activation(gate(x)) * up(x)` of the same experts.
pub(crate) fn gated_experts(mut graph: Graph) -> Graph {
    let mut dead = Vec::new();
    for index in 0..graph.nodes.len() {
        let Op::Gated(activation) = graph.nodes[index].op else { continue };
        let lookup = Lookup::new(&graph);
        let [gate, up] = graph.nodes[index].inputs[..] else { continue };
        let (Some((gate_at, gate)), Some((up_at, up))) = (lookup.only_for(gate), lookup.only_for(up)) else {
            continue;
        };
        let (Op::ExpertMatMul(of_gate), Op::ExpertMatMul(of_up)) = (&gate.op, &up.op) else { continue };
        let (a, b) = (graph.weight(of_gate.weight), graph.weight(of_up.weight));
        let alike = (a.dtype, a.rows, a.cols) == (b.dtype, b.rows, b.cols) && gate.inputs == up.inputs;
        let shared = gate.inputs.first().is_some_and(|x| graph.value(*x).width == a.cols);
        if !alike || !shared || of_gate.bias.is_some() != of_up.bias.is_some() {
            continue;
        }
        let op = GatedExperts { norm: None, gate: *of_gate, up: *of_up, activation };
        let inputs = gate.inputs.clone();
        graph.nodes[index].op = Op::GatedExperts(Box::new(op));
        graph.nodes[index].inputs = inputs;
        dead.extend([gate_at, up_at]);
    }
    without(graph, &dead)
}

/// Fuses the weighted sum of experts' products, and its addition to a residual.
pub(crate) fn expert_sums(mut graph: Graph) -> Graph {
    let mut dead = Vec::new();
    for index in 0..graph.nodes.len() {
        if graph.nodes[index].op != Op::WeightedSum {
            continue;
        }
        let lookup = Lookup::new(&graph);
        let [products, weights] = graph.nodes[index].inputs[..] else { continue };
        let Some((at, node)) = lookup.only_for(products) else { continue };
        let Op::ExpertMatMul(op @ ExpertMatMul { .. }) = node.op else { continue };
        let (x, spec) = (node.inputs[0], graph.weight(op.weight));
        if graph.value(x).width != op.used * spec.cols {
            continue;
        }
        let sum = graph.nodes[index].outputs[0];
        let mut inputs = node.inputs.clone();
        inputs.push(weights);
        dead.push(at);
        // The sum moves to where it is added, after which it may come.
        let added = lookup.readers.get(&sum).and_then(|readers| match readers[..] {
            [reader] if graph.nodes[reader].op == Op::Add => Some(reader),
            _ => None,
        });
        let other = added.and_then(|at| graph.nodes[at].inputs.iter().copied().find(|input| *input != sum));
        let place = match (added, other) {
            (Some(place), Some(other)) => {
                inputs.push(other);
                dead.push(index);
                place
            }
            _ => index,
        };
        graph.nodes[place].op = Op::ExpertSum(op);
        graph.nodes[place].inputs = inputs;
    }
    without(graph, &dead)
}

/// Makes a norm part of the products that read it, where nothing else does.
pub(crate) fn expert_norms(mut graph: Graph) -> Graph {
    let mut dead = Vec::new();
    for index in 0..graph.nodes.len() {
        let Op::RmsNorm(norm) = graph.nodes[index].op else { continue };
        let (x, y) = (graph.nodes[index].inputs[0], graph.nodes[index].outputs[0]);
        let lookup = Lookup::new(&graph);
        let readers = lookup.readers.get(&y).cloned().unwrap_or_default();
        let takes = |reader: &usize| {
            let node = &graph.nodes[*reader];
            let first = node.inputs.first() == Some(&y) && !node.inputs[1..].contains(&y);
            first
                && match &node.op {
                    Op::MatMul(matmul) => matmul.norm.is_none() && matmul.epilogue == Epilogue::Store,
                    Op::GatedExperts(experts) => experts.norm.is_none(),
                    _ => false,
                }
        };
        let whole = norm.weight.is_some() && norm.width == graph.value(y).width;
        if !whole || readers.is_empty() || !readers.iter().all(takes) {
            continue;
        }
        for reader in readers {
            match &mut graph.nodes[reader].op {
                Op::MatMul(matmul) => matmul.norm = Some(norm),
                Op::GatedExperts(experts) => experts.norm = Some(norm),
                _ => {}
            }
            graph.nodes[reader].inputs[0] = x;
        }
        dead.push(index);
    }
    without(graph, &dead)
}
