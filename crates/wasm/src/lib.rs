//! linnet-wasm
