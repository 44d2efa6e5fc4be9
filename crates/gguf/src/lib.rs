//! Parses GGUF headers, versions 2 and 3.
//!
//! A [`HeaderParser`] takes a file's bytes in order, in chunks of any size, and returns the [`Gguf`] as soon
//! as the header is complete: typed [`Metadata`] and a directory of tensors with validated types, shapes and
//! offsets. It does no I/O and never touches tensor data.
//!
//! Files are untrusted. Nothing is allocated because a count in the file says so, the bounds in [`limits`]
//! always hold, and every error gives the byte offset of the problem.

mod buffer;
mod error;
mod file_kind;
pub mod limits;
mod metadata;
mod parser;
mod read;
mod split;
mod strings;
mod tensor;
mod value;
mod write;

pub use error::GgufError;
pub use file_kind::FileKind;
pub use metadata::Metadata;
pub use parser::HeaderParser;
pub use split::{Split, join};
pub use strings::Strings;
pub use tensor::TensorInfo;
pub use value::{Array, Integers, Value};
pub use write::HeaderWriter;

/// A complete header.
#[derive(Clone, PartialEq, Debug)]
pub struct Gguf {
    /// Format version: 2 or 3. They differ only in that 3 allows big-endian files.
    pub version: u32,
    /// Key/value pairs.
    pub metadata: Metadata,
    /// The tensors in directory order, which may differ from the order of their data.
    pub tensors: Vec<TensorInfo>,
    /// The alignment of tensor data in bytes, a power of two.
    pub alignment: u64,
    /// Length of the header in bytes.
    pub header_len: u64,
    /// Offset of the tensor data: `header_len` rounded up to `alignment`.
    pub data_offset: u64,
}

impl Gguf {
    /// Parses a complete header; ignores the bytes after it.
    ///
    /// # Errors
    /// Those of [`HeaderParser::push`] and [`HeaderParser::incomplete`].
    pub fn parse(bytes: &[u8]) -> Result<Gguf, GgufError> {
        let mut parser = HeaderParser::new();
        parser.push(bytes)?.ok_or_else(|| parser.incomplete())
    }

    /// The length of a complete file: the end of its last tensor, or of the header if there are no tensors.
    ///
    /// A file may be longer, because some writers pad it.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.offset + tensor.bytes).max().unwrap_or(self.header_len)
    }
}
