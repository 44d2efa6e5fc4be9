//! Differences between those who compile WGSL.

/// Who compiles the WGSL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// naga, through wgpu's native backends: it knows subgroup operations without any `enable`.
    Naga,
    /// A browser: subgroup operations must be enabled.
    Browser,
}
