//! GGUF, versions 2 and 3: what stands before the tensors' bytes.
//!
//! A [`HeaderParser`] takes a file's bytes in order and in pieces of any size, from whatever source, and yields
//! the [`Gguf`] as soon as the header is complete: typed [`Metadata`] and a directory of tensors whose types,
//! shapes and places have been checked. No I/O happens here, and tensor data is never touched.
//!
//! A file is hostile until it has been checked: nothing is allocated because a count in the file says so, the
//! bounds in [`limits`] hold whatever the file claims, and every error names the byte it was found at.

mod buffer;
mod error;
mod foreign;
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
pub use foreign::FileKind;
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
    /// Version of the format: 2 or 3, which differ only in that 3 allows big-endian files.
    pub version: u32,
    /// Key/value pairs.
    pub metadata: Metadata,
    /// The tensors, in the order of the directory, which need not be the order of their bytes.
    pub tensors: Vec<TensorInfo>,
    /// Tensor offsets are multiples of this many bytes, a power of two.
    pub alignment: u64,
    /// Where the directory ends, in bytes from the start of the file.
    pub header_len: u64,
    /// Where tensor data begins: `header_len` rounded up to `alignment`.
    pub data_offset: u64,
}

impl Gguf {
    /// Parses a header of which all bytes are at hand; bytes after it are ignored.
    ///
    /// # Errors
    /// What [`HeaderParser::push`] and [`HeaderParser::incomplete`] report.
    pub fn parse(bytes: &[u8]) -> Result<Gguf, GgufError> {
        let mut parser = HeaderParser::new();
        parser.push(bytes)?.ok_or_else(|| parser.incomplete())
    }

    /// The length a complete file has: the end of its last tensor, or of the header where there is none.
    ///
    /// A file may be longer, since some writers pad it.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.offset + tensor.bytes).max().unwrap_or(self.header_len)
    }
}
