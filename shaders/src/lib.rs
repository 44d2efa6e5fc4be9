//! The GPU kernels: WGSL sources (in `ops`, with includes in `shared`), the table of their variants, and next to each
//! kernel its oracle, a naive Rust function that says what it must compute.
//!
//! A [`Kernel`] is one shader module. Its sizes and flags are WGSL `override` constants, which the program that runs it
//! sets. Buffers are bound in group 0 in the order in which a source declares them.

mod cache;
mod compose;
mod dialect;
mod format;
mod kernel;
mod math;
pub mod oracle;
mod sizes;
mod table;
mod wgsl;

pub use cache::Cache;
pub use compose::ComposeError;
pub use dialect::Dialect;
pub use format::Format;
pub use kernel::Kernel;
pub use math::Math;
pub use sizes::{QUERIES, attention, broadcast, embed, experts, matmul, matvec, peaks, rows, sample};
pub use table::{all_kernels, all_variants};
