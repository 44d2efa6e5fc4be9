//! The adapter: what it is, and what is asked of it.

/// The adapter that was chosen, as the platform describes it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Adapter {
    /// E.g. `nvidia`; may be empty.
    pub vendor: String,
    /// E.g. `ampere`; may be empty.
    pub architecture: String,
    /// Free text; may be empty.
    pub description: String,
    /// It is a software adapter.
    pub fallback: bool,
    /// Least number of invocations of a subgroup, where the device has them enabled.
    pub subgroup_size: Option<u32>,
    /// Kernels may compute in f16.
    pub shader_f16: bool,
    /// Kernels may multiply four integers of 8 bits at a time.
    pub packed_products: bool,
}

/// What `platform::open` found.
pub(crate) struct Opened {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub adapter: Adapter,
}

/// The most memory of a workgroup that is asked for. With more, fewer of them run at a time.
const WORKGROUP_MEMORY: u32 = 32 << 10;

/// What is asked of an adapter: WebGPU's defaults, but buffers and bindings as large as it allows, and room for long
/// rows.
pub(crate) fn required_limits(available: &wgpu::Limits) -> wgpu::Limits {
    wgpu::Limits {
        max_compute_workgroup_storage_size: available
            .max_compute_workgroup_storage_size
            .min(WORKGROUP_MEMORY),
        max_buffer_size: available.max_buffer_size,
        max_storage_buffer_binding_size: available.max_storage_buffer_binding_size,
        ..wgpu::Limits::default()
    }
}
