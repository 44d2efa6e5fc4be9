//! The parameters of operations that only [`fuse_dispatches`](crate::fuse_dispatches) makes.

use crate::ir::ops::{Activation, Attention, Conv, Epilogue, ExpertMatMul, MatMul, Norm, Projection, Rope};
use crate::ir::value::WeightId;

/// What happens to the products of a [`FusedMatMul`] before they are stored.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FusedEpilogue {
    /// As [`Epilogue::Store`].
    Store,
    /// As [`Epilogue::Residual`], of the product times a factor.
    Residual {
        /// 1 in most models.
        factor: f32,
    },
    /// As [`Epilogue::Gated`].
    Gated(Activation),
    /// The same for one projection without a bias: the first half of its products is the gate, the second half is up.
    GatedHalves(Activation),
    /// The rows of the only output are the products of all projections, one after the other.
    Joined,
}

/// A [`MatMul`] that may take what comes before it, and do more with its products.
#[derive(Clone, PartialEq, Debug)]
pub struct FusedMatMul {
    /// If set, the inputs are `(y, residual)`, and `x` is their sum as [`NormAdd`] makes it, which is also the last
    /// output. There are no biases and no [`FusedEpilogue::Residual`].
    pub fused_add_norm: Option<NormAdd>,
    /// Normalisation applied to each row of `x` first.
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
    /// Normalisation of what is added.
    pub norm: Norm,
    /// A number that the file gives, `[1]`; none: 1.
    pub scale: Option<WeightId>,
}

/// All that lies between the projections of a layer and what its attention gives: the heads are normalised, those of
/// queries and keys then turned; keys and values are stored; the queries attend.
#[derive(Clone, PartialEq, Debug)]
pub struct SelfAttention {
    /// Of each head of the queries, of the keys, of the values.
    pub norms: [Option<Norm>; 3],
    /// Of the queries; the keys turn alike.
    pub rope: Option<Rope>,
    /// Its layer is the one that is stored to.
    pub attention: Attention,
}

/// A gated product of two parts of a row, or of one of each of two rows: where each begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatedParts {
    /// What is made of the gate.
    pub activation: Activation,
    /// The gate.
    pub gate: usize,
    /// The other.
    pub up: usize,
}

/// The gated product of two matrices of each of a row's experts, of a row that is normalised first or not.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GatedExperts {
    /// Normalisation applied to the row.
    pub norm: Option<Norm>,
    /// The experts' matrices of the gate.
    pub gate: ExpertMatMul,
    /// The others, of equal shape and block format.
    pub up: ExpertMatMul,
    /// What is made of the gate.
    pub activation: Activation,
}

/// A [`Conv`] whose input is the product of two parts of a row, and whose result is multiplied with a third: where each
/// begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatedConv {
    /// The convolution; each part has as many elements as its kernel has channels.
    pub conv: Conv,
    /// What `x` is multiplied with.
    pub before: usize,
    /// The input.
    pub x: usize,
    /// What the result is multiplied with.
    pub after: usize,
}
