//! The functions of a Web Worker that computes for the engine. It shares the engine's module and memory.

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes a slot in the engine's pool; `undefined` if all are taken. After that the worker reports that it is ready.
#[wasm_bindgen(js_name = takeSlot)]
pub fn take_slot() -> Option<usize> {
    linnet_cpu::take_slot()
}

/// Runs the engine's tasks in that slot. Does not return.
#[wasm_bindgen]
pub fn work(slot: usize) {
    linnet_cpu::work(slot);
}

/// Reports that this worker failed with an exception, so that the engine does not wait for it.
#[wasm_bindgen]
pub fn abandon() {
    linnet_cpu::abandon();
}
