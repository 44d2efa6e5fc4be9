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

pub use backend::{
    Ahead, Backend, BackendError, Bytes, Capabilities, Counters, Draw, ForeignBytes, MemoryUse, Output, Step,
    Timing, Want,
};
pub use fusion::{fuse, fuse_launches};
pub use ir::{
    Activation, Attention, Builder, Choice, CompileOptions, Conv, DeltaNet, Epilogue, ExpertMatMul,
    GatedConv, GatedExperts, GatedParts, Gating, Graph, GraphError, KvFormat, KvLayer, MatMul, Node, Norm,
    NormAdd, Op, Plan, Projection, Reach, Rope, RopeFactors, RopeStyle, Router, Rows, Scale, SelfAttention,
    Slice, Slot, SlotId, Temperature, Value, ValueInfo, WIDEST, WeightId, WeightSpec, WeightUses,
};
