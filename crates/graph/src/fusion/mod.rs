//! Fusion: pure rewrites of a graph into fewer, larger nodes.
//!
//! 1. [`group_projections`]: matmuls of the same input become one node, together with a norm that only they read (q, k,
//!    v; gate and up).
//! 2. [`gate`]: the gated product of two grouped projections becomes their epilogue.
//! 3. [`residual`]: an addition becomes the epilogue of the projection that feeds it.
//! 4. [`scaled_rows`]: a factor of the embeddings becomes part of the embedding.

mod dispatch;
mod lookup;
mod readers;

pub use self::dispatch::fuse_dispatches;
use self::readers::{readers, without, writers};
use crate::ir::{Epilogue, Graph, MatMul, Node, Op, Scale, Value};

/// Applies every fusion to a recorded graph. The result computes the same values.
pub fn fuse(graph: Graph) -> Graph {
    residual(gate(group_projections(scaled_rows(graph))))
}

/// Turns `factor * embed()` into one node, if nothing else reads the rows.
pub(crate) fn scaled_rows(mut graph: Graph) -> Graph {
    let (readers, writers) = (readers(&graph), writers(&graph));
    let mut dead = Vec::new();
    for index in 0..graph.nodes.len() {
        let Op::Scale(Scale { factor: by, weight: None }) = graph.nodes[index].op else { continue };
        let rows = graph.nodes[index].inputs[0];
        let Some(&writer) = writers.get(&rows) else { continue };
        let alone = readers[&rows] == [index];
        if let Op::Embed { table, factor } = graph.nodes[writer].op
            && alone
        {
            graph.nodes[index].op = Op::Embed { table, factor: factor * by };
            graph.nodes[index].inputs.clear();
            dead.push(writer);
        }
    }
    without(graph, &dead)
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

/// Merges the matmuls that read the same value into the first of them, and the norm before them if only they read it.
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
            && norm.weight.is_some()
            && norm.width == graph.value(value).width
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

/// Turns `activation(gate) * up` of one node's two projections into that node's epilogue.
pub(crate) fn gate(mut graph: Graph) -> Graph {
    let (readers, writers) = (readers(&graph), writers(&graph));
    let mut dead = Vec::new();
    for index in 0..graph.nodes.len() {
        let node = graph.nodes[index].clone();
        let Op::Gated(activation) = node.op else { continue };
        let Some(&writer) = writers.get(&node.inputs[0]) else { continue };
        let only_here = node.inputs.iter().all(|v| readers[v] == [index]);
        if !only_here || graph.nodes[writer].outputs != node.inputs {
            continue;
        }
        if let Op::MatMul(matmul) = &mut graph.nodes[writer].op
            && matmul.epilogue == Epilogue::Store
        {
            matmul.epilogue = Epilogue::Gated(activation);
            graph.nodes[writer].outputs = node.outputs;
            dead.push(index);
        }
    }
    without(graph, &dead)
}

/// Turns `add(x, matmul(w, y))` into the matmul's epilogue. The node moves to the addition, so that both inputs are
/// available.
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

#[cfg(test)]
mod tests {
    use linnet_quant::DType;

    use crate::{Attention, Builder, Graph, Rope, RopeStyle, fuse};

    /// One decoder layer as the models record it.
    fn layer() -> Graph {
        let g = Builder::new();
        let vector = |name| g.weight(name, DType::F32, 1, 8);
        let matrix = |name, rows, cols| g.weight(name, DType::F16, rows, cols);
        let rope = |heads| {
            let style = RopeStyle::Halves;
            Rope { heads, head_dim: 4, style, frequencies: vec![1.0, 0.1], factors: None, magnitude: 1.0 }
        };
        let kv = g.kv_layer(1, 4);
        let table = matrix("embd", 16, 8);
        g.label("blk.0");
        let x = g.embed(table);
        let h = g.rms_norm(x, vector("attn_norm"), 1e-5);
        let q = g.rope(g.matmul(matrix("q", 8, 8), h), rope(2));
        let k = g.rope(g.matmul(matrix("k", 4, 8), h), rope(1));
        let v = g.matmul(matrix("v", 4, 8), h);
        g.store_kv(kv, k, v);
        let attention = Attention::new(kv, [2, 1], 4, 0.5);
        let x = g.add(x, g.matmul(matrix("o", 8, 8), g.attention(q, attention)));
        let h = g.rms_norm(x, vector("ffn_norm"), 1e-5);
        let h = g.swiglu(g.matmul(matrix("gate", 12, 8), h), g.matmul(matrix("up", 12, 8), h));
        let x = g.add(x, g.matmul(matrix("down", 8, 12), h));
        let logits = g.matmul(table, g.rms_norm(g.select_rows(x), vector("norm"), 1e-5));
        g.finish(logits).unwrap()
    }

    #[test]
    fn a_layer_becomes_seven_nodes() {
        let expected = "\
%0: [n, 8] = embed embd  // blk.0
%2, %4, %6: [n, 8 | 4 | 4] = matmul %0 norm(attn_norm eps=0.00001) q:F16 k:F16 v:F16  // blk.0
%3: [n, 8] = rope %2 2x4 Halves  // blk.0
%5: [n, 4] = rope %4 1x4 Halves  // blk.0
store_kv %5, %6 layer=0  // blk.0
%7: [n, 8] = attention %3 layer=0 2/1x4 scale=0.5  // blk.0
%9: [n, 8] = matmul %7, %0 o:F16 +residual  // blk.0
%13: [n, 12] = matmul %9 norm(ffn_norm eps=0.00001) gate:F16 up:F16 gated(Silu)  // blk.0
%15: [n, 8] = matmul %13, %9 down:F16 +residual  // blk.0
%16: [m, 8] = select_rows %15  // blk.0
%18: [m, 16] = matmul %16 norm(norm eps=0.00001) embd:F16  // blk.0
argmax %18  // output
";
        assert_eq!(fuse(layer()).to_string(), expected);
    }

    #[test]
    fn rows_of_the_table_are_scaled_as_they_are_gathered() {
        let g = Builder::new();
        let table = g.weight("embd", DType::F32, 16, 8);
        let x = g.scale(g.embed(table), 0.5);
        let logits = g.matmul(table, g.select_rows(x));
        let text = fuse(g.finish(logits).unwrap()).to_string();
        assert!(text.starts_with("%1: [n, 8] = embed embd x0.5  // \n%2: [m, 8] = select_rows %1"), "{text}");
    }

    #[test]
    fn what_something_else_reads_is_not_fused_away() {
        let g = Builder::new();
        let table = g.weight("embd", DType::F32, 16, 8);
        let norm = g.weight("norm", DType::F32, 1, 8);
        let square = g.weight("w", DType::F32, 8, 8);
        let x = g.embed(table);
        let h = g.rms_norm(x, norm, 1e-5);
        let y = g.matmul(square, h);
        // `h` and `y` are both read again, so neither the norm nor the addition may disappear into the matmul.
        let z = g.add(g.add(y, h), y);
        let logits = g.matmul(table, g.select_rows(z));
        let recorded = g.finish(logits).unwrap();
        assert_eq!(fuse(recorded.clone()), recorded);
    }
}
