//! The graph: operations, their parameters, recording, the memory plan, the text form.

mod builder;
mod elementwise;
mod fused_op;
mod fused_params;
mod graph;
mod kv_history;
mod kv_layer;
mod mixture;
mod op;
mod options;
mod params;
mod plan;
mod print;
mod recurrent;
mod value;
mod weight;

pub use self::builder::{Builder, GraphError, WIDEST};
pub use self::fused_op::FusedOp;
pub use self::fused_params::{
    FusedEpilogue, FusedMatMul, GatedConv, GatedExperts, GatedParts, NormAdd, SelfAttention,
};
pub use self::graph::{Graph, Node};
pub use self::kv_history::KvHistory;
pub use self::kv_layer::KvLayer;
pub use self::mixture::Choice;
pub use self::op::Op;
pub use self::options::{CompileOptions, KvFormat};
pub use self::params::{
    Activation, Attention, Conv, DeltaNet, Epilogue, ExpertMatMul, Gating, MatMul, Norm, Projection, Rope,
    RopeFactors, RopeStyle, Router, Scale, Slice, Temperature,
};
pub use self::plan::{Plan, Slot, SlotId};
pub use self::value::{Rows, Value, ValueInfo, WeightId};
pub use self::weight::{WeightSpec, WeightUses};
