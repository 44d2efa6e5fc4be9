//! Compares matrix products on the kernels for hardware adapters with the oracles: fused, in f16 and in
//! integers.

mod device;

use device::gpu;
use linnet_gpu::{GpuOptions, Math};
use linnet_quant::DType;
use linnet_shaders::Format;
use linnet_tests::{judge_rounded, judge_where};

/// The fused outputs of a one-row product, on the kernels for hardware adapters.
#[test]
fn gpu_fused_products_with_and_without_subgroups() {
    let with = GpuOptions { software_kernels: Some(false), ..GpuOptions::default() };
    for options in [with, GpuOptions { subgroups: Some(false), ..GpuOptions::default() }] {
        let fused = ["norms around Q8_0", "norms around F32, F16", "model of Q5_0"];
        if let Some(gpu) = gpu(options) {
            judge_where(|case| fused.iter().any(|part| case.name.starts_with(part)), || gpu.clone());
        }
    }
}

/// Products with integer matrices: every format that supports them and all forms of products, every other
/// case with subgroups and the rest without. The error limits are multiplied by `of_products` and, for whole
/// models, `of_models`.
fn products_in(math: Math, [of_products, of_models]: [f64; 2]) {
    let integers = DType::ALL.into_iter().filter(|dtype| Format::of(*dtype).math().contains(&math));
    let mut products: Vec<String> = integers.map(|dtype| format!("matmul {dtype}")).collect();
    products.extend(
        ["Q8_0 of 130 rows", "Q4_1 of 1536 columns", "with bias", "Q5_0 and residual", "Q4_K and residual"]
            .map(|what| format!("matmul {what}")),
    );
    let starts = ["norm, gate Q4_K", "norm, gate Q8_0 and up Q8_0", "tied head Q6_K", "tied head MXFP4"];
    let more =
        ["expert_matmul Q8_0", "mixture of experts", "norms around Q", "norm and Q4_K", "norm and Q4_0"];
    let is_product = |name: &str| {
        products.iter().any(|product| product == name)
            || starts.iter().chain(&more).any(|start| name.starts_with(start))
    };
    let models = ["model of Q4_K", "model of Q5_0"];
    let is_model = |name: &str| models.iter().any(|start| name.starts_with(start));
    for (subgroups, turn) in [(None, 0), (Some(false), 1)] {
        let Some(gpu) = gpu(GpuOptions { math: Some(math), subgroups, ..GpuOptions::default() }) else {
            return;
        };
        let index = std::cell::Cell::new(turn);
        let next = || index.replace(index.get() + 1) % 2 == 0;
        judge_rounded(of_products, |case| is_product(&case.name) && next(), || gpu.clone());
        judge_rounded(of_models, |case| is_model(&case.name) && next(), || gpu.clone());
    }
}

/// Inputs of 11 bits, and sums of four products that are rounded to 11 bits.
#[test]
fn gpu_products_in_f16() {
    products_in(Math::F16, [100.0, 20.0]);
}

/// 8-bit inputs: off by up to 1/254 of the largest of 32, a few thousandths of each. Most products are off by
/// at most 1e-4, gated ones by up to 8e-4.
#[test]
fn gpu_products_in_int8() {
    products_in(Math::Int8, [4e4, 300.0]);
}
