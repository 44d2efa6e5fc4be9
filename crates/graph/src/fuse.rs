//! Fusion: pure rewrites of a graph into fewer, larger nodes.
//!
//! 1. [`group_projections`]: matmuls of one input become one node, and a norm that only they read joins it (q, k, v;
//!    gate and up).
//! 2. [`gate`]: the SwiGLU of two grouped projections becomes their epilogue.
//! 3. [`residual`]: an addition becomes the epilogue of the projection that feeds it.

use std::collections::HashMap;

use crate::op::{Epilogue, Graph, MatMul, Node, Op, Value};

/// Applies every fusion to a recorded graph. The result computes the same values.
pub fn fuse(graph: Graph) -> Graph {
    residual(gate(group_projections(graph)))
}

/// The nodes that read each value.
fn readers(graph: &Graph) -> HashMap<Value, Vec<usize>> {
    let mut readers: HashMap<Value, Vec<usize>> = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for input in &node.inputs {
            readers.entry(*input).or_default().push(index);
        }
    }
    readers
}

/// The node that writes each value.
fn writers(graph: &Graph) -> HashMap<Value, usize> {
    let outputs =
        |(index, node): (usize, &Node)| node.outputs.iter().map(move |o| (*o, index)).collect::<Vec<_>>();
    graph.nodes.iter().enumerate().flat_map(outputs).collect()
}

fn without(mut graph: Graph, dead: &[usize]) -> Graph {
    let mut index = 0;
    graph.nodes.retain(|_| {
        index += 1;
        !dead.contains(&(index - 1))
    });
    graph
}

/// A recorded matmul, not yet fused with anything.
fn plain(node: &Node) -> Option<&MatMul> {
    match &node.op {
        Op::MatMul(m) if m.norm.is_none() && m.projections.len() == 1 && m.epilogue == Epilogue::Store => {
            Some(m)
        }
        _ => None,
    }
}

/// Joins the matmuls that read the same value into the first of them, and the norm before them where nothing else
/// reads it.
pub(crate) fn group_projections(mut graph: Graph) -> Graph {
    let (readers, writers) = (readers(&graph), writers(&graph));
    let mut dead = Vec::new();
    for value in (0..graph.values.len() as u32).map(Value) {
        let Some(users) = readers.get(&value) else { continue };
        let group: Vec<usize> = users.iter().copied().filter(|&u| plain(&graph.nodes[u]).is_some()).collect();
        let Some((&first, rest)) = group.split_first() else { continue };

        for &other in rest {
            let node = graph.nodes[other].clone();
            let Op::MatMul(matmul) = node.op else { continue };
            let Op::MatMul(target) = &mut graph.nodes[first].op else { continue };
            target.projections.extend(matmul.projections);
            graph.nodes[first].outputs.extend(node.outputs);
            dead.push(other);
        }
        let Some(&writer) = writers.get(&value) else { continue };
        if let Op::RmsNorm(norm) = graph.nodes[writer].op
            && group.len() == users.len()
        {
            let x = graph.nodes[writer].inputs[0];
            if let Op::MatMul(target) = &mut graph.nodes[first].op {
                target.norm = Some(norm);
                graph.nodes[first].inputs[0] = x;
                dead.push(writer);
            }
        }
    }
    without(graph, &dead)
}

/// Turns `swiglu(gate, up)` of one node's two projections into that node's epilogue.
pub(crate) fn gate(mut graph: Graph) -> Graph {
    let (readers, writers) = (readers(&graph), writers(&graph));
    let mut dead = Vec::new();
    for index in 0..graph.nodes.len() {
        let node = graph.nodes[index].clone();
        if node.op != Op::SwiGlu {
            continue;
        }
        let Some(&writer) = writers.get(&node.inputs[0]) else { continue };
        let only_here = node.inputs.iter().all(|v| readers[v] == [index]);
        if !only_here || graph.nodes[writer].outputs != node.inputs {
            continue;
        }
        if let Op::MatMul(matmul) = &mut graph.nodes[writer].op
            && matmul.epilogue == Epilogue::Store
        {
            matmul.epilogue = Epilogue::SwiGlu;
            graph.nodes[writer].outputs = node.outputs;
            dead.push(index);
        }
    }
    without(graph, &dead)
}

/// Turns `add(x, matmul(w, y))` into the matmul's epilogue. The node moves to the place of the addition, where both
/// its inputs are written.
pub(crate) fn residual(mut graph: Graph) -> Graph {
    let (readers, writers) = (readers(&graph), writers(&graph));
    let mut dead = Vec::new();
    for index in 0..graph.nodes.len() {
        let node = graph.nodes[index].clone();
        if node.op != Op::Add || node.inputs[0] == node.inputs[1] {
            continue;
        }
        let fusible = |product: Value| {
            let writer = *writers.get(&product)?;
            let alone = readers[&product] == [index] && graph.nodes[writer].outputs == [product];
            match &graph.nodes[writer].op {
                Op::MatMul(m) if alone && m.epilogue == Epilogue::Store => Some(writer),
                _ => None,
            }
        };
        let (writer, other) = match (fusible(node.inputs[1]), fusible(node.inputs[0])) {
            (Some(writer), _) => (writer, node.inputs[0]),
            (None, Some(writer)) => (writer, node.inputs[1]),
            (None, None) => continue,
        };
        let mut fused = graph.nodes[writer].clone();
        if let Op::MatMul(matmul) = &mut fused.op {
            matmul.epilogue = Epilogue::Residual;
            fused.inputs.push(other);
            fused.outputs = node.outputs;
            graph.nodes[index] = fused;
            dead.push(writer);
        }
    }
    without(graph, &dead)
}
