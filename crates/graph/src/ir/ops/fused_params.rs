//! The parameters of operations that only [`fuse_dispatches`](crate::fuse_dispatches) makes.

use crate::ir::ops::{Activation, Attention, Conv, Epilogue, ExpertMatMul, MatMul, Norm, Projection, Rope};
use crate::ir::value::WeightId;

/// How the products of a [`FusedMatMul`] are changed before they are stored.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FusedEpilogue {
    /// As [`Epilogue::Store`].
    Store,
    /// As [`Epilogue::Residual`], with the product times a factor.
    Residual {
        /// 1 in most models.
        factor: f32,
    },
    /// As [`Epilogue::Gated`].
    Gated(Activation),
    /// The same for one projection without a bias: the first half of its products is the gate, the second half is up.
    GatedHalves(Activation),
    /// The only output is a row with the products of all projections, concatenated.
    Joined,
}

/// A [`MatMul`] that may include the operations before and after it.
#[derive(Clone, PartialEq, Debug)]
pub struct FusedMatMul {
    /// If set, the inputs are `(y, residual)`, and `x` is their sum as in [`NormAdd`], which is also the last output.
    /// There are no biases and no [`FusedEpilogue::Residual`].
    pub fused_add_norm: Option<NormAdd>,
    /// Normalization applied to each row of `x` first.
    pub norm: Option<Norm>,
    /// The matrices, all with the width of `x` as their number of inputs.
    pub projections: Vec<Projection>,
    /// What happens to the products.
    pub epilogue: FusedEpilogue,
}

impl From<MatMul> for FusedMatMul {
    fn from(MatMul { norm, projections, epilogue }: MatMul) -> Self {
        let epilogue = match epilogue {
            Epilogue::Store => FusedEpilogue::Store,
            Epilogue::Residual => FusedEpilogue::Residual { factor: 1.0 },
            Epilogue::Gated(activation) => FusedEpilogue::Gated(activation),
        };
        FusedMatMul { fused_add_norm: None, norm, projections, epilogue }
    }
}

/// `scale[0] * (residual + norm(x))`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NormAdd {
    /// Normalization of what is added.
    pub norm: Norm,
    /// A number from the file, `[1]`; `None` means 1.
    pub scale: Option<WeightId>,
}

/// Everything between the projections of a layer and the result of its attention: norms of the heads, rope of queries
/// and keys, storing keys and values, and attention.
#[derive(Clone, PartialEq, Debug)]
pub struct SelfAttention {
    /// Of each head of the queries, of the keys, of the values.
    pub norms: [Option<Norm>; 3],
    /// The rope of the queries and the keys.
    pub rope: Option<Rope>,
    /// Also says in which layer's cache keys and values are stored.
    pub attention: Attention,
}

/// A gated product of two parts of a row, or of a part of each of two rows. The fields are the start of each part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatedParts {
    /// The activation of the gate.
    pub activation: Activation,
    /// Start of the gate.
    pub gate: usize,
    /// Start of the other part.
    pub up: usize,
}

/// The gated product of two matrices of each selected expert, optionally with a norm of the row first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GatedExperts {
    /// Normalization applied to the row.
    pub norm: Option<Norm>,
    /// The experts' matrices of the gate.
    pub gate: ExpertMatMul,
    /// The other matrices, of the same shape and block format.
    pub up: ExpertMatMul,
    /// The activation of the gate.
    pub activation: Activation,
}

/// A [`Conv`] whose input is the product of two parts of a row, and whose result is multiplied by a third part. The
/// fields are the start of each part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatedConv {
    /// The convolution; each part has as many elements as its kernel has channels.
    pub conv: Conv,
    /// Start of the factor of `x`.
    pub before: usize,
    /// Start of the input.
    pub x: usize,
    /// Start of the factor of the result.
    pub after: usize,
}
