//! A recorded model.

use crate::ir::kv_layer::KvLayer;
use crate::ir::ops::Op;
use crate::ir::options::CompileOptions;
use crate::ir::value::{Value, ValueInfo, WeightId};
use crate::ir::weight::WeightSpec;

/// One operation with the activations it reads and writes; an [`Op`], or a [`FusedOp`](crate::FusedOp).
#[derive(Clone, PartialEq, Debug)]
pub struct Node<O = Op> {
    /// The operation.
    pub op: O,
    /// Activations read.
    pub inputs: Vec<Value>,
    /// Activations written; each is written by exactly one node.
    pub outputs: Vec<Value>,
    /// For people: the layer or part this node belongs to, e.g. `blk.3`.
    pub label: String,
}

/// A recorded model: nodes in execution order. Its operations are [`Op`]s, or [`FusedOp`](crate::FusedOp)s for backends
/// to which each node is a dispatch.
#[derive(Clone, PartialEq, Debug)]
pub struct Graph<O = Op> {
    /// Tensors that the nodes read; [`WeightId`] indexes it.
    pub weights: Vec<WeightSpec>,
    /// Shapes of the activations; [`Value`] indexes it.
    pub values: Vec<ValueInfo>,
    /// Operations in execution order.
    pub nodes: Vec<Node<O>>,
    /// KV cache shapes; [`Attention::layer`](crate::Attention::layer) indexes it.
    pub kv_layers: Vec<KvLayer>,
    /// Length of each recurrent state, in f32; [`Conv::state`](crate::Conv::state) and
    /// [`DeltaNet::state`](crate::DeltaNet::state) index it. Each is zeros before position 0.
    pub states: Vec<usize>,
    /// The model's result, `[Logits, vocabulary]`.
    pub logits: Value,
}

impl<O> Graph<O> {
    /// The weight's description.
    pub fn weight(&self, id: WeightId) -> &WeightSpec {
        &self.weights[id.0 as usize]
    }

    /// The activation's shape.
    pub fn value(&self, value: Value) -> ValueInfo {
        self.values[value.0 as usize]
    }

    /// Whether it has state that, unlike the KV cache, cannot be truncated. A step can then only continue at the end of
    /// the last one, repeat it, or start at position 0. [`crate::KvHistory`] knows how far the KV cache can be
    /// truncated.
    pub fn is_recurrent(&self) -> bool {
        !self.states.is_empty()
    }

    /// Bytes of KV cache of a program compiled with these options.
    pub fn kv_bytes(&self, options: &CompileOptions) -> u64 {
        self.kv_layers.iter().map(|layer| layer.bytes(options)).fold(0, u64::saturating_add)
    }
}
