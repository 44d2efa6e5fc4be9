//! Recording: the voice in which a model file is written.

use std::cell::RefCell;

use linnet_quant::DType;

use crate::op::{
    Attention, Epilogue, Graph, KvLayer, MatMul, Node, Norm, Op, Projection, Rope, Rows, Value, ValueInfo,
    WeightId, WeightSpec, WeightUses,
};

/// Why a recording is not a valid graph. Shapes come from the model file, so this is a fault of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two shapes that must agree do not.
    #[error("{label}: {op} of tensor `{tensor}` needs width {expected}, but the input has {found}")]
    Width {
        /// Part of the model.
        label: String,
        /// Operation.
        op: &'static str,
        /// The weight concerned, or empty.
        tensor: String,
        /// What the operation needs.
        expected: usize,
        /// What it was given.
        found: usize,
    },
    /// Two activations that are combined element by element differ.
    #[error("{label}: {op} of activations with shapes {left:?} and {right:?}")]
    Mismatch {
        /// Part of the model.
        label: String,
        /// Operation.
        op: &'static str,
        /// Left shape.
        left: ValueInfo,
        /// Right shape.
        right: ValueInfo,
    },
    /// The heads of an attention or a rotation cannot be divided so.
    #[error(
        "{label}: {heads} heads of {head_dim} with {kv_heads} key/value heads do not fit a width of {width}"
    )]
    Heads {
        /// Part of the model.
        label: String,
        /// Query heads.
        heads: usize,
        /// Key/value heads.
        kv_heads: usize,
        /// Elements per head.
        head_dim: usize,
        /// Width of the row.
        width: usize,
    },
}

#[derive(Default)]
struct State {
    weights: Vec<WeightSpec>,
    values: Vec<ValueInfo>,
    nodes: Vec<Node>,
    kv_layers: Vec<KvLayer>,
    label: String,
    error: Option<GraphError>,
}

/// Records nodes. Its methods take `&self` so that calls nest; the first shape error is kept and returned by
/// [`Builder::finish`].
#[derive(Default)]
pub struct Builder {
    state: RefCell<State>,
}

impl Builder {
    /// An empty recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the part of the model that the following nodes belong to.
    pub fn label(&self, label: impl Into<String>) {
        self.state.borrow_mut().label = label.into();
    }

    /// Declares a tensor of the file, `[rows, cols]`.
    pub fn weight(&self, name: &str, dtype: DType, rows: usize, cols: usize) -> WeightId {
        let mut s = self.state.borrow_mut();
        let uses = WeightUses::default();
        s.weights.push(WeightSpec { name: name.to_owned(), dtype, rows, cols, uses });
        WeightId(s.weights.len() as u32 - 1)
    }

    /// Declares the KV cache of one layer and returns its index.
    pub fn kv_layer(&self, kv_heads: usize, head_dim: usize) -> usize {
        let mut s = self.state.borrow_mut();
        s.kv_layers.push(KvLayer { kv_heads, head_dim });
        s.kv_layers.len() - 1
    }

    /// The embedding rows of the step's tokens: `[Tokens, cols]`.
    pub fn embed(&self, table: WeightId) -> Value {
        let mut s = self.state.borrow_mut();
        s.uses(table).rows = true;
        let width = s.weights[table.0 as usize].cols;
        s.push_one(Op::Embed { table }, vec![], ValueInfo { rows: Rows::Tokens, width })
    }

    /// `x / sqrt(mean(x²) + eps) * weight`, row by row.
    pub fn rms_norm(&self, x: Value, weight: WeightId, eps: f32) -> Value {
        let mut s = self.state.borrow_mut();
        let info = s.values[x.0 as usize];
        s.uses(weight).vector = true;
        s.expect_width("rms_norm", weight, info.width);
        s.push_one(Op::RmsNorm(Norm { weight, eps }), vec![x], info)
    }

    /// `x · Wᵀ`: `[rows, inputs] -> [rows, outputs]`.
    pub fn matmul(&self, weight: WeightId, x: Value) -> Value {
        self.matmul_bias(weight, None, x)
    }

    /// `x · Wᵀ + bias`.
    pub fn matmul_bias(&self, weight: WeightId, bias: Option<WeightId>, x: Value) -> Value {
        let mut s = self.state.borrow_mut();
        let info = s.values[x.0 as usize];
        s.uses(weight).matrix = true;
        s.expect_width("matmul", weight, info.width);
        let width = s.weights[weight.0 as usize].rows;
        if let Some(bias) = bias {
            s.uses(bias).vector = true;
            s.expect_width("bias", bias, width);
        }
        let projections = vec![Projection { weight, bias }];
        let op = Op::MatMul(MatMul { norm: None, projections, epilogue: Epilogue::Store });
        s.push_one(op, vec![x], ValueInfo { width, ..info })
    }

