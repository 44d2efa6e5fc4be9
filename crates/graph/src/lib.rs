//! The one intermediate representation between model definitions and backends.
//!
//! A model records itself once into a [`Graph`] through a [`Builder`]; [`fuse`] rewrites the graph into fewer,
//! larger operations, [`fuse_launches`] further for a backend to which each is a launch; [`Plan`] assigns activations to slots; a [`Backend`] compiles the plan and replays it for every
//! [`Step`]. Nothing here knows a kernel, a device or a file format.
//!
//! Activations are matrices of f32 whose row count is symbolic ([`Rows`]) and whose width is fixed, so that one
//! recording serves prefill (many rows) and decode (one row).

mod ahead;
mod backend;
mod builder;
mod cache;
mod elementwise;
mod expert_launches;
mod fuse;
mod launches;
mod lookup;
mod mixture;
mod norm_launches;
mod op;
mod params;
mod part_launches;
mod plan;
mod print;
mod recurrent;

pub use ahead::{Ahead, Draw};
pub use backend::{
    Backend, BackendError, Bytes, Capabilities, CompileOptions, Counters, ForeignBytes, KvFormat, MemoryUse,
    Output, Step, Timing, Want,
};
pub use builder::{Builder, GraphError, WIDEST};
pub use cache::{KvLayer, Reach};
pub use fuse::fuse;
pub use launches::fuse_launches;
pub use mixture::Choice;
pub use op::{Graph, Node, Op, Rows, Value, ValueInfo, WeightId, WeightSpec, WeightUses};
pub use params::{
    Activation, Attention, Conv, DeltaNet, Epilogue, ExpertMatMul, GatedConv, GatedExperts, GatedParts,
    Gating, MatMul, Norm, NormAdd, Projection, Rope, RopeFactors, RopeStyle, Router, Scale, SelfAttention,
    Slice, Temperature,
};
pub use plan::{Plan, Slot, SlotId};
