//! A wasm module with the measurements, which `cargo xtask bench --ops` runs in Node.
#![cfg(target_arch = "wasm32")]

use linnet_bench::Cases;
use linnet_cpu::{CpuBackend, CpuOptions};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn now_ms() -> f64;
}

/// Measures the cases (JSON) with all registered threads and returns the report as JSON, or an error message.
#[wasm_bindgen]
pub fn measure(cases: &str) -> Result<String, String> {
    let cases: Cases = serde_json::from_str(cases).map_err(|error| error.to_string())?;
    let mut backend = CpuBackend::new(CpuOptions::default());
    let report = linnet_bench::measure(&mut backend, &cases, now_ms).map_err(|error| error.to_string())?;
    serde_json::to_string(&report).map_err(|error| error.to_string())
}

/// Registers a worker thread and returns its slot.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen(js_name = takeSlot)]
pub fn take_slot() -> Option<usize> {
    linnet_cpu::take_slot()
}

/// Runs the worker. Does not return.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen]
pub fn work(slot: usize) {
    linnet_cpu::work(slot);
}
