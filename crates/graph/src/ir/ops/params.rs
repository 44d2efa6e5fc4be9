//! The parameters of operations.

use crate::ir::value::WeightId;

/// Root-mean-square normalization of each group of `width` elements of a row (a whole row, or each of its heads):
/// `y_i = x_i / sqrt(mean(x²) + eps) * weight_i`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Norm {
    /// Scale, `[width]`, the same for every group of a row; `None` means 1.
    pub weight: Option<WeightId>,
    /// Elements that are normalized together; divides the row's width.
    pub width: usize,
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

/// How the products of a [`MatMul`] are changed before they are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Epilogue {
    /// Each projection's product is an output of its own.
    Store,
    /// One projection; the node's second input is added to the product.
    Residual,
    /// Two projections of equal shape, gate and up; the output is `activation(gate) * up`.
    Gated(Activation),
}

/// The activation of the gate of a gated product; `σ(x) = 1 / (1 + e^-x)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// `x`: the product of both.
    Identity,
    /// `x σ(x)` (Elfwing et al., 2017).
    Silu,
    /// `x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³)))` (Hendrycks and Gimpel, 2016).
    Gelu,
    /// `max(x, 0)²` (So et al., Primer, 2021).
    Relu2,
    /// `σ(x)`.
    Sigmoid,
    /// gpt-oss: with `g = min(gate, 7)` and `u = clamp(up, -7, 7)` the product is `g σ(1.702 g) (u + 1)`.
    ClampedSwiGlu,
}

/// `y_p = W_p · norm(x) (+ bias_p)` for every projection `p`, followed by the epilogue.
///
/// A recorded matmul has no norm, one projection and [`Epilogue::Store`]; [`fuse`](crate::fuse()) makes the other
/// forms.
#[derive(Clone, PartialEq, Debug)]
pub struct MatMul {
    /// Normalization of each row of `x`.
    pub norm: Option<Norm>,
    /// The matrices, all with the width of `x` as their number of inputs.
    pub projections: Vec<Projection>,
    /// What happens to the products.
    pub epilogue: Epilogue,
}

/// Which elements of a head are rotated together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RopeStyle {
    /// Neighbours `(2i, 2i + 1)`: ggml's NORM; used by `llama`.
    Interleaved,
    /// Element i of the first half and element i of the second half of the rotary dimensions: ggml's NEOX.
    Halves,
}

/// Rotary position embedding of each head of a row (Su et al., RoFormer, 2021).
///
/// Pair `i` of a head at position `p` is rotated by the angle `p * frequencies[i] / factors[i]` and is multiplied by
/// `magnitude`; elements beyond the rotary dimensions (`2 * frequencies.len()`) are unchanged.
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
    /// The file's divisors of the frequencies, `[frequencies.len()]`.
    pub factors: Option<RopeFactors>,
    /// Factor of the rotated elements (attention factor of YaRN and LongRoPE); else 1.
    pub magnitude: f32,
}

impl Rope {
    /// Whether both rotate a head at a position in the same way, so that one table of sines and cosines serves both.
    pub fn has_same_rotation(&self, other: &Rope) -> bool {
        self.frequencies == other.frequencies
            && self.factors == other.factors
            && self.magnitude == other.magnitude
    }
}

/// Which divisors of the rope frequencies apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RopeFactors {
    /// Always these (`rope_freqs.weight`).
    Fixed(WeightId),
    /// By the size of the context that a program is compiled for, not by the position (LongRoPE; Ding et al., 2024).
    ByContext {
        /// For contexts of up to `limit` positions.
        short: WeightId,
        /// For longer ones.
        long: WeightId,
        /// The context length of the original training.
        limit: usize,
    },
}

impl RopeFactors {
    /// The divisors for a context of this length.
    pub fn of_context(self, context_length: usize) -> WeightId {
        match self {
            RopeFactors::Fixed(factors) => factors,
            RopeFactors::ByContext { long, limit, .. } if context_length > limit => long,
            RopeFactors::ByContext { short, .. } => short,
        }
    }
}

/// Causal attention with grouped heads over the KV cache of one layer.
///
/// Query head `h` reads key/value head `h / (heads / kv_heads)`; a query at position `p` sees positions `0..=p`, with a
/// window `w` the last `w` of them. Its weights are `softmax(cap(scale * temperature(p) * q · k))`.
///
/// Several layers may read the cache of one layer, but only that layer stores to it. Positions outside the windows of
/// all of them are dropped, see [`KvLayer`](crate::KvLayer).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attention {
    /// Index into [`Graph::kv_layers`](crate::Graph::kv_layers).
    pub layer: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Elements per head, of queries, keys and values.
    pub head_dim: usize,
    /// Multiplied with `q · k` before the softmax.
    pub scale: f32,
    /// `cap(x) = c * tanh(x / c)` of the scaled scores.
    pub soft_cap: Option<f32>,
    /// Positions that a query sees, its own included.
    pub window: Option<usize>,
    /// `[heads]`: attention sinks, a score of each head that is part of the softmax's sum but has a value of zero.
    pub sinks: Option<WeightId>,
    /// A factor of the scores that grows with the query's position.
    pub temperature: Option<Temperature>,
}

