//! Fusion for backends to which each node is a dispatch, which costs more than the computation for one token.
//!
//! - [`self_attention`]: everything between a layer's projections and the result of its attention becomes one node; the
//!   outputs of the projections become one row.
//! - [`scaled_residuals`]: a product, a factor and the addition of the residual become one node.
//!
//! The other passes: [`crate::fusion::dispatch::experts`] fuses products of experts, [`crate::fusion::dispatch::norms`]
//! fuses norms before additions, and [`crate::fusion::dispatch::parts`] fuses operations on parts of rows.

mod experts;
mod norms;
mod parts;

use std::collections::HashMap;

use crate::fusion::dispatch::experts::{expert_norms, expert_sums, gated_experts};
use crate::fusion::dispatch::norms::{before_products, before_selection, norm_adds};
use crate::fusion::dispatch::parts::{gated_convs, gated_halves, gated_parts};
use crate::fusion::lookup::Lookup;
use crate::ir::{
    Attention, FusedEpilogue, FusedOp, Graph, Node, Norm, Rope, RopeStyle, Scale, SelfAttention, Slice,
    Value, ValueInfo,
};

/// Fuses the result of [`fuse`](crate::fuse()) further. The new graph computes the same values.
pub fn fuse_dispatches(graph: Graph) -> Graph<FusedOp> {
    let graph = with_fused_ops(graph);
    let graph = expert_norms(expert_sums(gated_experts(self_attention(graph))));
    let graph = gated_halves(gated_parts(gated_convs(scaled_residuals(graph))));
    before_products(before_selection(norm_adds(graph)))
}

/// Converts the operations to [`FusedOp`]s.
fn with_fused_ops(graph: Graph) -> Graph<FusedOp> {
    let Graph { weights, values, nodes, kv_layers, states, logits } = graph;
    let fused = |node: Node| {
        let Node { op, inputs, outputs, label } = node;
        Node { op: op.into(), inputs, outputs, label }
    };
    let nodes = nodes.into_iter().map(fused).collect();
    Graph { weights, values, nodes, kv_layers, states, logits }
}

/// Makes `x + factor * product` one node; `fuse` does the same without a factor.
fn scaled_residuals(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    for index in 0..lookup.graph().nodes.len() {
        let Node { op: FusedOp::Add, inputs, outputs, .. } = lookup.node(index) else { continue };
        let [a, b] = inputs[..] else { continue };
        let outputs = outputs.clone();
        let scaled = |scaled: Value, residual: Value| {
            let (scale_at, scale) = lookup.only_for(scaled)?;
            let FusedOp::Scale(Scale { factor, weight: None }) = scale.op else { return None };
            let (at, product) = lookup.only_for(scale.inputs[0])?;
            let FusedOp::MatMul(matmul) = &product.op else { return None };
            let alone = matmul.epilogue == FusedEpilogue::Store && product.outputs.len() == 1;
            (alone && scaled != residual).then_some((factor, residual, [scale_at, at]))
        };
        let Some((factor, residual, nodes)) = scaled(b, a).or_else(|| scaled(a, b)) else { continue };
        // The fused node moves to the addition, so that both inputs are available.
        let mut fused = lookup.node(nodes[1]).clone();
        let FusedOp::MatMul(matmul) = &mut fused.op else { continue };
        matmul.epilogue = FusedEpilogue::Residual { factor };
        fused.inputs.push(residual);
        fused.outputs = outputs;
        lookup.edit(index, |node| *node = fused);
        lookup.remove(nodes);
    }
    lookup.finish()
}

/// The source of a row of queries or keys, and the operations on its heads.
struct Heads {
    source: Value,
    norm: Option<Norm>,
    rope: Option<Rope>,
    /// The nodes in between.
    nodes: Vec<usize>,
}

impl Lookup {
    /// Follows a row of heads back through its rope and its norm.
    fn heads(&self, mut source: Value, head_dim: usize) -> Heads {
        let (mut norm, mut rope, mut nodes) = (None, None, Vec::new());
        if let Some((index, node)) = self.only_for(source)
            && let FusedOp::Rope(turn) = &node.op
        {
            rope = Some(turn.clone());
            source = node.inputs[0];
            nodes.push(index);
        }
        if let Some((index, node)) = self.only_for(source)
            && let FusedOp::RmsNorm(of) = &node.op
            && of.width == head_dim
        {
            norm = Some(*of);
            source = node.inputs[0];
            nodes.push(index);
        }
        Heads { source, norm, rope, nodes }
    }
}

/// The KV cache that a node stores to or attends to.
fn cache_of(node: &Node<FusedOp>) -> Option<usize> {
    match &node.op {
        FusedOp::StoreKv { layer } => Some(*layer),
        FusedOp::Attention(attention) => Some(attention.layer),
        FusedOp::SelfAttention(of) => Some(of.attention.layer),
        _ => None,
    }
}

