//! Buffers received bytes until they can be parsed.

use crate::GgufError;

/// The received but unparsed part of the file: at most one unfinished item and one chunk.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Number of parsed bytes at the front.
    parsed: usize,
    /// File offset of `bytes`.
    start: u64,
}

impl Buffer {
    /// Appends a chunk. The unparsed rest moves to the front only after something was parsed, and is then no
    /// longer than the last chunk, so all pushes together take time linear in the bytes pushed.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.parsed);
        self.start += self.parsed as u64;
        self.parsed = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The file offset of the first unparsed byte.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.parsed as u64
    }

    /// The file offset of the next chunk.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes that have not been parsed.
    pub(crate) fn unparsed(&self) -> &[u8] {
        &self.bytes[self.parsed..]
    }

    /// Reads from the first unparsed byte, without marking anything parsed.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor { rest: self.unparsed(), offset: self.offset() }
    }

    /// Marks everything before a file offset as parsed.
    pub(crate) fn parsed_to(&mut self, offset: u64) {
        self.parsed = (offset - self.start) as usize;
    }
}

/// Reads little-endian items; `None` means that more bytes are needed.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Cursor<'a> {
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Number of remaining bytes.
    pub(crate) fn available(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        self.offset += count as u64;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        self.offset += N as u64;
        Some(*taken)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length and that many bytes. The length is checked before the bytes arrive.
    pub(crate) fn string(&mut self, what: &'static str, limit: u64) -> Result<Option<&'a [u8]>, GgufError> {
        let offset = self.offset;
        let Some(size) = self.u64() else { return Ok(None) };
        if size > limit {
            return Err(GgufError::TooLarge { offset, what, size, limit });
        }
        Ok(self.bytes(size as usize))
    }

    /// A UTF-8 string; `what` returns a description for the error.
    pub(crate) fn text(
        &mut self,
        size_of: &'static str,
        limit: u64,
        what: impl FnOnce() -> String,
    ) -> Result<Option<&'a str>, GgufError> {
        let offset = self.offset;
        let Some(bytes) = self.string(size_of, limit)? else { return Ok(None) };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(GgufError::NotUtf8 { offset, what: what() }),
        }
    }
}
