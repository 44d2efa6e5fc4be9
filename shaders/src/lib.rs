//! The GPU kernels: WGSL sources (`ops/*.wgsl`, with includes in `shared/`), the table of their variants, and beside
//! each kernel its oracle, a naive Rust function that says what it must compute.
//!
//! A [`Kernel`] is one shader module; what remains open in it (sizes, flags) are WGSL `override` constants, which the
//! program that runs it sets. Buffers are bound in group 0 in the order in which a source declares them.

mod cache;
mod compose;
mod format;
mod kernel;
pub mod oracle;
mod sizes;

pub use cache::Cache;
pub use format::Format;
pub use kernel::{Dialect, Kernel, all_kernels, all_variants};
pub use sizes::{QUERIES, attention, broadcast, choose, embed, experts, matmul, matvec, peaks, rows};
