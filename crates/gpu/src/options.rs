//! Which adapter to take and what to use of it.

use linnet_shaders::Math;

/// A kernel's text instead of the text of the kernel with this name.
pub type AlterKernels = fn(name: &str, wgsl: String) -> String;

/// Which adapter to take and what to use of it.
#[derive(Clone, Copy, Debug)]
pub struct GpuOptions {
    /// Take a software adapter where there is no other.
    pub allow_fallback: bool,
    /// Take a software adapter.
    pub force_fallback: bool,
    /// Use subgroup operations: where possible (`None`), never, or on no other adapter.
    pub subgroups: Option<bool>,
    /// What products with matrices are computed in: what suits the adapter (`None`), or this, on no other adapter than
    /// one that can. The kernels for software adapters know only [`Math::F32`] and are not used with another.
    pub math: Option<Math>,
    /// Choose among kernels by measuring them: unless the adapter is a software one (`None`), or, for tests, in any
    /// case.
    pub tune: Option<bool>,
    /// Use the kernels for adapters that run on the CPU: where it does (`None`), or, for tests, never (`Some(false)`).
    pub software_kernels: Option<bool>,
    /// Try kernels on small products and attentions before a model is trusted to them. Without it kernels that compute
    /// wrongly show in what the model says, which is what a comparison of models is for.
    pub self_test: bool,
    /// For tests: treat the adapter as one whose buffers hold no more than this.
    pub max_part_bytes: Option<u64>,
    /// Ask for the adapter's clock, for [`Backend::profile`]; natively.
    pub timestamps: bool,
    /// For tests: changes the text of kernels, given each one's name.
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
