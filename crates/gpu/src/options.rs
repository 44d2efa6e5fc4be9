//! Options of the backend.

use linnet_shaders::Math;

/// Returns a replacement for the WGSL of the kernel with this name.
pub type AlterKernels = fn(name: &str, wgsl: String) -> String;

/// Which adapter to use, and which of its features.
#[derive(Clone, Copy, Debug)]
pub struct GpuOptions {
    /// Use a software adapter if there is no other.
    pub allow_fallback: bool,
    /// Use a software adapter.
    pub force_fallback: bool,
    /// Use subgroup operations: if supported (`None`), never, or always; then an adapter without them is rejected.
    pub subgroups: Option<bool>,
    /// Arithmetic of products with matrices: the fastest (`None`), or this one; then an adapter without it is rejected.
    /// The kernels for software adapters support only [`Math::F32`] and are not used with another.
    pub math: Option<Math>,
    /// Select kernels by measuring them: except on a software adapter (`None`), or, for tests, always or never.
    pub tune: Option<bool>,
    /// Use the kernels for software adapters: on a software adapter (`None`), or, for tests, always or never.
    pub software_kernels: Option<bool>,
    /// Test kernels on small products and attentions before a model uses them. Without it, wrong kernels show in the
    /// output of the model, which a comparison of models needs.
    pub self_test: bool,
    /// For tests: the largest buffer to use for a weight.
    pub max_part_bytes: Option<u64>,
    /// Enable timestamps for [`Backend::profile`]; native only.
    pub timestamps: bool,
    /// For tests: changes the WGSL of kernels.
    pub alter_kernels: Option<AlterKernels>,
}

impl Default for GpuOptions {
    fn default() -> Self {
        GpuOptions {
            allow_fallback: true,
            force_fallback: false,
            subgroups: None,
            math: None,
            tune: None,
            software_kernels: None,
            self_test: true,
            max_part_bytes: None,
            timestamps: false,
            alter_kernels: None,
        }
    }
}
