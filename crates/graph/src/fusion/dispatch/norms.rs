//! Fuses norms whose result is added to the residual stream, for backends to which each node is a dispatch.
//!
//! 1. [`norm_adds`]: such a norm, the addition and a scale from the file become one node.
//! 2. [`before_selection`]: if only some rows of the sum are read, they are selected from the addends.
//! 3. [`before_products`]: that node becomes part of the product that reads the sum next.

use crate::fusion::lookup::Lookup;
use crate::ir::{FusedEpilogue, FusedMatMul, FusedOp, Graph, Node, NormAdd, Scale, Value, WeightId};

/// Fuses `residual + norm(x)`.
pub(crate) fn norm_adds(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        let Node { op: FusedOp::Add, inputs, .. } = lookup.node(index) else { continue };
        let [a, b] = inputs[..] else { continue };
        let norm = |normed: Value, residual: Value| {
            let (at, node) = lookup.only_for(normed)?;
            let FusedOp::RmsNorm(norm) = node.op else { return None };
            let whole = norm.weight.is_some() && norm.width == lookup.graph().value(normed).width;
            (whole && normed != residual).then(|| (at, norm, vec![node.inputs[0], residual]))
        };
        let Some((at, norm, inputs)) = norm(b, a).or_else(|| norm(a, b)) else { continue };
        let scaled = scaled(&lookup, lookup.node(index).outputs[0]);
        lookup.edit(index, |node| {
            if let Some((_, _, output)) = scaled {
                node.outputs = vec![output];
            }
            node.op = FusedOp::NormAdd(NormAdd { norm, scale: scaled.map(|(_, scale, _)| scale) });
            node.inputs = inputs;
        });
        lookup.remove(scaled.map(|(at, ..)| at).into_iter().chain([at]));
    }
    lookup.finish()
}

/// The node that multiplies a value by a number from the file, that number, and the product. `None` if something else
/// reads the value.
fn scaled(lookup: &Lookup, value: Value) -> Option<(usize, WeightId, Value)> {
    let [at] = *lookup.readers(value) else { return None };
    let node = lookup.node(at);
    match node.op {
        FusedOp::Scale(Scale { factor: 1.0, weight: Some(scale) }) => Some((at, scale, node.outputs[0])),
        _ => None,
    }
}

/// Selects the rows of the addends instead of those of the sum, if nothing else reads the sum.
pub(crate) fn before_selection(mut graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut index = 0;
    // A model selects rows once, so the lookup is only built there and not for each node.
    while let Some(next) = graph.nodes[index..].iter().position(|node| node.op == FusedOp::SelectRows) {
        index += next;
        let mut lookup = Lookup::new(graph);
        let selection = lookup.node(index).clone();
        let sum = match lookup.only_for(selection.inputs[0]) {
            Some((at, Node { op: FusedOp::NormAdd(add), inputs, .. })) => Some((at, *add, inputs.clone())),
            _ => None,
        };
        let Some((at, add, inputs)) = sum else {
            graph = lookup.finish();
            index += 1;
            continue;
        };
        let rows = lookup.graph().value(selection.outputs[0]);
        let selected = [(); 2].map(|()| lookup.new_value(rows));
        graph = lookup.finish();
        let select = |which: usize| Node {
            inputs: vec![inputs[which]],
            outputs: vec![selected[which]],
            ..selection.clone()
        };
        let sum = Node { op: FusedOp::NormAdd(add), inputs: selected.to_vec(), ..selection.clone() };
        graph.nodes.splice(index..=index, [select(0), select(1), sum]);
        graph.nodes.remove(at);
    }
    graph
}

