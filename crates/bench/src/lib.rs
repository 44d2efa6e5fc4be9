//! Measures each kernel of the CPU backend on its own, and the machine's read bandwidth.
//!
//! Every figure comes from a graph of one repeated operation that runs through [`Backend`] like any model.
//! The same source measures natively (`linnet bench --ops`) and as wasm in Node (the example `ops`), because
//! the caller provides the clock. A figure is the best of several runs: other work on the machine makes a run
//! slower, never faster.
//!
//! [`Backend`]: linnet_graph::Backend

mod cases;
mod measure;
mod programs;

pub use cases::{Cases, Heads, Matrix};
pub use measure::{AttentionSpeed, MatrixSpeed, Rate, Report, RowSpeed, measure};

/// Why a case cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No block format has this name.
    #[error("unknown block format `{0}`")]
    UnknownFormat(String),
    /// An impossible shape: rows that are not a whole number of blocks, heads that cannot be divided, or a
    /// width of 0.
    #[error("{0} cannot be measured")]
    Shape(String),
    /// Mismatched shapes.
    #[error(transparent)]
    Graph(#[from] linnet_graph::GraphError),
    /// An error of the backend.
    #[error(transparent)]
    Backend(#[from] linnet_graph::BackendError),
}
