//! What a Web Worker calls that computes for the engine: it has the engine's module and memory, and nothing else to do.

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes a slot of the engine's pool; `undefined` where there is none left. The worker may then say that it is ready.
#[wasm_bindgen(js_name = takeSeat)]
pub fn take_slot() -> Option<usize> {
    linnet_cpu::take_slot()
}

/// Works for the engine on that slot. Does not return.
#[wasm_bindgen]
pub fn work(slot: usize) {
    linnet_cpu::work(slot);
}

/// Says that this worker has died of an exception, so that the engine does not wait for it.
#[wasm_bindgen]
pub fn abandon() {
    linnet_cpu::abandon();
}
