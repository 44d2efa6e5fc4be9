//! Differences between WGSL compilers.

/// A WGSL compiler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// naga, in wgpu's native backends: subgroup operations need no `enable`.
    Naga,
    /// A browser: subgroup operations must be enabled.
    Browser,
}
