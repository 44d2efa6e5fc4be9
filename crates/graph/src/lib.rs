//! The one intermediate representation between model definitions and backends.
//!
//! A model records itself once into a [`Graph`] through a [`Builder`]; [`fuse`] rewrites the graph into fewer,
//! larger operations; [`Plan`] assigns activations to slots; a [`Backend`] compiles the plan and replays it for every
//! [`Step`]. Nothing here knows a kernel, a device or a file format.
//!
//! Activations are matrices of f32 whose row count is symbolic ([`Rows`]) and whose width is fixed, so that one
//! recording serves prefill (many rows) and decode (one row).

mod backend;
mod builder;
mod fuse;
mod op;
mod plan;
mod print;

pub use backend::{
    Backend, BackendError, Bytes, Capabilities, CompileOptions, ForeignBytes, MemoryUse, Output, Step, Want,
};
pub use builder::{Builder, GraphError};
pub use fuse::fuse;
pub use op::{
    Attention, Epilogue, Graph, KvLayer, MatMul, Node, Norm, Op, Projection, Rope, RopeStyle, Rows, Value,
    ValueInfo, WeightId, WeightSpec, WeightUses,
};
pub use plan::{Plan, Slot, SlotId};
