//! Bytes of a model file, wherever they are.

use std::any::Any;
use std::ops::Range;

/// Consecutive bytes of a model file.
#[derive(Clone, Copy)]
pub enum Bytes<'a> {
    /// In this program's memory.
    Heap(&'a [u8]),
    /// Elsewhere, e.g. a JavaScript `Uint8Array`, so that weights need not pass through the wasm heap.
    Foreign(&'a dyn ForeignBytes),
}

impl Bytes<'_> {
    /// Number of bytes.
    pub fn len(&self) -> usize {
        match self {
            Bytes::Heap(bytes) => bytes.len(),
            Bytes::Foreign(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `out.len()` bytes from `offset` on into this program's memory. The range must be within the bytes.
    pub fn copy_to(&self, offset: usize, out: &mut [u8]) {
        match self {
            Bytes::Heap(bytes) => out.copy_from_slice(&bytes[offset..offset + out.len()]),
            Bytes::Foreign(bytes) => bytes.copy_to(offset, out),
        }
    }
}

/// Bytes outside this program's memory.
pub trait ForeignBytes {
    /// Number of bytes.
    fn len(&self) -> usize;
    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies `out.len()` bytes from `offset` on; the range must be within `len`.
    fn copy_to(&self, offset: usize, out: &mut [u8]);
    /// A part of these bytes, without copying them; the range must be within `len`.
    fn slice(&self, range: Range<usize>) -> Box<dyn ForeignBytes>;
    /// For a backend that knows the concrete type and can take the bytes without copying.
    fn as_any(&self) -> &dyn Any;
}