/// `temperature(p) = 1 + scale * ln(1 + floor(p / period))` (Llama 4's attention temperature tuning).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Temperature {
    /// How fast it grows.
    pub scale: f32,
    /// Positions for which it stays the same.
    pub period: usize,
}

impl Attention {
    /// Full causal attention without optional features.
    pub fn new(layer: usize, [heads, kv_heads]: [usize; 2], head_dim: usize, scale: f32) -> Self {
        Attention {
            layer,
            heads,
            kv_heads,
            head_dim,
            scale,
            soft_cap: None,
            window: None,
            sinks: None,
            temperature: None,
        }
    }
}

/// `y = factor * weight[0] * x`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scale {
    /// A number from the metadata.
    pub factor: f32,
    /// A number from the file, `[1]`; `None` means 1.
    pub weight: Option<WeightId>,
}

/// From each group of `stride` elements of a row the `len` elements beginning at `start`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// First element of a group that is taken.
    pub start: usize,
    /// Elements that are taken.
    pub len: usize,
    /// Elements of a group; divides the row's width.
    pub stride: usize,
}

/// How scores are computed from the experts' logits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gating {
    /// Softmax over all experts' logits, before the selection.
    Softmax,
    /// `σ` of each expert's logit.
    Sigmoid,
    /// The experts are selected by their logits, and the weights are the softmax over the selected ones.
    SoftmaxOfChosen,
}

/// Selection of experts (Shazeer et al., 2017): the `used` experts of each row with the greatest scores, in descending
/// order (the lower index first on a tie), and their weights. Indices are whole numbers stored as f32.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Router {
    /// Number of experts.
    pub experts: usize,
    /// Number of selected experts.
    pub used: usize,
    /// How logits become scores.
    pub gating: Gating,
    /// `[experts]`, added to the scores for the selection, but not for the weights.
    pub bias: Option<WeightId>,
    /// Divide the weights by their sum (at least 2^-14).
    pub normalize: bool,
    /// Multiplied with the weights at the end.
    pub scale: f32,
}

/// Matrix products with the matrices that a row's experts' indices name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpertMatMul {
    /// `[experts * outputs, inputs]`: the experts' matrices, one below the other.
    pub weight: WeightId,
    /// `[experts, outputs]`.
    pub bias: Option<WeightId>,
    /// Number of experts.
    pub experts: usize,
    /// Experts of a row.
    pub used: usize,
}

/// Causal convolution of each channel over the last `taps` tokens:
/// `y[t][c] = Σ_j kernel[c][j] * x[t - (taps - 1) + j][c]`, zeros before position 0.
///
/// Its state is the inputs of the `taps - 1` tokens before the step, `[taps - 1, channels]`, the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conv {
    /// Index into [`crate::Graph::states`].
    pub state: usize,
    /// `[channels, taps]`.
    pub kernel: WeightId,
    /// Tokens that an output depends on, its own included; at least 2.
    pub taps: usize,
    /// Apply silu to the result.
    pub silu: bool,
}

/// The gated delta rule (Yang, Kautz and Hatamizadeh, Gated Delta Networks, 2024), token by token for each value head
/// `h` with its matrix `S` (`[value index, key index]`, zeros before position 0):
///
/// `S ← e^g S`, `S ← S + β (v - S k) kᵀ`, `y = S q / √head_dim`
///
/// where `q` and `k` are those of key head `h mod key_heads`, each divided by its length (at least `eps`), `v` is the
/// value head's own, `β = σ(beta[h])` and `g = a[h] * ln(1 + e^(alpha[h] + dt_bias[h]))`. A row of `qkv` has all `q`,
/// then all `k`, then all `v`.
///
/// Its state is `[value_heads, head_dim (value index), head_dim (key index)]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DeltaNet {
    /// Index into [`crate::Graph::states`].
    pub state: usize,
    /// Heads of queries and keys.
    pub key_heads: usize,
    /// Heads of values; a multiple of `key_heads`.
    pub value_heads: usize,
    /// Elements of a head of either.
    pub head_dim: usize,
    /// `[value_heads]`: the decay rates, negative.
    pub a: WeightId,
    /// `[value_heads]`.
    pub dt_bias: WeightId,
    /// Least length of a key and a query.
    pub eps: f32,
}
