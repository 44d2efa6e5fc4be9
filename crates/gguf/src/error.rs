//! Header errors.

use crate::FileKind;

/// Why a header, or a value in it, cannot be read. `offset` is the file offset of the offending item.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum GgufError {
    /// The file does not begin with `GGUF`.
    #[error("not a GGUF file: {}", what_it_is(*kind, found))]
    NotGguf {
        /// Always 0.
        offset: u64,
        /// The bytes found in place of the magic number.
        found: [u8; 4],
        /// The kind of file, if it is known.
        kind: Option<FileKind>,
    },
    /// The file is big endian.
    #[error("byte {offset}: this is a big-endian GGUF file; only little-endian ones are supported")]
    BigEndian {
        /// Offset of the version.
        offset: u64,
    },
    /// The version is neither 2 nor 3.
    #[error("byte {offset}: GGUF version {version} is not supported; use version 2 or 3")]
    UnsupportedVersion {
        /// Offset of the version.
        offset: u64,
        /// The version.
        version: u32,
    },
    /// The file has no bytes.
    #[error("the file is empty; download it again, or choose another one")]
    Empty,
    /// The file ends within its header.
    #[error("byte {offset}: the file ends within its header; download it again")]
    Truncated {
        /// Length of the file.
        offset: u64,
    },
    /// The parser received bytes after it had returned a header or an error.
    #[error("byte {offset}: the header is already parsed")]
    Finished {
        /// Where the parser stopped.
        offset: u64,
    },
    /// A size or count exceeds [`crate::limits`].
    #[error("byte {offset}: {what}: {size} exceeds the limit of {limit}")]
    TooLarge {
        /// Offset of the size.
        offset: u64,
        /// What is too large.
        what: &'static str,
        /// The size in the file.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A string is not UTF-8.
    #[error("byte {offset}: a string is not valid UTF-8 ({what})")]
    NotUtf8 {
        /// Offset of the string's length.
        offset: u64,
        /// What the string is: its metadata key, or the item that it names.
        what: String,
    },
    /// A metadata value or an array has an element type that GGUF does not define.
    #[error("byte {offset}: `{key}` has the unknown value type {id}")]
    UnknownValueType {
        /// Offset of the type.
        offset: u64,
        /// Metadata key.
        key: String,
        /// The type's id.
        id: u32,
    },
    /// A boolean is neither 0 nor 1.
    #[error("byte {offset}: `{key}` has the boolean {value}; expected 0 or 1")]
    BadBool {
        /// Offset of the boolean.
        offset: u64,
        /// Metadata key.
        key: String,
        /// The byte found.
        value: u8,
    },
    /// A key occurs twice.
    #[error("byte {offset}: duplicate key `{key}`")]
    DuplicateKey {
        /// Offset of the second occurrence.
        offset: u64,
        /// Metadata key.
        key: String,
    },
    /// `general.alignment` is not a power of two within the limit.
    #[error("byte {offset}: invalid alignment {alignment}: expected a power of two, at most 1 MiB")]
    BadAlignment {
        /// Offset of the value.
        offset: u64,
        /// The value.
        alignment: u64,
    },
    /// Two tensors have the same name.
    #[error("byte {offset}: duplicate tensor `{tensor}`")]
    DuplicateTensor {
        /// Offset of the second entry.
        offset: u64,
        /// Name.
        tensor: String,
    },
    /// A tensor has invalid dimensions.
    #[error("byte {offset}: tensor `{tensor}` has invalid dimensions {dims:?}: {reason}")]
    BadShape {
        /// Offset of its entry.
        offset: u64,
        /// Name.
        tensor: String,
        /// Dimensions, row length first.
        dims: Vec<u64>,
        /// The reason.
        reason: &'static str,
    },
    /// A tensor has a type that the engine does not support.
    #[error("byte {offset}: tensor `{tensor}` has the unsupported type {id}")]
    UnsupportedType {
        /// Offset of its entry.
        offset: u64,
        /// Name.
        tensor: String,
        /// The ggml type id.
        id: u32,
    },
    /// A tensor's data is not aligned.
    #[error(
        "byte {offset}: tensor `{tensor}` has the data offset {start}, which is not a multiple of {alignment}"
    )]
    Misaligned {
        /// Offset of its entry.
        offset: u64,
        /// Name.
        tensor: String,
        /// Offset of its data from the start of all data.
        start: u64,
        /// The file's alignment.
        alignment: u64,
    },
    /// A tensor's end overflows a file offset.
    #[error("byte {offset}: tensor `{tensor}` has a data offset that overflows")]
    OutOfBounds {
        /// Offset of its entry.
        offset: u64,
        /// Name.
        tensor: String,
    },
    /// Two tensors share bytes.
    #[error("byte {offset}: tensor `{tensor}` overlaps `{other}`")]
    Overlap {
        /// Offset of its entry.
        offset: u64,
        /// Name of the later tensor.
        tensor: String,
        /// Name of the earlier tensor.
        other: String,
    },
    /// The file is one part of a split model.
    #[error(
        "this file is part {} of {count} of a split model; pass all parts in order", u64::from(*no) + 1
    )]
    PartOfSplit {
        /// Offset of the part number.
        offset: u64,
        /// Index of the part, from 0.
        no: u32,
        /// Number of parts.
        count: u32,
    },
    /// The parts of a split model do not match.
    #[error("part {} of a split model: {reason}", u64::from(*part) + 1)]
    BadSplit {
        /// Offset in that part; 0 if the error concerns the whole part.
        offset: u64,
        /// Index of the part, from 0.
        part: u32,
        /// The reason.
        reason: String,
    },
    /// A metadata value has another type than the caller expects.
    #[error("byte {offset}: `{key}` is {found}, expected {expected}")]
    WrongType {
        /// Offset of the value.
        offset: u64,
        /// Metadata key.
        key: String,
        /// The expected type.
        expected: &'static str,
        /// The type in the file.
        found: &'static str,
    },
    /// A metadata value is out of range for the type that the caller expects.
    #[error("byte {offset}: `{key}` = {value} does not fit {expected}")]
    OutOfRange {
        /// Offset of the value.
        offset: u64,
        /// Metadata key.
        key: String,
        /// The value.
        value: i128,
        /// The expected type.
        expected: &'static str,
    },
}

impl GgufError {
    /// The file offset of the offending item.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            GgufError::Empty => 0,
            GgufError::NotGguf { offset, .. }
            | GgufError::BigEndian { offset }
            | GgufError::UnsupportedVersion { offset, .. }
            | GgufError::Truncated { offset }
            | GgufError::Finished { offset }
            | GgufError::TooLarge { offset, .. }
            | GgufError::NotUtf8 { offset, .. }
            | GgufError::UnknownValueType { offset, .. }
            | GgufError::BadBool { offset, .. }
            | GgufError::DuplicateKey { offset, .. }
            | GgufError::BadAlignment { offset, .. }
            | GgufError::DuplicateTensor { offset, .. }
            | GgufError::BadShape { offset, .. }
            | GgufError::UnsupportedType { offset, .. }
            | GgufError::Misaligned { offset, .. }
            | GgufError::OutOfBounds { offset, .. }
            | GgufError::Overlap { offset, .. }
            | GgufError::PartOfSplit { offset, .. }
            | GgufError::BadSplit { offset, .. }
            | GgufError::WrongType { offset, .. }
            | GgufError::OutOfRange { offset, .. } => *offset,
        }
    }
}

fn what_it_is(kind: Option<FileKind>, found: &[u8; 4]) -> String {
    kind.map_or_else(|| format!("it starts with {found:02x?}"), |kind| kind.to_string())
}
