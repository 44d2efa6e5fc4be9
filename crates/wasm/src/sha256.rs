//! SHA-256 over a stream, which WebCrypto does not offer.

use js_sys::Uint8Array;
use sha2::Digest;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::pieces::each_piece;

/// A SHA-256 in progress.
#[wasm_bindgen]
#[derive(Default)]
pub struct Sha256 {
    hash: sha2::Sha256,
    piece: Vec<u8>,
}

#[wasm_bindgen]
impl Sha256 {
    /// The hash of no bytes.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &Uint8Array) {
        each_piece(bytes, &mut self.piece, |piece| self.hash.update(piece));
    }

    /// The hash of all bytes so far, in lower-case hexadecimal.
    pub fn hex(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
