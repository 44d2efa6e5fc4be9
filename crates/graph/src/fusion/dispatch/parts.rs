//! Fuses operations on parts of rows, for backends to which each node is a dispatch.
//!
//! 1. [`gated_convs`]: a short convolution and the products before and after it become one node.
//! 2. [`gated_parts`]: the gated product of two parts, or of a part and another row, becomes one node.
//! 3. [`gated_halves`]: the gated product of the two halves of a matrix product becomes part of it.

use crate::fusion::lookup::Lookup;
use crate::ir::{
    Activation, Conv, FusedEpilogue, FusedOp, GatedConv, GatedParts, Graph, Node, Projection, Slice, Value,
};

/// Fuses `after * conv(before * x)`, where all three are parts of one row.
pub(crate) fn gated_convs(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        if lookup.node(index).op != FusedOp::Gated(Activation::Identity) {
            continue;
        }
        let Some((row, op, nodes)) = find(&lookup, index) else { continue };
        lookup.edit(index, |node| {
            node.op = FusedOp::GatedConv(op);
            node.inputs = vec![row];
        });
        lookup.remove(nodes);
    }
    lookup.finish()
}

/// Fuses the gated product of two parts of a row, or of two rows.
pub(crate) fn gated_parts(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        let FusedOp::Gated(activation) = lookup.node(index).op else { continue };
        let [gate, up] = lookup.node(index).inputs[..] else { continue };
        let parts = [gate, up].map(|value| part(&lookup, value));
        if parts.iter().all(Option::is_none) {
            continue;
        }
        let place =
            |part: &Option<Part>, whole| part.as_ref().map_or((whole, 0), |part| (part.row, part.start));
        let ((gate, at), (up, up_at)) = (place(&parts[0], gate), place(&parts[1], up));
        lookup.edit(index, |node| {
            node.inputs = if gate == up { vec![gate] } else { vec![gate, up] };
            node.op = FusedOp::GatedParts(GatedParts { activation, gate: at, up: up_at });
        });
        lookup.remove(parts.iter().flatten().map(|part| part.node));
    }
    lookup.finish()
}

/// Makes the gated product of a row's halves the epilogue of the matmul that computes the row.
pub(crate) fn gated_halves(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        let FusedOp::GatedParts(GatedParts { activation, gate: 0, up }) = lookup.node(index).op else {
            continue;
        };
        let [row] = lookup.node(index).inputs[..] else { continue };
        let Some((at, Node { op: FusedOp::MatMul(matmul), .. })) = lookup.only_for(row) else { continue };
        let plain = matches!(matmul.projections[..], [Projection { bias: None, .. }]);
        if !plain || matmul.epilogue != FusedEpilogue::Store || lookup.graph().value(row).width != 2 * up {
            continue;
        }
        let outputs = lookup.node(index).outputs.clone();
        lookup.edit(at, |node| {
            if let FusedOp::MatMul(matmul) = &mut node.op {
                matmul.epilogue = FusedEpilogue::GatedHalves(activation);
            }
            node.outputs = outputs;
        });
        lookup.remove([index]);
    }
    lookup.finish()
}

/// A part of a row, read by only one node.
struct Part {
    row: Value,
    start: usize,
    /// The index of the node that slices it.
    node: usize,
}

fn part(lookup: &Lookup, value: Value) -> Option<Part> {
    let (node, cut) = lookup.only_for(value)?;
    let FusedOp::Slice(Slice { start, stride, .. }) = cut.op else { return None };
    let row = cut.inputs[0];
    (lookup.graph().value(row).width == stride).then_some(Part { row, start, node })
}

