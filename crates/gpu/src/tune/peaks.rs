//! The adapter's peak bandwidth and arithmetic, to compare the speed of kernels with.

use linnet_graph::BackendError;
use linnet_shaders::{Kernel, peaks};
use wgpu::{BindingResource, BufferUsages};

use crate::kernels::{Constants, Gpu};

/// A device's limits, measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Peaks {
    /// Read bandwidth in 10⁹ bytes per second.
    pub read_gb_per_s: f64,
    /// 10⁹ floating-point operations per second, two for each fused multiply and add of f32.
    pub fma_gflop_per_s: f64,
}

/// Size of the buffer that is read, of a GPU and of a software adapter: larger than caches.
const READ_BYTES: [u64; 2] = [1 << 30, 128 << 20];
/// Workgroups, of a GPU and of a software adapter.
const GROUPS: [u32; 2] = [8192, 64];
/// Loop iterations of an invocation of `peak_fma`.
const STEPS: u32 = 512;
/// Shortest measurement, long enough to hide the cost of a submit.
const LONG_MS: f64 = 100.0;
/// Number of measurements; the best counts.
const RUNS: usize = 5;

/// Measures a device's limits; `now_ms` is a clock in milliseconds. Takes a few seconds.
pub(crate) async fn peaks(gpu: &Gpu, now_ms: impl Fn() -> f64) -> Result<Peaks, BackendError> {
    let device = &gpu.device;
    let kind = usize::from(device.adapter.fallback);
    let groups = GROUPS[kind];
    let bytes = READ_BYTES[kind].min(device.max_part) / 16 * 16;
    let words = device.buffer("words to read", bytes, BufferUsages::STORAGE)?;
    let y = device.buffer("no results", 16, BufferUsages::STORAGE)?;
    let quads = vec![("QUADS", (bytes / 16) as f64)];
    let read = [words.as_entire_binding(), y.as_entire_binding()];
    let read = seconds(gpu, (Kernel::PeakRead, quads), &read, groups, &now_ms).await?;
    let steps = vec![("STEPS", f64::from(STEPS))];
    let computed = [y.as_entire_binding()];
    let compute = seconds(gpu, (Kernel::PeakFma, steps), &computed, groups, &now_ms).await?;
    let invocations = f64::from(groups) * f64::from(peaks::THREADS);
    let flops = invocations * f64::from(STEPS) * f64::from(peaks::FLOPS);
    Ok(Peaks { read_gb_per_s: bytes as f64 / read / 1e9, fma_gflop_per_s: flops / compute / 1e9 })
}

/// Seconds of one dispatch among many.
async fn seconds(
    gpu: &Gpu,
    (kernel, constants): (Kernel, Constants),
    buffers: &[BindingResource<'_>],
    groups: u32,
    now_ms: &impl Fn() -> f64,
) -> Result<f64, BackendError> {
    let device = &gpu.device;
    let pipeline = gpu.pipeline(kernel, &constants);
    let entries: Vec<_> = (0..)
        .zip(buffers)
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource: resource.clone() })
        .collect();
    let bindings = device.calls.bind_group(&wgpu::BindGroupDescriptor {
        label: Some(&kernel.name()),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    device.settle().await?;
    let run = async |count: u32| {
        let start = now_ms();
        let mut encoder = device.calls.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        for _ in 0..count {
            device.calls.dispatch(&mut pass, [groups, 1]);
        }
        drop(pass);
        device.calls.submit(Some(encoder.finish()));
        device.idle().await?;
        Ok::<f64, BackendError>(now_ms() - start)
    };
    // The first run compiles the kernel and clears the buffers.
    run(1).await?;
    let mut count = 1;
    while run(count).await? < LONG_MS && count < 1 << 16 {
        count *= 2;
    }
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        best = best.min(run(count).await?);
    }
    Ok(best / 1e3 / f64::from(count))
}
