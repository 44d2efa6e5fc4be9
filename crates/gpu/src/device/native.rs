//! The system's own GPU interface.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use linnet_graph::{BackendError, ForeignBytes};

use crate::device::adapter::{Adapter, Opened, required_limits};
use crate::device::buffer::Buffer;
use crate::device::faults::Faults;
use crate::error::no_adapter;
use crate::options::GpuOptions;

pub(crate) async fn open(options: &GpuOptions) -> Result<Opened, BackendError> {
    let descriptor = wgpu::InstanceDescriptor {
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let instance = wgpu::Instance::new(descriptor);
    let request = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        force_fallback_adapter: options.force_fallback,
        ..Default::default()
    };
    let adapter = instance.request_adapter(&request).await.map_err(no_adapter)?;
    let info = adapter.get_info();
    let fallback = info.device_type == wgpu::DeviceType::Cpu;
    if fallback && !(options.allow_fallback || options.force_fallback) {
        return Err(no_adapter(format!("there is only a software adapter, {}", info.name)));
    }
    let possible = adapter.features().contains(wgpu::Features::SUBGROUP) && info.subgroup_min_size >= 4;
    let subgroups = possible && options.subgroups.unwrap_or(true);
    let mut features = wgpu::Features::empty();
    features.set(wgpu::Features::SUBGROUP, subgroups);
    let shader_f16 = adapter.features().contains(wgpu::Features::SHADER_F16);
    features.set(wgpu::Features::SHADER_F16, shader_f16);
    let clock = wgpu::Features::TIMESTAMP_QUERY;
    features.set(clock, options.timestamps && adapter.features().contains(clock));
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("linnet"),
        required_features: features,
        required_limits: required_limits(&adapter.limits()),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    };
    let (device, queue) = adapter.request_device(&descriptor).await.map_err(no_adapter)?;
    let adapter = Adapter {
        vendor: String::new(),
        architecture: format!("{:?}", info.backend),
        description: info.name,
        fallback,
        subgroup_size: subgroups.then_some(info.subgroup_min_size),
        shader_f16,
        packed_products: true, // naga replaces them by other instructions if needed
    };
    Ok(Opened { device, queue, adapter })
}

pub(crate) fn catch_errors(device: &wgpu::Device, faults: &Faults) {
    let faults = faults.clone();
    device.on_uncaptured_error(Arc::new(move |error| faults.report(classify(&error))));
}

/// Waits for a submission and runs callbacks; a browser does that by itself.
pub(crate) fn drive(device: &wgpu::Device, submission: Option<wgpu::SubmissionIndex>) {
    // A failure shows as a missing callback and a lost device.
    let waited = device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None });
    if waited.is_err() {
        // On a lost device, waiting for everything runs the callbacks that report the loss.
        let _ = device.poll(wgpu::PollType::wait_indefinitely());
    }
}

/// A clock, in milliseconds.
pub(crate) fn now_ms() -> f64 {
    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGINNING.elapsed().as_secs_f64() * 1000.0
}

/// Natively, callbacks have already reported a lost device.
pub(crate) async fn hear_out() {}

pub(crate) fn write_foreign(
    _queue: &wgpu::Queue,
    _buffer: &Buffer,
    _offset: u64,
    _bytes: &dyn ForeignBytes,
    _from: usize,
    _len: usize,
) -> Result<bool, BackendError> {
    Ok(false)
}

/// Converts a device error that no scope caught.
fn classify(error: &wgpu::Error) -> BackendError {
    match error {
        wgpu::Error::OutOfMemory { .. } => {
            BackendError::OutOfMemory { what: "the GPU's work".to_owned(), bytes: 0 }
        }
        other => BackendError::Internal(other.to_string()),
    }
}
