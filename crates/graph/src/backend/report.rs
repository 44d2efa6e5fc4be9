//! What a backend says of itself and of its work.

use std::collections::BTreeMap;

/// What a backend is and can do, for `info()` and for choosing defaults.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Capabilities {
    /// `cpu` or `webgpu`.
    pub backend: &'static str,
    /// The adapter's or the processor's own description.
    pub adapter: String,
    /// It is a software adapter, slower than the CPU path.
    pub fallback_adapter: bool,
    /// It draws what people look at, too: while it is at one piece of work, their screen stands still.
    pub draws_screen: bool,
    /// Optional features in use, e.g. `simd128`, `avx2`, `subgroups`.
    pub features: Vec<String>,
    /// What was given up because it turned out not to work here, and why.
    pub disabled_features: Vec<String>,
    /// Threads that compute.
    pub threads: usize,
    /// The most tokens of one step that suits the backend.
    pub max_batch: usize,
    /// The most bytes that the cache of a layer's keys, or an activation, may take; `None` where only memory bounds
    /// them.
    pub max_buffer: Option<u64>,
}

/// Bytes that a compiled program holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct MemoryUse {
    /// Weights, as laid out by the backend.
    pub weights: u64,
    /// KV cache.
    pub kv: u64,
    /// Activations and staging.
    pub scratch: u64,
}

/// One kernel's part in a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Timing {
    /// Name of the kernel.
    pub kernel: String,
    /// Part of the model.
    pub part: String,
    /// From its beginning to its end.
    pub seconds: f64,
    /// Bytes of weights that it reads at least; 0 where it reads none.
    pub bytes: f64,
    /// Products with weights that it adds up.
    pub macs: f64,
}

/// What was asked of a device since it was opened; differences of two are what lay between.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Kernels started.
    pub dispatches: u64,
    /// Submits of work, or of nothing, to wait for the device.
    pub submits: u64,
    /// Bind groups made.
    pub bind_groups: u64,
    /// Buffers made.
    pub buffers: u64,
    /// Pipelines made.
    pub pipelines: u64,
    /// Bytes written to the device.
    pub bytes_written: u64,
    /// Bytes read back.
    pub bytes_read: u64,
    /// Times that we waited for the device to read something back.
    pub readbacks: u64,
    /// Microseconds in which the device had nothing to do, as far as it is known: from when a result came behind which
    /// nothing was queued to the next submit.
    pub empty_us: u64,
}

impl Counters {
    /// What lies between an earlier count and this one, divided by so many tokens.
    pub fn per_token(&self, before: &Counters, tokens: usize) -> BTreeMap<&'static str, f64> {
        let both = before.entries().into_iter().zip(self.entries());
        let share = |before: u64, after: u64| after.saturating_sub(before) as f64 / tokens.max(1) as f64;
        both.map(|((name, before), (_, after))| (name, share(before, after))).collect()
    }

    /// Names and values.
    pub fn entries(&self) -> [(&'static str, u64); 9] {
        [
            ("dispatches", self.dispatches),
            ("submits", self.submits),
            ("bind_groups", self.bind_groups),
            ("buffers", self.buffers),
            ("pipelines", self.pipelines),
            ("bytes_written", self.bytes_written),
            ("bytes_read", self.bytes_read),
            ("readbacks", self.readbacks),
            ("queue_empty_us", self.empty_us),
        ]
    }
}
