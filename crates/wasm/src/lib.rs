//! What JavaScript sees of Linnet. Thin: conversions only; the worker in `web/` drives it.
#![cfg(target_arch = "wasm32")]

mod checksum;
mod constraint;
mod engine;
mod error;
mod loader;
mod pieces;
mod platform;
mod promise;
mod sha256;
#[cfg(target_feature = "atomics")]
mod threads;
mod value;

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs once when the module is instantiated: a panic is printed to the console before the trap.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Every WGSL shader that the GPU path may compile in a browser: JSON `[[name, source], ...]`, for tests.
#[wasm_bindgen(js_name = shaderVariants)]
pub fn shader_variants() -> Result<String, wasm_bindgen::JsValue> {
    serde_json::to_string(&linnet_gpu::web_shaders()).map_err(error::internal)
}
