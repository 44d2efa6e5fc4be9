//! The naive interpreter: a recorded graph, node by node, through the oracles.

use std::collections::HashMap;

use linnet_graph::{Epilogue, Graph, Op, RopeStyle, Rows, Value, WeightId};
use linnet_quant::dequantize;
use linnet_shaders::oracle;

/// A recorded (not fused) graph with decoded weights and f32 caches.
pub(crate) struct Reference<'a> {
    graph: &'a Graph,
    weights: Vec<Vec<f32>>,
    /// Keys and values of each layer, `[context, kv_heads * head_dim]`.
    caches: Vec<[Vec<f32>; 2]>,
}

impl<'a> Reference<'a> {
    /// `bytes` are the weights as a file holds them.
    pub(crate) fn new(graph: &'a Graph, bytes: &[Vec<u8>], context: usize) -> Self {
        let decode = |(spec, bytes): (&linnet_graph::WeightSpec, &Vec<u8>)| {
            let mut values = vec![0.0; spec.rows * spec.cols];
            dequantize(spec.dtype, bytes, &mut values).expect("a whole number of blocks");
            values
        };
        let cache = |layer: &linnet_graph::KvLayer| {
            [(); 2].map(|()| vec![0.0; context * layer.kv_heads * layer.head_dim])
        };
        Reference {
            graph,
            weights: graph.weights.iter().zip(bytes).map(decode).collect(),
            caches: graph.kv_layers.iter().map(cache).collect(),
        }
    }

    fn weight(&self, id: WeightId) -> &[f32] {
        &self.weights[id.0 as usize]
    }

    /// The logits of the last `rows` of `tokens`.
    pub(crate) fn run(&mut self, tokens: &[u32], position: usize, rows: usize) -> Vec<f32> {
        let graph = self.graph;
        let mut values: HashMap<Value, Vec<f32>> = HashMap::new();
        for node in &graph.nodes {
            let input = |i: usize| -> &[f32] { &values[&node.inputs[i]] };
            let result = match &node.op {
                Op::Embed { table } => oracle::embed(self.weight(*table), graph.weight(*table).cols, tokens),
                Op::RmsNorm(norm) => oracle::rms_norm(input(0), self.weight(norm.weight), norm.eps),
                Op::MatMul(m) => {
                    let plain = m.norm.is_none() && m.epilogue == Epilogue::Store;
                    let [projection] = m.projections[..] else {
                        panic!("the reference runs recorded graphs")
                    };
                    assert!(plain, "the reference runs recorded graphs");
                    let bias = projection.bias.map(|bias| self.weight(bias));
                    let inputs = graph.weight(projection.weight).cols;
                    oracle::matmul(input(0), self.weight(projection.weight), bias, inputs)
                }
                Op::Rope(rope) => oracle::rope(
                    input(0),
                    rope.heads,
                    rope.head_dim,
                    rope.style == RopeStyle::Halves,
                    &rope.frequencies,
                    rope.factors.map(|factors| self.weight(factors)),
                    position,
                ),
                Op::StoreKv { layer } => {
                    let width = graph.kv_layers[*layer].kv_heads * graph.kv_layers[*layer].head_dim;
                    let [keys, values] = &mut self.caches[*layer];
                    oracle::store_kv(keys, input(0), width, position);
                    oracle::store_kv(values, input(1), width, position);
                    continue;
                }
                Op::Attention(a) => {
                    let [keys, values] = &self.caches[a.layer];
                    let (heads, kv_heads, head_dim) = (a.heads, a.kv_heads, a.head_dim);
                    oracle::attention(input(0), keys, values, heads, kv_heads, head_dim, a.scale, position)
                }
                Op::Add => oracle::add(input(0), input(1)),
                Op::SwiGlu => oracle::swiglu(input(0), input(1)),
                Op::SelectRows => oracle::select_rows(input(0), graph.value(node.inputs[0]).width, rows),
                Op::Argmax => continue,
            };
            values.insert(node.outputs[0], result);
        }
        assert_eq!(graph.value(graph.logits).rows, Rows::Logits);
        values.remove(&graph.logits).expect("the graph computes its logits")
    }
}
