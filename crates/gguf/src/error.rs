//! Why a header cannot be read.

use crate::FileKind;

/// Why a header, or a value in it, cannot be read. Each variant's `offset` is the byte of the file at which
/// the offending item begins.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum GgufError {
    /// The file does not begin with `GGUF`.
    #[error("not a GGUF file: {}", what_it_is(*kind, found))]
    NotGguf {
        /// Always 0.
        offset: u64,
        /// The bytes that should be the magic number.
        found: [u8; 4],
        /// What the file is instead, where that is known.
        kind: Option<FileKind>,
    },
    /// The file is big endian.
    #[error("byte {offset}: this is a big-endian GGUF file; only little-endian ones are supported")]
    BigEndian {
        /// Where the version stands.
        offset: u64,
    },
    /// The version is neither 2 nor 3.
    #[error("byte {offset}: GGUF version {version} is not supported, only 2 and 3 are")]
    UnsupportedVersion {
        /// Where the version stands.
        offset: u64,
        /// The version.
        version: u32,
    },
    /// The file ends within the header.
    #[error("byte {offset}: the file ends before its header does")]
    Truncated {
        /// Bytes that there are.
        offset: u64,
    },
    /// The parser was given bytes after it had returned a header or an error.
    #[error("byte {offset}: the header has been parsed already")]
    Finished {
        /// Where the parser stopped.
        offset: u64,
    },
    /// Something is larger or more numerous than [`crate::limits`] allow.
    #[error("byte {offset}: {what}: {size} is more than the {limit} allowed")]
    TooLarge {
        /// Where its size is stated.
        offset: u64,
        /// What is too large.
        what: &'static str,
        /// Size that the file states.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// A string is not UTF-8.
    #[error("byte {offset}: a string is not valid UTF-8 ({what})")]
    NotUtf8 {
        /// Where the string's length stands.
        offset: u64,
        /// What the string is: the key whose value it belongs to, or the item it names.
        what: String,
    },
    /// A metadata value, or an array's elements, have a type that GGUF does not define.
    #[error("byte {offset}: `{key}` has the unknown value type {id}")]
    UnknownValueType {
        /// Where the type stands.
        offset: u64,
        /// Metadata key.
        key: String,
        /// The type's id.
        id: u32,
    },
    /// A boolean is neither 0 nor 1.
    #[error("byte {offset}: `{key}` has a boolean of {value}")]
    BadBool {
        /// Where the boolean stands.
        offset: u64,
        /// Metadata key.
        key: String,
        /// The byte found.
        value: u8,
    },
    /// A key occurs twice.
    #[error("byte {offset}: the key `{key}` occurs twice")]
    DuplicateKey {
        /// Where it occurs again.
        offset: u64,
        /// Metadata key.
        key: String,
    },
    /// `general.alignment` is not a power of two within bounds.
    #[error("byte {offset}: an alignment of {alignment} is not a power of two up to 1 MiB")]
    BadAlignment {
        /// Where the value stands.
        offset: u64,
        /// The value.
        alignment: u64,
    },
    /// Two tensors have the same name.
    #[error("byte {offset}: the tensor `{tensor}` occurs twice")]
    DuplicateTensor {
        /// Where its second entry begins.
        offset: u64,
        /// Name.
        tensor: String,
    },
    /// A tensor's dimensions are impossible.
    #[error("byte {offset}: tensor `{tensor}` cannot have dimensions {dims:?}: {reason}")]
    BadShape {
        /// Where its entry begins.
        offset: u64,
        /// Name.
        tensor: String,
        /// Dimensions, row length first.
        dims: Vec<u64>,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A tensor's type is none that Linnet decodes.
    #[error("byte {offset}: tensor `{tensor}` has the unsupported type {id}")]
    UnsupportedType {
        /// Where its entry begins.
        offset: u64,
        /// Name.
        tensor: String,
        /// The ggml type id.
        id: u32,
    },
    /// A tensor's data does not begin at a multiple of the alignment.
    #[error(
        "byte {offset}: tensor `{tensor}` begins {start} bytes into the data, not a multiple of {alignment}"
    )]
    Misaligned {
        /// Where its entry begins.
        offset: u64,
        /// Name.
        tensor: String,
        /// Offset of its data from the start of all data.
        start: u64,
        /// The file's alignment.
        alignment: u64,
    },
    /// A tensor's data ends beyond what a file offset can express.
    #[error("byte {offset}: tensor `{tensor}` ends beyond any file")]
    OutOfBounds {
        /// Where its entry begins.
        offset: u64,
        /// Name.
        tensor: String,
    },
    /// Two tensors share bytes.
    #[error("byte {offset}: tensor `{tensor}` overlaps `{other}`")]
    Overlap {
        /// Where its entry begins.
        offset: u64,
        /// Name of the one that begins later.
        tensor: String,
        /// Name of the one that begins earlier.
        other: String,
    },
    /// A file is one part of a model, and was given alone.
    #[error(
        "this file is part {} of the {count} of a split model: all of them are needed, in order", u64::from(*no) + 1
    )]
    PartOfSplit {
        /// Where its number stands.
        offset: u64,
        /// Its number, from 0.
        no: u32,
        /// How many there are.
        count: u32,
    },
    /// The parts of a split model do not fit together.
    #[error("part {} of a split model: {reason}", u64::from(*part) + 1)]
    BadSplit {
        /// Where in that part, 0 where it is not about one place.
        offset: u64,
        /// The part, from 0.
        part: u32,
        /// What is wrong.
        reason: String,
    },
    /// A metadata value is not of the type asked for.
    #[error("byte {offset}: `{key}` is {found}, not {expected}")]
    WrongType {
        /// Where the value stands.
        offset: u64,
        /// Metadata key.
        key: String,
        /// What was asked for.
        expected: &'static str,
        /// What the file has.
        found: &'static str,
    },
    /// A metadata value does not fit the type asked for.
    #[error("byte {offset}: `{key}` = {value} does not fit {expected}")]
    OutOfRange {
        /// Where the value stands.
        offset: u64,
        /// Metadata key.
        key: String,
        /// The value.
        value: i128,
        /// What was asked for.
        expected: &'static str,
    },
}

impl GgufError {
    /// The byte of the file at which the offending item begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
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
    kind.map_or_else(|| format!("it begins with {found:02x?}"), |kind| kind.to_string())
}
