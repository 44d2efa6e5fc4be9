//! The operations, values and weights of a graph.

use linnet_quant::DType;

/// A weight of the graph: an index into [`Graph::weights`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WeightId(pub u32);

/// An activation of the graph: an index into [`Graph::values`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Value(pub u32);

/// How many rows an activation has in a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rows {
    /// One row per token of the step.
    Tokens,
    /// One row per position whose logits the step asks for (the last ones of the step, possibly none).
    Logits,
}

/// The shape of an activation: `[rows, width]`, f32, row-major.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueInfo {
    /// Symbolic number of rows.
    pub rows: Rows,
    /// Number of f32 elements in a row.
    pub width: usize,
}

/// In which ways the nodes of a graph read a weight; a backend chooses the weight's layout by it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WeightUses {
    /// Single rows are gathered by token id ([`Op::Embed`]).
    pub rows: bool,
    /// It is the matrix of a [`Op::MatMul`].
    pub matrix: bool,
    /// It is a plain vector: a norm's scale, a bias, rope factors.
    pub vector: bool,
}

/// A tensor of the model file that the graph reads: `[rows, cols]`, row-major, in the file's block format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeightSpec {
    /// The tensor's GGUF name.
    pub name: String,
    /// Block format of the bytes as they lie in the file.
    pub dtype: DType,
    /// Number of rows (1 for a vector). A matrix maps `cols` inputs to `rows` outputs.
    pub rows: usize,
    /// Number of values in a row; a whole number of blocks.
    pub cols: usize,
    /// How the graph reads it.
    pub uses: WeightUses,
}

impl WeightSpec {
    /// Length of the tensor in the file, in bytes.
    pub fn byte_len(&self) -> usize {
        self.cols / self.dtype.block_values() * self.dtype.block_bytes() * self.rows
    }
}

/// Root-mean-square normalisation: `y_i = x_i / sqrt(mean(x²) + eps) * weight_i`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Norm {
    /// Scale, `[width]`.
    pub weight: WeightId,
    /// Added to the mean square.
    pub eps: f32,
}

/// One matrix of a [`MatMul`] with its optional bias.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Projection {
    /// `[outputs, inputs]`.
    pub weight: WeightId,
    /// `[outputs]`, added to each row of the product.
    pub bias: Option<WeightId>,
}

/// What happens to the products of a [`MatMul`] before they are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Epilogue {
    /// Each projection's product is an output of its own.
    Store,
    /// One projection; the node's second input is added to the product.
    Residual,
    /// Two projections, gate and up, of equal shape; the one output is `silu(gate) * up`.
    SwiGlu,
}

/// `y_p = W_p · norm(x) (+ bias_p)` for every projection `p`, followed by the epilogue.
///
/// A recorded matmul has no norm, one projection and [`Epilogue::Store`]; fusion makes the other forms.
#[derive(Clone, PartialEq, Debug)]
pub struct MatMul {
    /// Normalisation applied to each row of `x` first.
    pub norm: Option<Norm>,
    /// The matrices, all with the width of `x` as their number of inputs.
    pub projections: Vec<Projection>,
    /// What happens to the products.
    pub epilogue: Epilogue,
}

/// Which elements of a head rotary embedding turns together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RopeStyle {
    /// Neighbours `(2i, 2i + 1)`: ggml's NORM; used by `llama`.
    Interleaved,
    /// The i-th of the first half with the i-th of the second half of the rotary dimensions: ggml's NEOX.
    Halves,
}

/// Rotary position embedding of each head of a row (Su et al., RoFormer, 2021).
///
/// Pair `i` of a head at position `p` turns by the angle `p * frequencies[i] / factors[i]`; elements beyond the
/// rotary dimensions (`2 * frequencies.len()`) stay.
#[derive(Clone, PartialEq, Debug)]
pub struct Rope {
    /// Number of heads in a row.
    pub heads: usize,
    /// Elements per head.
    pub head_dim: usize,
    /// Which elements form a pair.
    pub style: RopeStyle,
    /// Angle per position for each pair, in radians.
    pub frequencies: Vec<f32>,
    /// The file's divisors of the frequencies (`rope_freqs.weight`), `[frequencies.len()]`.
    pub factors: Option<WeightId>,
}

/// Causal attention with grouped heads over the KV cache of one layer.
///
/// Query head `h` reads key/value head `h / (heads / kv_heads)`; a query at position `p` sees positions `0..=p`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attention {
    /// Index into [`Graph::kv_layers`].
    pub layer: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Elements per head, of queries, keys and values.
    pub head_dim: usize,
    /// Multiplied with `q · k` before the softmax.
    pub scale: f32,
}

/// The shape of one layer's KV cache: keys and values of `[context, kv_heads, head_dim]` each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KvLayer {
    /// Number of key/value heads.
    pub kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
}

/// An operation. The comments name a node's inputs and outputs in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Op {
    /// `() -> x [Tokens, cols]`: the table's row for each token of the step.
    Embed {
        /// `[vocabulary, cols]`.
        table: WeightId,
    },
    /// `(x) -> y`, same shape.
    RmsNorm(Norm),
    /// `(x) -> (y_0, y_1, ...)`, or `(x, residual) -> y` with [`Epilogue::Residual`].
    MatMul(MatMul),
    /// `(x [Tokens, heads * head_dim]) -> y`, same shape.
    Rope(Rope),
    /// `(k, v) -> ()`: writes the rows at the step's positions of the layer's KV cache.
    StoreKv {
        /// Index into [`Graph::kv_layers`].
        layer: usize,
    },
    /// `(q [Tokens, heads * head_dim]) -> y`, same shape. Comes after the [`Op::StoreKv`] of its layer.
    Attention(Attention),
    /// `(a, b) -> a + b`, same shape.
    Add,
    /// `(gate, up) -> silu(gate) * up`, same shape.
    SwiGlu,
    /// `(x [Tokens, w]) -> y [Logits, w]`: the last rows of `x`.
    SelectRows,
    /// `(logits [Logits, vocabulary]) -> ()`: the step's token is the index of the greatest logit of the last row
    /// (the lowest index among equals). Runs only when the step wants a token.
    Argmax,
}

/// One operation with the activations it reads and writes.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Activations read.
    pub inputs: Vec<Value>,
    /// Activations written; each is written by exactly one node.
    pub outputs: Vec<Value>,
    /// For people: the layer or part this node belongs to, e.g. `blk.3`.
    pub label: String,
}

/// A recorded model: nodes in execution order.
#[derive(Clone, PartialEq, Debug)]
pub struct Graph {
    /// Tensors that the nodes read; [`WeightId`] indexes it.
    pub weights: Vec<WeightSpec>,
    /// Shapes of the activations; [`Value`] indexes it.
    pub values: Vec<ValueInfo>,
    /// Operations in execution order.
    pub nodes: Vec<Node>,
    /// KV cache shapes; [`Attention::layer`] indexes it.
    pub kv_layers: Vec<KvLayer>,
    /// The model's result, `[Logits, vocabulary]`.
    pub logits: Value,
}

impl Graph {
    /// The weight's description.
    pub fn weight(&self, id: WeightId) -> &WeightSpec {
        &self.weights[id.0 as usize]
    }

    /// The activation's shape.
    pub fn value(&self, value: Value) -> ValueInfo {
        self.values[value.0 as usize]
    }

    /// Bytes of KV cache for one position when each element takes `element_bytes`.
    pub fn kv_bytes_per_token(&self, element_bytes: usize) -> usize {
        self.kv_layers.iter().map(|l| 2 * l.kv_heads * l.head_dim * element_bytes).sum()
    }
}