/// The nodes that become one attention.
struct Found {
    op: SelfAttention,
    /// The three sources, queries first.
    sources: [Value; 3],
    /// The nodes that become part of it.
    dead: Vec<usize>,
}

/// Matches the attention at `index`; `before` is the last earlier node that uses its cache.
fn find(lookup: &Lookup, index: usize, attention: &Attention, before: Option<usize>) -> Option<Found> {
    let store = before.filter(|&before| matches!(lookup.node(before).op, FusedOp::StoreKv { .. }))?;
    let [k, v] = lookup.node(store).inputs[..] else { return None };
    let q = *lookup.node(index).inputs.first()?;
    let [q, k, v] = [q, k, v].map(|value| lookup.heads(value, attention.head_dim));
    if v.rope.is_some() {
        return None;
    }
    let alike = match (&q.rope, &k.rope) {
        (None, None) => true,
        (Some(a), Some(b)) => a.has_same_rotation(b) && a.style == b.style && a.head_dim == b.head_dim,
        _ => false,
    };
    // Kernels for this node read a head in quads.
    let quads = q
        .rope
        .as_ref()
        .is_none_or(|rope| rope.style == RopeStyle::Interleaved || rope.frequencies.len().is_multiple_of(4));
    let mut eps = [q.norm, k.norm, v.norm].into_iter().flatten().map(|norm| norm.eps);
    let alike = alike && quads && eps.next().is_none_or(|first| eps.all(|other| other == first));
    let sources = [q.source, k.source, v.source];
    if !alike || sources.iter().any(|source| lookup.only_for(*source).is_none()) {
        return None;
    }
    let dead = [q.nodes, k.nodes, v.nodes, vec![store]].concat();
    Some(Found {
        op: SelfAttention { norms: [q.norm, k.norm, v.norm], rope: q.rope, attention: *attention },
        sources,
        dead,
    })
}

/// How the three sources are combined in one row.
enum Row {
    /// They are outputs of the matmul at this index; the array has the output of each source.
    Joined(usize, [usize; 3]),
    /// They are slices of this value, made by these nodes.
    Cut(Value, [usize; 3]),
}

fn row(lookup: &Lookup, sources: [Value; 3]) -> Option<Row> {
    let (writer, node) = lookup.only_for(sources[0])?;
    if let FusedOp::MatMul(matmul) = &node.op {
        let place = |source: &Value| node.outputs.iter().position(|output| output == source);
        let order = [place(&sources[0])?, place(&sources[1])?, place(&sources[2])?];
        let fits = matmul.epilogue == FusedEpilogue::Store && node.outputs.len() == 3;
        return fits.then_some(Row::Joined(writer, order));
    }
    let mut end = 0;
    let mut nodes = [0; 3];
    for (source, place) in sources.iter().zip(&mut nodes) {
        let (index, cut) = lookup.only_for(*source)?;
        let FusedOp::Slice(Slice { start, len, stride }) = cut.op else { return None };
        let whole = lookup.graph().value(node.inputs[0]).width == stride;
        if cut.inputs != node.inputs || start != end || !whole {
            return None;
        }
        end += len;
        *place = index;
    }
    (end == lookup.graph().value(node.inputs[0]).width).then_some(Row::Cut(node.inputs[0], nodes))
}

/// Fuses norms of heads, rope, store and attention, if queries, keys and values are in one row or can be.
pub(crate) fn self_attention(graph: Graph<FusedOp>) -> Graph<FusedOp> {
    let mut lookup = Lookup::new(graph);
    // The last node so far that used each cache.
    let mut users = HashMap::new();
    for index in 0..lookup.graph().nodes.len() {
        let Some(cache) = cache_of(lookup.node(index)) else { continue };
        let before = users.insert(cache, index);
        let FusedOp::Attention(attention) = lookup.node(index).op else { continue };
        let Some(found) = find(&lookup, index, &attention, before) else { continue };
        let joined = match row(&lookup, found.sources) {
            None => continue,
            Some(Row::Cut(joined, nodes)) => {
                lookup.remove(nodes);
                joined
            }
            Some(Row::Joined(writer, order)) => {
                let widths = found.sources.map(|source| lookup.graph().value(source).width);
                let rows = lookup.graph().value(found.sources[0]).rows;
                let joined = lookup.new_value(ValueInfo { rows, width: widths.iter().sum() });
                lookup.edit(writer, |node| {
                    if let FusedOp::MatMul(matmul) = &mut node.op {
                        matmul.projections = order.iter().map(|&place| matmul.projections[place]).collect();
                        matmul.epilogue = FusedEpilogue::Joined;
                    }
                    node.outputs = vec![joined];
                });
                joined
            }
        };
        lookup.remove(found.dead);
        lookup.edit(index, |node| {
            node.op = FusedOp::SelfAttention(Box::new(found.op));
            node.inputs = vec![joined];
        });
    }
    lookup.finish()
}

