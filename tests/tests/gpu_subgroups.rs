//! Compares the kernels for hardware adapters with the oracles, with and without subgroups.

mod device;

use device::gpu;
use linnet_gpu::GpuOptions;
use linnet_tests::{judge_all, judge_every};

#[test]
fn gpu_with_subgroups() {
    if let Some(gpu) = gpu(GpuOptions { software_kernels: Some(false), ..GpuOptions::default() }) {
        judge_all(|| gpu.clone());
    }
}

/// Only the reduction of one-row products differs.
#[test]
fn gpu_without_subgroups() {
    if let Some(gpu) = gpu(GpuOptions { subgroups: Some(false), ..GpuOptions::default() }) {
        judge_every(3, || gpu.clone());
    }
}
