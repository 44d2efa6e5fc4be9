//! What JavaScript sees of Linnet. Thin: conversions only; the worker in `web/` drives it.
#![cfg(target_arch = "wasm32")]

mod checksum;
mod engine;
mod error;
mod loader;
mod pieces;
mod platform;
mod promise;
mod sha256;
#[cfg(target_feature = "atomics")]
mod threads;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(message: &str);
}

/// Runs once when the module is instantiated: say where a panic is, and why, before the trap.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| console_error(&format!("The engine failed: {info}"))));
}

/// Every WGSL shader that the GPU path may compile in a browser: JSON `[[name, source], ...]`, for tests.
#[wasm_bindgen(js_name = shaderVariants)]
pub fn shader_variants() -> Result<String, wasm_bindgen::JsValue> {
    serde_json::to_string(&linnet_gpu::web_shaders()).map_err(error::internal)
}
