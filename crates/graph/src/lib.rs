//! The one intermediate representation between model definitions and backends.
//!
//! A model records itself once into a [`Graph`] through a [`Builder`]; [`fuse`] rewrites the graph into fewer,
//! larger operations, [`fuse_dispatches`] further if the backend dispatches each one; [`Plan`] assigns activations
//! to slots; a [`Backend`] compiles the plan and replays it for every [`Step`]. Nothing here knows a kernel, a device
//! or a file format.
//!
//! Activations are matrices of f32 whose row count is symbolic ([`Rows`]) and whose width is fixed, so that one
//! recording serves prefill (many rows) and decode (one row).

mod backend;
mod fusion;
mod ir;

pub use backend::{
    Backend, BackendError, BackendKind, Bytes, Capabilities, Counters, DecodeAhead, DecodeRequest,
    ForeignBytes, MemoryUse, NoDecodeAhead, Output, OutputRequest, SamplingParams, Step, Timing,
};
pub use fusion::{fuse, fuse_dispatches};
pub use ir::{
    Activation, Attention, Builder, Choice, CompileOptions, Conv, DeltaNet, Epilogue, ExpertMatMul,
    FusedEpilogue, FusedMatMul, FusedOp, GatedConv, GatedExperts, GatedParts, Gating, Graph, GraphError,
    KvFormat, KvHistory, KvLayer, MatMul, Node, Norm, NormAdd, Op, Plan, Projection, Rope, RopeFactors,
    RopeStyle, Router, Rows, Scale, SelfAttention, Slice, Slot, SlotId, Temperature, Value, ValueInfo,
    WIDEST, WeightId, WeightSpec, WeightUses,
};
