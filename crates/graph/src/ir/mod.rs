//! The graph: operations, their parameters, recording, the memory plan, the text form.

mod builder;
mod graph;
mod kv_history;
mod kv_layer;
mod ops;
mod options;
mod plan;
mod print;
mod value;
mod weight;

pub use self::builder::{Builder, GraphError, WIDEST};
pub use self::graph::{Graph, Node};
pub use self::kv_history::KvHistory;
pub use self::kv_layer::KvLayer;
pub use self::ops::{
    Activation, Attention, Conv, DeltaNet, Epilogue, ExpertMatMul, FusedEpilogue, FusedMatMul, FusedOp,
    GatedConv, GatedExperts, GatedParts, Gating, MatMul, Norm, NormAdd, Op, Projection, Rope, RopeFactors,
    RopeStyle, Router, Scale, SelfAttention, Slice, Temperature,
};
pub use self::options::{CompileOptions, KvFormat};
pub use self::plan::{Plan, Slot, SlotId};
pub use self::value::{Choice, Rows, Value, ValueInfo, WeightId};
pub use self::weight::{WeightSpec, WeightUses};
