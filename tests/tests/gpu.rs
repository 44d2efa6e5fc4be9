//! The GPU backend against the oracles, natively: lavapipe where there is no other adapter.

use linnet_gpu::{GpuBackend, GpuOptions, Math};
use linnet_graph::BackendError;
use linnet_quant::DType;
use linnet_shaders::Format;
use linnet_tests::{judge_all, judge_every, judge_rounded, judge_where, sabotage_every};

/// A device, or `None` and a word about it where there is no adapter. Its clones share the compiled pipelines. What it computes in
/// does not depend on how fast it is.
fn gpu(options: GpuOptions) -> Option<GpuBackend> {
    let options = GpuOptions { tune: Some(false), ..options };
    match pollster::block_on(GpuBackend::new(options)) {
        Err(BackendError::NoAdapter { reason }) => {
            println!("skipped: no adapter ({reason})");
            None
        }
        Err(error) => panic!("{error}"),
        Ok(backend) => {
            println!("{:?}", backend.adapter());
            Some(backend)
        }
    }
}

/// As on the adapter at hand; on lavapipe, with the kernels for software adapters.
#[test]
fn gpu_as_it_is() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        judge_every(3, || gpu.clone());
    }
}

#[test]
fn gpu_with_subgroups() {
    if let Some(gpu) = gpu(GpuOptions { software_kernels: Some(false), ..GpuOptions::default() }) {
        judge_all(|| gpu.clone());
    }
}

/// What becomes one dispatch, each shape on the kernels for software adapters, too.
#[test]
fn gpu_fused_parts_of_layers() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        let fused =
            ["self-attention", "mixture of experts", "norms around", "model of Q4_K", "model of Q5_0"];
        judge_where(|case| fused.iter().any(|part| case.name.starts_with(part)), || gpu.clone());
    }
}

/// What takes parts of a row where they lie.
#[test]
fn gpu_parts_of_rows() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        let fused = ["gated conv", "gated parts"];
        judge_where(|case| fused.iter().any(|part| case.name.starts_with(part)), || gpu.clone());
    }
}

/// What a product of one row makes by the way, on the kernels for other adapters.
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

/// What differs is how a product of one row is added up.
#[test]
fn gpu_without_subgroups() {
    if let Some(gpu) = gpu(GpuOptions { subgroups: Some(false), ..GpuOptions::default() }) {
        judge_every(3, || gpu.clone());
    }
}

/// Tensors in parts, as on a device with small bindings.
#[test]
fn gpu_with_small_bindings() {
    if let Some(gpu) = gpu(GpuOptions { max_part_bytes: Some(16_400), ..GpuOptions::default() }) {
        let tables = [DType::Q4_K, DType::Q6_K, DType::IQ3_S].map(|dtype| format!("tied head {dtype}"));
        let keep = |name: &str| {
            name.starts_with("expert_matmul")
                || name.starts_with("mixture of experts")
                || name.starts_with("norms around")
                || name.contains("of 130 rows")
                || tables.iter().any(|t| t == name)
        };
        judge_where(|case| keep(&case.name), || gpu.clone());
    }
}

/// Products with the integers of matrices: every format that has them, and all forms of products, every other case with
/// subgroups and the rest without. Products may be off by so many times as much as exact ones, whole models by so many times.
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

/// Inputs of 8 bits: off by up to 1/254 of the greatest of 32, which is some thousandths of each. Most products are off by 1e-4 at
/// most, a gated one by up to 8e-4.
#[test]
fn gpu_products_in_int8() {
    products_in(Math::Int8, [4e4, 300.0]);
}

#[test]
fn gpu_comparisons_can_fail() {
    if let Some(gpu) = gpu(GpuOptions::default()) {
        sabotage_every(17, || gpu.clone());
    }
}
