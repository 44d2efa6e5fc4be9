//! The operations of a graph, and their parameters.

mod fused_op;
mod fused_params;
mod op;
mod params;

pub use self::fused_op::FusedOp;
pub use self::fused_params::{
    FusedEpilogue, FusedMatMul, GatedConv, GatedExperts, GatedParts, NormAdd, SelfAttention,
};
pub use self::op::Op;
pub use self::params::{
    Activation, Attention, Conv, DeltaNet, Epilogue, ExpertMatMul, Gating, MatMul, Norm, Projection, Rope,
    RopeFactors, RopeStyle, Router, Scale, Slice, Temperature,
};
