//! XXH64 over a stream, which tells whether a stored file still has the bytes that were written. It does not detect
//! forgery, but no hash that is stored next to its file could, and SHA-256 would take longer than the rest of a load.

use std::hash::Hasher;

use js_sys::Uint8Array;
use twox_hash::XxHash64;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::pieces::each_piece;

/// A checksum in progress.
#[wasm_bindgen]
#[derive(Default)]
pub struct Checksum {
    sum: XxHash64,
    piece: Vec<u8>,
}

#[wasm_bindgen]
impl Checksum {
    /// The checksum of no bytes.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &Uint8Array) {
        each_piece(bytes, &mut self.piece, |piece| self.sum.write(piece));
    }

    /// The checksum of all bytes so far: 16 digits, lower-case hexadecimal.
    pub fn hex(&self) -> String {
        format!("{:016x}", self.sum.finish())
    }
}
