//! Bytes of JavaScript, copied into the wasm heap a piece at a time.

use js_sys::Uint8Array;

/// Bytes of a piece, small enough for the processor's cache.
const PIECE: u32 = 64 << 10;

/// Passes all bytes in order to `take`. `piece` is a buffer that the next call can reuse.
pub(crate) fn each_piece(bytes: &Uint8Array, piece: &mut Vec<u8>, mut take: impl FnMut(&[u8])) {
    for start in (0..bytes.length()).step_by(PIECE as usize) {
        let end = bytes.length().min(start + PIECE);
        piece.resize((end - start) as usize, 0);
        bytes.subarray(start, end).copy_to(piece);
        take(piece);
    }
}
