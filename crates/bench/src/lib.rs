//! How fast each kernel of the CPU backend is by itself, beside how fast the machine reads memory.
//!
//! Every figure is of a graph of one operation, repeated, that goes the way of any model: through [`Backend`]. The same
//! source measures natively (`linnet bench --ops`) and as wasm in Node (the example `ops`), for the clock is the caller's.
//! A figure is the best of several runs: other work on the machine makes a run slower, never faster.
//!
//! [`Backend`]: linnet_graph::Backend

mod cases;
mod measure;
mod programs;

pub use cases::{Cases, Heads, Matrix};
pub use measure::{AttentionSpeed, MatrixSpeed, Rate, Report, RowSpeed, measure};

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No block format has this name.
    #[error("there is no block format `{0}`")]
    UnknownFormat(String),
    /// A shape that no graph has: rows that are no whole number of blocks, heads that cannot be shared out, nothing at all.
    #[error("{0} cannot be measured")]
    Shape(String),
    /// Shapes that do not go together.
    #[error(transparent)]
    Graph(#[from] linnet_graph::GraphError),
    /// The backend's own.
    #[error(transparent)]
    Backend(#[from] linnet_graph::BackendError),
}
