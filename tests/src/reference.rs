//! A naive interpreter: runs a recorded graph node by node with the oracles.

use std::collections::HashMap;

use linnet_graph::{Activation, Epilogue, Gating, Graph, KvFormat, Op, RopeStyle, Rows, Value, WeightId};
use linnet_quant::dequantize;
use linnet_shaders::oracle;

/// A recorded (not fused) graph with decoded weights and f32 caches.
pub(crate) struct Reference<'a> {
    graph: &'a Graph,
    weights: Vec<Vec<f32>>,
    /// Keys and values of each layer, `[context, kv_heads * head_dim]`.
    caches: Vec<[Vec<f32>; 2]>,
    /// Recurrent states.
    states: Vec<Vec<f64>>,
    context: usize,
    /// Rounding of the caches' elements.
    kv: KvFormat,
}

impl<'a> Reference<'a> {
    /// `bytes` are the weights as stored in a file.
    pub(crate) fn new(graph: &'a Graph, bytes: &[Vec<u8>], context: usize, kv: KvFormat) -> Self {
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
            states: graph.states.iter().map(|&len| vec![0.0; len]).collect(),
            context,
            kv,
        }
    }

    fn weight(&self, id: WeightId) -> &[f32] {
        &self.weights[id.0 as usize]
    }

    /// The logits of the last `rows` of `tokens`.
    pub(crate) fn run(&mut self, tokens: &[u32], position: usize, rows: usize) -> Vec<f32> {
        let graph = self.graph;
        if position == 0 {
            self.states.iter_mut().for_each(|state| state.fill(0.0));
        }
        let mut values: HashMap<Value, Vec<f32>> = HashMap::new();
        for node in &graph.nodes {
            let input = |i: usize| -> &[f32] { &values[&node.inputs[i]] };
            let result = match &node.op {
                Op::Embed { table, factor } => {
                    let rows = oracle::embed(self.weight(*table), graph.weight(*table).cols, tokens);
                    rows.into_iter().map(|value| value * factor).collect()
                }
                Op::RmsNorm(norm) => {
                    let weight = norm.weight.map(|weight| self.weight(weight));
                    oracle::rms_norm(input(0), weight, norm.width, norm.eps)
                }
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
                    rope.factors.map(|factors| self.weight(factors.of_context(self.context))),
                    rope.magnitude,
                    position,
                ),
                Op::StoreKv { layer } => {
                    let width = graph.kv_layers[*layer].kv_heads * graph.kv_layers[*layer].head_dim;
                    let [keys, values] = &mut self.caches[*layer];
                    for (cache, x) in [(keys, input(0)), (values, input(1))] {
                        match self.kv {
                            KvFormat::F16 | KvFormat::F32 => oracle::store_kv(cache, x, width, position),
                            KvFormat::Q8_0 => {
                                let kept = oracle::through_q8_0(x, graph.kv_layers[*layer].head_dim);
                                oracle::store_kv(cache, &kept, width, position);
                            }
                        }
                    }
                    continue;
                }
                Op::Attention(a) => {
                    let [keys, values] = &self.caches[a.layer];
                    let (heads, kv_heads, head_dim) = (a.heads, a.kv_heads, a.head_dim);
                    let special = oracle::Special {
                        soft_cap: a.soft_cap,
                        window: a.window,
                        sinks: a.sinks.map(|sinks| self.weight(sinks)),
                        temperature: a.temperature.map(|t| (t.scale, t.period)),
                    };
                    let q = input(0);
                    oracle::attention(q, keys, values, heads, kv_heads, head_dim, a.scale, position, special)
                }
                Op::Add => oracle::add(input(0), input(1)),
                Op::Gated(activation) => oracle::gated(as_oracle(*activation), input(0), input(1)),
                Op::Scale(scale) => {
                    let weight = scale.weight.map_or(1.0, |weight| self.weight(weight)[0]);
                    oracle::scale(input(0), scale.factor, weight)
                }
                Op::SoftCap(cap) => oracle::soft_cap(input(0), *cap),
                Op::Slice(slice) => oracle::slice(input(0), slice.start, slice.len, slice.stride),
                Op::Router(r) => {
                    let gating = match r.gating {
                        Gating::Softmax => oracle::Gating::Softmax,
                        Gating::Sigmoid => oracle::Gating::Sigmoid,
                        Gating::SoftmaxOfChosen => oracle::Gating::SoftmaxOfChosen,
                    };
                    let bias = r.bias.map(|bias| self.weight(bias));
                    let (ids, weights) =
                        oracle::router(input(0), r.experts, r.used, gating, bias, r.normalize, r.scale);
                    values.insert(node.outputs[1], weights);
                    ids
                }
                Op::ExpertMatMul(m) => {
                    let spec = graph.weight(m.weight);
                    let (w, bias) = (self.weight(m.weight), m.bias.map(|bias| self.weight(bias)));
                    let outputs = spec.rows / m.experts;
                    oracle::expert_matmul(input(0), input(1), w, bias, m.used, outputs, spec.cols)
                }
                Op::WeightedSum => {
                    let used = graph.value(node.inputs[1]).width;
                    oracle::weighted_sum(input(0), input(1), used)
                }
                Op::Conv(c) => {
                    let channels = graph.value(node.inputs[0]).width;
                    let mut state: Vec<f32> = self.states[c.state].iter().map(|v| *v as f32).collect();
                    let y =
                        oracle::conv(&mut state, input(0), self.weight(c.kernel), channels, c.taps, c.silu);
                    self.states[c.state] = state.into_iter().map(f64::from).collect();
                    y
                }
                Op::DeltaNet(d) => {
                    let mut state = std::mem::take(&mut self.states[d.state]);
                    let (a, dt_bias) = (self.weight(d.a), self.weight(d.dt_bias));
                    let (qkv, beta, alpha) = (input(0), input(1), input(2));
                    let y = oracle::delta_net(
                        &mut state,
                        qkv,
                        beta,
                        alpha,
                        a,
                        dt_bias,
                        d.key_heads,
                        d.value_heads,
                        d.head_dim,
                        d.eps,
                    );
                    self.states[d.state] = state;
                    y
                }
                Op::SelectRows => oracle::select_rows(input(0), graph.value(node.inputs[0]).width, rows),
                Op::Argmax => continue,
            };
            values.insert(node.outputs[0], result);
        }
        assert_eq!(graph.value(graph.logits).rows, Rows::Logits);
        values.remove(&graph.logits).expect("the graph computes its logits")
    }
}

fn as_oracle(activation: Activation) -> oracle::Activation {
    match activation {
        Activation::Identity => oracle::Activation::Identity,
        Activation::Silu => oracle::Activation::Silu,
        Activation::Gelu => oracle::Activation::Gelu,
        Activation::Relu2 => oracle::Activation::Relu2,
        Activation::Sigmoid => oracle::Activation::Sigmoid,
        Activation::ClampedSwiGlu => oracle::Activation::ClampedSwiGlu,
    }
}