/// The row, the fused operation, and the nodes that it replaces, for the product at `index`.
fn find(lookup: &Lookup, index: usize) -> Option<(Value, GatedConv, Vec<usize>)> {
    let [a, b] = lookup.node(index).inputs[..] else { return None };
    let conv = |value: Value, other: Value| -> Option<(usize, Conv, Value, Value)> {
        let (at, node) = lookup.only_for(value)?;
        let FusedOp::Conv(conv) = node.op else { return None };
        Some((at, conv, node.inputs[0], other))
    };
    let (conv_at, conv, product, after) = conv(b, a).or_else(|| conv(a, b))?;
    let (product_at, product) = lookup.only_for(product)?;
    let [before, x] = product.inputs[..] else { return None };
    if product.op != FusedOp::Gated(Activation::Identity) {
        return None;
    }
    let mut nodes = vec![conv_at, product_at];
    let [before, x, after] = [before, x, after].map(|value| part(lookup, value));
    let (before, x, after) = (before?, x?, after?);
    if before.row != x.row || after.row != x.row {
        return None;
    }
    nodes.extend([before.node, x.node, after.node]);
    Some((x.row, GatedConv { conv, before: before.start, x: x.start, after: after.start }, nodes))
}

#[cfg(test)]
mod tests {
    use linnet_quant::DType;

    use crate::{Builder, Graph, fuse_dispatches};

    fn convolution(read_again: bool) -> Graph {
        let g = Builder::new();
        let kernel = g.weight("conv", DType::F32, 4, 3);
        let row = g.embed(g.weight("embd", DType::F32, 16, 12));
        let part = |which: usize| g.slice(row, which * 4, 4);
        let (b, c, x) = (part(0), part(1), part(2));
        let y = g.multiply(c, g.conv(g.multiply(b, x), kernel, false));
        let y = if read_again { g.add(y, x) } else { y };
        let logits = g.select_rows(y);
        g.finish(logits).unwrap()
    }

    #[test]
    fn a_convolution_takes_and_gives_products() {
        let expected = "\
%0: [n, 12] = embed embd  // \n%6: [n, 4] = gated_conv %0 conv state=0 parts 0, 8, 4  // \n";
        let text = fuse_dispatches(convolution(false)).to_string();
        assert!(text.starts_with(expected), "{text}");
        let again = fuse_dispatches(convolution(true)).to_string();
        assert!(again.contains(" = conv %") && !again.contains("gated_conv"), "{again}");
    }

    #[test]
    fn a_gated_product_takes_parts_of_a_row() {
        let g = Builder::new();
        let row = g.embed(g.weight("embd", DType::F32, 16, 12));
        let y = g.swiglu(g.slice(row, 0, 6), g.slice(row, 6, 6));
        let logits = g.select_rows(y);
        let text = fuse_dispatches(g.finish(logits).unwrap()).to_string();
        assert!(text.contains("\n%3: [n, 6] = gated_parts %0 Silu of 0, 6  // \n"), "{text}");
    }

    #[test]
    fn a_product_gives_the_gated_product_of_its_halves() {
        let fused = |up: usize, len: usize, again: bool| {
            let g = Builder::new();
            let x = g.embed(g.weight("embd", DType::F32, 16, 8));
            let row = g.matmul(g.weight("up", DType::F16, 12, 8), x);
            let y = g.swiglu(g.slice(row, 0, len), g.slice(row, up, len));
            let y = if again { g.add(y, g.slice(row, 0, len)) } else { y };
            let logits = g.select_rows(y);
            fuse_dispatches(g.finish(logits).unwrap()).to_string()
        };
        let text = fused(6, 6, false);
        assert!(text.contains("\n%4: [n, 6] = matmul %0 up:F16 gated halves(Silu)  // \n"), "{text}");
        for text in [fused(4, 4, false), fused(6, 6, true)] {
            assert!(!text.contains("halves"), "{text}");
        }
    }

    #[test]
    fn a_gated_product_takes_a_part_of_another_row() {
        let g = Builder::new();
        let row = g.embed(g.weight("embd", DType::F32, 16, 12));
        let gate = g.matmul(g.weight("gate", DType::F32, 4, 12), row);
        let y = g.swiglu(gate, g.slice(row, 8, 4));
        let logits = g.select_rows(y);
        let text = fuse_dispatches(g.finish(logits).unwrap()).to_string();
        assert!(text.contains("\n%3: [n, 4] = gated_parts %1, %0 Silu of 0, 8  // \n"), "{text}");
    }
}
