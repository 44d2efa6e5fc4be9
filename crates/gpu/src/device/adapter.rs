//! The adapter: its description, and the limits that are requested.

/// The selected adapter, as the platform describes it.
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
    /// Least number of invocations of a subgroup, if subgroups are enabled.
    pub subgroup_size: Option<u32>,
    /// Kernels may compute in f16.
    pub shader_f16: bool,
    /// Kernels may multiply four integers of 8 bits at a time.
    pub packed_products: bool,
}

/// The result of `platform::open`.
pub(crate) struct Opened {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub adapter: Adapter,
}

/// The most workgroup memory to request. With more, fewer workgroups run at a time.
const WORKGROUP_MEMORY: u32 = 32 << 10;

/// The limits to request: WebGPU's defaults, but the largest buffers and bindings that the adapter supports, and
/// enough workgroup memory for long rows.
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
