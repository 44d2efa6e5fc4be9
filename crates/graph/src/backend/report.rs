//! Reports of a backend: its properties, memory and work.

/// Where a model runs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum BackendKind {
    /// The GPU, through WebGPU or a native API like it.
    WebGpu,
    /// The CPU.
    #[default]
    Cpu,
}

impl BackendKind {
    /// All of them.
    pub const ALL: [BackendKind; 2] = [BackendKind::WebGpu, BackendKind::Cpu];

    /// The name in requests and reports.
    pub const fn name(self) -> &'static str {
        match self {
            BackendKind::WebGpu => "webgpu",
            BackendKind::Cpu => "cpu",
        }
    }
}

/// Properties of a backend, for `info()` and for choosing defaults.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Capabilities {
    /// Where it runs.
    pub backend: BackendKind,
    /// The description of the adapter or processor.
    pub adapter: String,
    /// Whether it is a software adapter, which is slower than the CPU path.
    pub fallback_adapter: bool,
    /// Whether it also draws the screen, which freezes during a submission.
    pub draws_screen: bool,
    /// Optional features in use, e.g. `simd128`, `avx2`, `subgroups`.
    pub features: Vec<String>,
    /// Features that were turned off because they do not work on this device, and why.
    pub disabled_features: Vec<String>,
    /// Number of compute threads.
    pub threads: usize,
    /// The most tokens per step that the backend is efficient with.
    pub max_batch: usize,
    /// The most bytes of a layer's key cache or of an activation; `None` if only memory limits them.
    pub max_buffer: Option<u64>,
}

/// Memory of a compiled program in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct MemoryUse {
    /// Weights, as laid out by the backend.
    pub weights: u64,
    /// KV cache.
    pub kv: u64,
    /// Activations and staging.
    pub scratch: u64,
}

/// The time of a kernel in a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Timing {
    /// Name of the kernel.
    pub kernel: String,
    /// Part of the model.
    pub part: String,
    /// Duration.
    pub seconds: f64,
    /// The least bytes of weights that it reads; 0 if it reads none.
    pub bytes: f64,
    /// Multiply-adds with weights.
    pub macs: f64,
}

/// The work of a device since it was opened. Subtract two counts to get the work between them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Kernel dispatches.
    pub dispatches: u64,
    /// Submits, including empty ones that wait for the device.
    pub submits: u64,
    /// Bind groups created.
    pub bind_groups: u64,
    /// Buffers created.
    pub buffers: u64,
    /// Pipelines created.
    pub pipelines: u64,
    /// Bytes written to device memory.
    pub bytes_written: u64,
    /// Bytes read from device memory.
    pub bytes_read: u64,
    /// Reads of device memory.
    pub readbacks: u64,
    /// Microseconds during which the queue was known to be empty: from the arrival of a result after which nothing was
    /// queued to the next submit.
    pub empty_us: u64,
}
