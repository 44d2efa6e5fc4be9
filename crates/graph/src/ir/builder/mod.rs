//! Recording a model: one method per operation.

mod elementwise;
mod mixture;
mod recurrent;

use std::cell::RefCell;

use linnet_quant::DType;

use crate::ir::graph::{Graph, Node};
use crate::ir::kv_layer::KvLayer;
use crate::ir::ops::{Attention, Epilogue, MatMul, Norm, Op, Projection, Rope, RopeFactors};
use crate::ir::value::{Rows, Value, ValueInfo, WeightId};
use crate::ir::weight::{WeightSpec, WeightUses};

/// Why a recording is not a valid graph. Shapes come from the model file, so it is the file that is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two shapes that must agree do not.
    #[error("{label}: {op} of tensor `{tensor}` needs width {expected}, but the input has {found}")]
    Width {
        /// Part of the model.
        label: String,
        /// Operation.
        op: &'static str,
        /// The weight, or empty.
        tensor: String,
        /// The expected width.
        expected: usize,
        /// The actual width.
        found: usize,
    },
    /// Two activations of an element-wise operation have different shapes.
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
    /// The row cannot be divided into these heads.
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
    /// A tensor has more bytes than this program can address.
    #[error("tensor `{tensor}` has {rows} rows of {cols} values, more than this device can address")]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// Its rows.
        rows: usize,
        /// Values in a row.
        cols: usize,
    },
    /// A parameter is not valid for the shapes.
    #[error("{label}: {op} of width {width}: {reason}")]
    Shape {
        /// Part of the model.
        label: String,
        /// Operation.
        op: &'static str,
        /// Width of its input.
        width: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

/// The widest row of activations; no model has wider ones. With this bound, a width times the rows of a step fits 64
/// bits, and a width times a small number 32.
pub const WIDEST: usize = 1 << 26;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) weights: Vec<WeightSpec>,
    pub(crate) values: Vec<ValueInfo>,
    nodes: Vec<Node>,
    kv_layers: Vec<KvLayer>,
    pub(crate) states: Vec<usize>,
    label: String,
    error: Option<GraphError>,
}

/// Records nodes. Its methods take `&self` so that calls nest; the first shape error is kept and returned by
/// [`Builder::finish`].
#[derive(Default)]
pub struct Builder {
    pub(crate) state: RefCell<State>,
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

    /// Declares the KV cache of one layer and returns its index. Its size depends on the attentions over it.
    pub fn kv_layer(&self, kv_heads: usize, head_dim: usize) -> usize {
        let mut s = self.state.borrow_mut();
        s.kv_layers.push(KvLayer { kv_heads, head_dim, window: None });
        s.kv_layers.len() - 1
    }

    /// Elements of a row of `x`.
    pub fn width(&self, x: Value) -> usize {
        self.state.borrow().values[x.0 as usize].width
    }

    /// The embedding rows of the step's tokens: `[Tokens, cols]`.
    pub fn embed(&self, table: WeightId) -> Value {
        let mut s = self.state.borrow_mut();
        s.uses(table).rows = true;
        let width = s.weights[table.0 as usize].cols;
        s.push_one(Op::Embed { table, factor: 1.0 }, vec![], ValueInfo { rows: Rows::Tokens, width })
    }

    /// `x / sqrt(mean(x²) + eps) * weight`, row by row.
    pub fn rms_norm(&self, x: Value, weight: WeightId, eps: f32) -> Value {
        let mut s = self.state.borrow_mut();
        let width = s.values[x.0 as usize].width;
        s.expect_width("rms_norm", weight, width);
        s.norm(x, Norm { weight: Some(weight), width, eps })
    }

    /// [`Builder::rms_norm`] of each head of a row: `width` neighbours at a time. Without a weight it only divides.
    pub fn head_norm(&self, x: Value, weight: Option<WeightId>, width: usize, eps: f32) -> Value {
        let mut s = self.state.borrow_mut();
        if let Some(weight) = weight {
            s.expect_width("head_norm", weight, width);
        }
        s.norm(x, Norm { weight, width, eps })
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
        let factors = match rope.factors {
            None => [None, None],
            Some(RopeFactors::Fixed(factors)) => [Some(factors), None],
            Some(RopeFactors::ByContext { short, long, .. }) => [Some(short), Some(long)],
        };
        for factors in factors.into_iter().flatten() {
            s.uses(factors).vector = true;
            s.expect_width("rope", factors, rope.frequencies.len());
        }
        s.push_one(Op::Rope(rope), vec![x], info)
    }

