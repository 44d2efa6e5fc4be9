//! The GPU backend's kernels for other than software adapters against the oracles, with subgroups and without.

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

/// What differs is how a product of one row is added up.
#[test]
fn gpu_without_subgroups() {
    if let Some(gpu) = gpu(GpuOptions { subgroups: Some(false), ..GpuOptions::default() }) {
        judge_every(3, || gpu.clone());
    }
}
