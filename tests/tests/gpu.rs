//! Compares the GPU backend with the oracles, natively: on the available adapter, otherwise lavapipe with its
//! kernels.

mod device;

use device::gpu;
use linnet_gpu::GpuOptions;
use linnet_quant::DType;
use linnet_tests::{judge_every, judge_where, sabotage_every};

/// The default kernels of the available adapter; on lavapipe, those for software adapters.
#[test]
fn gpu_as_it_is() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        judge_every(3, || gpu.clone());
    }
}

/// Fused operations at every shape, on the kernels for software adapters too.
#[test]
fn gpu_fused_parts_of_layers() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        let fused =
            ["self-attention", "mixture of experts", "norms around", "model of Q4_K", "model of Q5_0"];
        judge_where(|case| fused.iter().any(|part| case.name.starts_with(part)), || gpu.clone());
    }
}

/// Operations that read parts of a row in place.
#[test]
fn gpu_parts_of_rows() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        let fused = ["gated conv", "gated parts"];
        judge_where(|case| fused.iter().any(|part| case.name.starts_with(part)), || gpu.clone());
    }
}

/// Split tensors, as on a device with small bindings.
#[test]
fn gpu_with_small_bindings() {
    if let Some(gpu) = gpu(GpuOptions { max_part_bytes: Some(16_400), ..GpuOptions::default() }) {
        let tables = [DType::Q4_K, DType::Q6_K, DType::IQ3_S].map(|dtype| format!("tied head {dtype}"));
        let keep = |name: &str| {
            name.starts_with("expert_matmul")
                || name.starts_with("mixture of experts")
                || name.starts_with("norms around")
                || name.starts_with("halves of")
                || name.contains("of 130 rows")
                || tables.iter().any(|t| t == name)
        };
        judge_where(|case| keep(&case.name), || gpu.clone());
    }
}

/// Embedding tables in two halves that one dispatch reads.
#[test]
fn gpu_with_halved_tables() {
    for (dtype, bytes) in [(DType::F16, 6_000), (DType::Q6_K, 24_000), (DType::Q8_0, 4_000)] {
        if let Some(gpu) = gpu(GpuOptions { max_part_bytes: Some(bytes), ..GpuOptions::default() }) {
            judge_where(|case| case.name == format!("tied head {dtype}"), || gpu.clone());
        }
    }
}

#[test]
fn gpu_comparisons_can_fail() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        sabotage_every(17, || gpu.clone());
    }
}