    /// Writes keys and values of the step's tokens to the cache of `layer`.
    pub fn store_kv(&self, layer: usize, k: Value, v: Value) {
        let mut s = self.state.borrow_mut();
        let KvLayer { kv_heads, head_dim, .. } = s.kv_layers[layer];
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
        if let Some(sinks) = attention.sinks {
            s.uses(sinks).vector = true;
            s.expect_width("attention", sinks, heads);
        }
        s.push_one(Op::Attention(attention), vec![q], info)
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
        s.set_windows();
        if let Some(WeightSpec { name, rows, cols, .. }) =
            s.weights.iter().find(|spec| !spec.fits(usize::MAX as u64))
        {
            let error = GraphError::TooLarge { tensor: name.clone(), rows: *rows, cols: *cols };
            s.error.get_or_insert(error);
        }
        let label = s.label.clone();
        s.nodes.push(Node { op: Op::Argmax, inputs: vec![logits], outputs: vec![], label });
        match s.error {
            Some(error) => Err(error),
            None => Ok(Graph {
                weights: s.weights,
                values: s.values,
                nodes: s.nodes,
                kv_layers: s.kv_layers,
                states: s.states,
                logits,
            }),
        }
    }
}

impl State {
    /// Sets the window of each cache: the widest of the attentions over it, or `None` if one of them has no window (or
    /// there is none).
    fn set_windows(&mut self) {
        let mut widest: Vec<Option<Option<usize>>> = vec![None; self.kv_layers.len()];
        for node in &self.nodes {
            let Op::Attention(Attention { layer, window, .. }) = node.op else { continue };
            widest[layer] = Some(widest[layer].map_or(window, |other| Some(other?.max(window?))));
        }
        for (layer, window) in self.kv_layers.iter_mut().zip(widest) {
            layer.window = window.flatten();
        }
    }

    pub(crate) fn uses(&mut self, weight: WeightId) -> &mut WeightUses {
        &mut self.weights[weight.0 as usize].uses
    }

    pub(crate) fn push_one(&mut self, op: Op, inputs: Vec<Value>, info: ValueInfo) -> Value {
        let [value] = self.push(op, inputs, [info]);
        value
    }

    /// Appends a node with its outputs.
    pub(crate) fn push<const N: usize>(
        &mut self,
        op: Op,
        inputs: Vec<Value>,
        infos: [ValueInfo; N],
    ) -> [Value; N] {
        let outputs = infos.map(|info| {
            if info.width > WIDEST {
                self.shape_error(op.name(), info.width, "the row is too wide");
            }
            self.values.push(info);
            Value(self.values.len() as u32 - 1)
        });
        self.nodes.push(Node { op, inputs, outputs: outputs.to_vec(), label: self.label.clone() });
        outputs
    }

    fn norm(&mut self, x: Value, norm: Norm) -> Value {
        let info = self.values[x.0 as usize];
        if let Some(weight) = norm.weight {
            self.uses(weight).vector = true;
        }
        if norm.width == 0 || !info.width.is_multiple_of(norm.width) {
            self.shape_error("rms_norm", info.width, "it is not a whole number of heads");
        }
        self.push_one(Op::RmsNorm(norm), vec![x], info)
    }

    /// Records the error that two activations of an operation have different shapes.
    pub(crate) fn expect_equal(&mut self, op: &'static str, left: ValueInfo, right: ValueInfo) {
        if left != right {
            let label = self.label.clone();
            self.error.get_or_insert(GraphError::Mismatch { label, op, left, right });
        }
    }

    pub(crate) fn shape_error(&mut self, op: &'static str, width: usize, reason: &'static str) {
        let label = self.label.clone();
        self.error.get_or_insert(GraphError::Shape { label, op, width, reason });
    }

    pub(crate) fn expect_width(&mut self, op: &'static str, weight: WeightId, found: usize) {
        let spec = &self.weights[weight.0 as usize];
        if spec.cols != found {
            let (label, tensor, expected) = (self.label.clone(), spec.name.clone(), spec.cols);
            self.error.get_or_insert(GraphError::Width { label, op, tensor, expected, found });
        }
    }

    pub(crate) fn heads_error(&mut self, heads: usize, kv_heads: usize, head_dim: usize, width: usize) {
        let label = self.label.clone();
        self.error.get_or_insert(GraphError::Heads { label, heads, kv_heads, head_dim, width });
    }
}
