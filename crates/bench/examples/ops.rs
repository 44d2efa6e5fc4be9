//! The measurements as a wasm module that `cargo xtask bench --ops` runs in Node.
#![cfg(target_arch = "wasm32")]

use linnet_bench::Cases;
use linnet_cpu::{CpuBackend, CpuOptions};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn now_ms() -> f64;
}

/// Measures the cases (JSON) with all threads that have come, or says what is wrong. Returns the report as JSON.
#[wasm_bindgen]
pub fn measure(cases: &str) -> Result<String, String> {
    let cases: Cases = serde_json::from_str(cases).map_err(|error| error.to_string())?;
    let mut backend = CpuBackend::new(CpuOptions::default());
    let report = linnet_bench::measure(&mut backend, &cases, now_ms).map_err(|error| error.to_string())?;
    serde_json::to_string(&report).map_err(|error| error.to_string())
}

/// A worker has come; gives it its seat.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen(js_name = takeSeat)]
pub fn take_seat() -> Option<usize> {
    linnet_cpu::take_slot()
}

/// It works. Does not return.
#[cfg(target_feature = "atomics")]
#[wasm_bindgen]
pub fn work(seat: usize) {
    linnet_cpu::work(seat);
}