    /// Rotates each head of `x` by its position.
    pub fn rope(&self, x: Value, rope: Rope) -> Value {
        let mut s = self.state.borrow_mut();
        let info = s.values[x.0 as usize];
        if rope.heads * rope.head_dim != info.width || rope.frequencies.len() * 2 > rope.head_dim {
            s.heads_error(rope.heads, rope.heads, rope.head_dim, info.width);
        }
        if let Some(factors) = rope.factors {
            s.uses(factors).vector = true;
            s.expect_width("rope", factors, rope.frequencies.len());
        }
        s.push_one(Op::Rope(rope), vec![x], info)
    }

    /// Writes keys and values of the step's tokens to the cache of `layer`.
    pub fn store_kv(&self, layer: usize, k: Value, v: Value) {
        let mut s = self.state.borrow_mut();
        let KvLayer { kv_heads, head_dim } = s.kv_layers[layer];
        for width in [s.values[k.0 as usize].width, s.values[v.0 as usize].width] {
            if width != kv_heads * head_dim {
                s.heads_error(kv_heads, kv_heads, head_dim, width);
            }
        }
        let label = s.label.clone();
        s.nodes.push(Node { op: Op::StoreKv { layer }, inputs: vec![k, v], outputs: vec![], label });
    }

    /// Causal attention of `q` over the cache of `layer`.
    pub fn attention(&self, q: Value, attention: Attention) -> Value {
        let mut s = self.state.borrow_mut();
        let info = s.values[q.0 as usize];
        let Attention { heads, kv_heads, head_dim, .. } = attention;
        if heads * head_dim != info.width || kv_heads == 0 || heads % kv_heads != 0 {
            s.heads_error(heads, kv_heads, head_dim, info.width);
        }
        s.push_one(Op::Attention(attention), vec![q], info)
    }

    /// `a + b`, element by element.
    pub fn add(&self, a: Value, b: Value) -> Value {
        self.elementwise("add", Op::Add, a, b)
    }

    /// `silu(gate) * up`, element by element.
    pub fn swiglu(&self, gate: Value, up: Value) -> Value {
        self.elementwise("swiglu", Op::SwiGlu, gate, up)
    }

    /// The rows of `x` whose logits the step wants.
    pub fn select_rows(&self, x: Value) -> Value {
        let mut s = self.state.borrow_mut();
        let width = s.values[x.0 as usize].width;
        s.push_one(Op::SelectRows, vec![x], ValueInfo { rows: Rows::Logits, width })
    }

    /// Ends the recording with the model's logits, `[Logits, vocabulary]`.
    ///
    /// # Errors
    /// The first shape error of the recording.
    pub fn finish(self, logits: Value) -> Result<Graph, GraphError> {
        let mut s = self.state.into_inner();
        s.label = "output".to_owned();
        let label = s.label.clone();
        s.nodes.push(Node { op: Op::Argmax, inputs: vec![logits], outputs: vec![], label });
        match s.error {
            Some(error) => Err(error),
            None => Ok(Graph {
                weights: s.weights,
                values: s.values,
                nodes: s.nodes,
                kv_layers: s.kv_layers,
                logits,
            }),
        }
    }

    fn elementwise(&self, name: &'static str, op: Op, a: Value, b: Value) -> Value {
        let mut s = self.state.borrow_mut();
        let (left, right) = (s.values[a.0 as usize], s.values[b.0 as usize]);
        if left != right {
            let label = s.label.clone();
            s.error.get_or_insert(GraphError::Mismatch { label, op: name, left, right });
        }
        s.push_one(op, vec![a, b], left)
    }
}

impl State {
    fn uses(&mut self, weight: WeightId) -> &mut WeightUses {
        &mut self.weights[weight.0 as usize].uses
    }

    fn push_one(&mut self, op: Op, inputs: Vec<Value>, info: ValueInfo) -> Value {
        self.values.push(info);
        let value = Value(self.values.len() as u32 - 1);
        self.nodes.push(Node { op, inputs, outputs: vec![value], label: self.label.clone() });
        value
    }

    fn expect_width(&mut self, op: &'static str, weight: WeightId, found: usize) {
        let spec = &self.weights[weight.0 as usize];
        if spec.cols != found {
            let (label, tensor, expected) = (self.label.clone(), spec.name.clone(), spec.cols);
            self.error.get_or_insert(GraphError::Width { label, op, tensor, expected, found });
        }
    }

    fn heads_error(&mut self, heads: usize, kv_heads: usize, head_dim: usize, width: usize) {
        let label = self.label.clone();
        self.error.get_or_insert(GraphError::Heads { label, heads, kv_heads, head_dim, width });
    }
}
