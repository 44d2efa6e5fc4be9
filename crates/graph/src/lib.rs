//! The one intermediate representation between model definitions and backends.
//!
//! A model records itself once into a [`Graph`] through a [`Builder`]; [`fuse`] rewrites the graph into fewer,
//! larger operations, [`fuse_launches`] further for a backend to which each is a launch; [`Plan`] assigns activations to slots; a [`Backend`] compiles the plan and replays it for every
//! [`Step`]. Nothing here knows a kernel, a device or a file format.
//!
//! Activations are matrices of f32 whose row count is symbolic ([`Rows`]) and whose width is fixed, so that one
//! recording serves prefill (many rows) and decode (one row).

mod backend;
mod fusion;
mod ir;

pub use backend::decode::{Ahead, Draw};
pub use backend::{
    Backend, BackendError, Bytes, Capabilities, CompileOptions, Counters, ForeignBytes, KvFormat, MemoryUse,
    Output, Step, Timing, Want,
};
pub use fusion::dispatch::fuse_launches;
pub use fusion::fuse;
pub use ir::builder::{Builder, GraphError, WIDEST};
pub use ir::kv_history::{KvLayer, Reach};
pub use ir::mixture::Choice;
pub use ir::op::{Graph, Node, Op, Rows, Value, ValueInfo, WeightId, WeightSpec, WeightUses};
pub use ir::params::{
    Activation, Attention, Conv, DeltaNet, Epilogue, ExpertMatMul, GatedConv, GatedExperts, GatedParts,
    Gating, MatMul, Norm, NormAdd, Projection, Rope, RopeFactors, RopeStyle, Router, Scale, SelfAttention,
    Slice, Temperature,
};
pub use ir::plan::{Plan, Slot, SlotId};