/// Makes a sum part of the product that is its first reader.
pub(crate) fn before_products(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        let Node { op: FusedOp::NormAdd(add), inputs, outputs, .. } = lookup.node(index) else { continue };
        let (add, inputs, sum) = (*add, inputs.clone(), outputs[0]);
        let Some(&first) = lookup.readers(sum).first() else { continue };
        let product = lookup.node(first);
        let FusedOp::MatMul(matmul) = &product.op else { continue };
        if product.inputs != [sum] || !takes_sum(matmul) {
            continue;
        }
        lookup.edit(first, |product| {
            if let FusedOp::MatMul(matmul) = &mut product.op {
                matmul.fused_add_norm = Some(add);
            }
            product.inputs = inputs;
            product.outputs.push(sum);
        });
        lookup.remove([index]);
    }
    lookup.finish()
}

fn takes_sum(matmul: &FusedMatMul) -> bool {
    matmul.fused_add_norm.is_none()
        && !matches!(matmul.epilogue, FusedEpilogue::Residual { .. })
        && matmul.projections.iter().all(|projection| projection.bias.is_none())
}

#[cfg(test)]
mod tests {
    use linnet_quant::DType;

    use crate::{Activation, Builder, Graph, fuse, fuse_dispatches};

    /// Two parts with norms around them, and a head; optionally something else reads the first sum.
    fn parts(read_early: bool) -> Graph {
        let g = Builder::new();
        let vector = |name| g.weight(name, DType::F32, 1, 8);
        let matrix = |name| g.weight(name, DType::F16, 8, 8);
        let table = g.weight("embd", DType::F16, 16, 8);
        g.label("blk.0");
        let x = g.embed(table);
        let y = g.rms_norm(g.matmul(matrix("o"), x), vector("post"), 1e-6);
        let mut x = g.add(y, x);
        if read_early {
            x = g.add(x, g.soft_cap(x, Some(3.0)));
        }
        let h = g.rms_norm(x, vector("pre"), 1e-6);
        let y = g.gated(Activation::Gelu, g.matmul(matrix("gate"), h), g.matmul(matrix("up"), h));
        let y = g.rms_norm(g.matmul(matrix("down"), y), vector("post_2"), 1e-6);
        let x = g.add(x, y);
        let logits = g.matmul(table, g.rms_norm(g.select_rows(x), vector("norm"), 1e-6));
        g.finish(logits).unwrap()
    }

    #[test]
    fn products_take_the_sums_before_them() {
        let expected = "\
%0: [n, 8] = embed embd  // blk.0
%1: [n, 8] = matmul %0 o:F16  // blk.0
%7, %3: [n, 8 | 8] = matmul %1, %0 add_norm(post eps=0.000001) norm(pre eps=0.000001) gate:F16 up:F16 gated(Gelu)  \
// blk.0
%8: [n, 8] = matmul %7 down:F16  // blk.0
%14: [m, 8] = select_rows %8  // blk.0
%15: [m, 8] = select_rows %3  // blk.0
%13, %11: [m, 16 | 8] = matmul %14, %15 add_norm(post_2 eps=0.000001) norm(norm eps=0.000001) embd:F16  // blk.0
argmax %13  // output
";
        assert_eq!(fuse_dispatches(fuse(parts(false))).to_string(), expected);
    }

    #[test]
    fn a_scale_of_the_sum_is_part_of_it() {
        let g = Builder::new();
        let vector = |name, len| g.weight(name, DType::F32, 1, len);
        let table = g.weight("embd", DType::F16, 16, 8);
        let x = g.embed(table);
        let y = g.rms_norm(g.matmul(g.weight("o", DType::F16, 8, 8), x), vector("post", 8), 1e-6);
        let x = g.scale_by(g.add(x, y), Some(vector("factor", 1)));
        let logits = g.matmul(table, g.select_rows(x));
        let text = fuse_dispatches(fuse(g.finish(logits).unwrap())).to_string();
        assert!(text.contains(" add_norm(post eps=0.000001 x factor) embd:F16"), "{text}");
    }

    #[test]
    fn what_something_else_reads_first_is_one_sum() {
        let text = fuse_dispatches(fuse(parts(true))).to_string();
        let line = "%3: [n, 8] = norm_add %1, %0 post eps=0.000001  // blk.0";
        assert!(text.lines().any(|other| other == line), "{text}");
    }
}
