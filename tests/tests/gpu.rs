//! The GPU backend against the oracles, natively: lavapipe where there is no other adapter.

use linnet_gpu::{GpuBackend, GpuOptions};
use linnet_graph::BackendError;
use linnet_tests::{judge_all, judge_every, sabotage_every};

fn open(options: GpuOptions) -> Result<GpuBackend, BackendError> {
    pollster::block_on(GpuBackend::new(options))
}

/// Runs `test` with a function that opens a device, or says that there is none.
fn with_gpu(options: GpuOptions, test: impl Fn(&dyn Fn() -> GpuBackend)) {
    match open(options) {
        Err(BackendError::NoAdapter { reason }) => println!("skipped: no adapter ({reason})"),
        Err(error) => panic!("{error}"),
        Ok(backend) => {
            println!("{:?}", backend.adapter());
            test(&|| open(options).unwrap_or_else(|error| panic!("{error}")));
        }
    }
}

#[test]
fn gpu_with_subgroups() {
    with_gpu(GpuOptions::default(), |make| judge_all(make));
}

#[test]
fn gpu_without_subgroups() {
    with_gpu(GpuOptions { subgroups: Some(false), ..GpuOptions::default() }, |make| judge_all(make));
}

/// Tensors in parts, as on a device with small bindings.
#[test]
fn gpu_with_small_bindings() {
    with_gpu(GpuOptions { max_part_bytes: Some(4200), ..GpuOptions::default() }, |make| judge_every(4, make));
}

#[test]
fn gpu_comparisons_can_fail() {
    with_gpu(GpuOptions::default(), |make| sabotage_every(17, make));
}