#[cfg(test)]
mod tests {
    use linnet_quant::DType;

    use crate::{Attention, Builder, Graph, Rope, RopeStyle, Value, fuse, fuse_dispatches};

    /// A layer as the models record it, without its feed-forward part; `extra` may read queries, keys and values, too.
    fn layer(extra: impl Fn(&Builder, [Value; 3], Value) -> Value) -> Graph {
        let g = Builder::new();
        let matrix = |name, rows, cols| g.weight(name, DType::F16, rows, cols);
        let vector = |name, len| g.weight(name, DType::F32, 1, len);
        let rope = |x, heads| {
            let style = RopeStyle::Interleaved;
            g.rope(
                x,
                Rope { heads, head_dim: 4, style, frequencies: vec![1.0], factors: None, magnitude: 1.0 },
            )
        };
        let kv = g.kv_layer(1, 4);
        let table = matrix("embd", 16, 8);
        g.label("blk.0");
        let x = g.embed(table);
        let h = g.rms_norm(x, vector("attn_norm", 8), 1e-5);
        let v = g.matmul(matrix("v", 4, 8), h);
        let (q, k) = (g.matmul(matrix("q", 8, 8), h), g.matmul(matrix("k", 4, 8), h));
        let q_norm = g.head_norm(q, Some(vector("q_norm", 4)), 4, 1e-6);
        let k_norm = g.head_norm(k, Some(vector("k_norm", 4)), 4, 1e-6);
        let (turned, k_turned) = (rope(q_norm, 2), rope(k_norm, 1));
        g.store_kv(kv, k_turned, v);
        let y = g.attention(turned, Attention::new(kv, [2, 1], 4, 0.5));
        let x = g.add(x, g.matmul(matrix("o", 8, 8), extra(&g, [q, k, v], y)));
        let logits = g.matmul(table, g.select_rows(x));
        g.finish(logits).unwrap()
    }

    #[test]
    fn heads_store_and_attention_become_one_node() {
        let expected = "\
%0: [n, 8] = embed embd  // blk.0
%14: [n, 16] = matmul %0 norm(attn_norm eps=0.00001) q:F16 k:F16 v:F16 joined  // blk.0
%9: [n, 8] = self_attention %14 layer=0 2/1x4 scale=0.5 q_norm(q_norm eps=0.000001) k_norm(k_norm eps=0.000001) \
rope 2x4 Interleaved  // blk.0
%11: [n, 8] = matmul %9, %0 o:F16 +residual  // blk.0
%12: [m, 8] = select_rows %11  // blk.0
%13: [m, 16] = matmul %12 embd:F16  // blk.0
argmax %13  // output
";
        assert_eq!(fuse_dispatches(fuse(layer(|_, _, y| y))).to_string(), expected);
    }

    #[test]
    fn a_norm_of_values_is_part_of_the_attention() {
        let g = Builder::new();
        let x = g.embed(g.weight("embd", DType::F16, 16, 8));
        let project = |name| g.matmul(g.weight(name, DType::F16, 4, 8), x);
        let (q, k, v) = (project("q"), project("k"), project("v"));
        let kv = g.kv_layer(1, 4);
        g.store_kv(kv, k, g.head_norm(v, None, 4, 1e-6));
        let logits = g.select_rows(g.attention(q, Attention::new(kv, [1, 1], 4, 0.5)));
        let text = fuse_dispatches(fuse(g.finish(logits).unwrap())).to_string();
        assert!(text.contains("= self_attention ") && text.contains(" v_norm(x4 eps=0.000001)"), "{text}");
    }

    #[test]
    fn a_factor_before_a_residual_is_the_products() {
        let g = Builder::new();
        let x = g.embed(g.weight("embd", DType::F16, 16, 8));
        let y = g.scale(g.matmul(g.weight("o", DType::F16, 8, 8), x), 0.7);
        let logits = g.select_rows(g.add(x, y));
        let text = fuse_dispatches(fuse(g.finish(logits).unwrap())).to_string();
        assert!(text.contains(" = matmul %0, %0 o:F16 x0.7 +residual  // "), "{text}");
    }

    #[test]
    fn heads_that_something_else_reads_stay_apart() {
        for which in 0..2 {
            let graph = fuse(layer(|g, qkv, y| {
                g.add(y, if which == 0 { qkv[0] } else { g.matmul(g.weight("w", DType::F16, 8, 4), qkv[2]) })
            }));
            assert_eq!(fuse_dispatches(graph.clone()).to_string(), graph.to_string());
        }
    }
}
