//! Limits on header sizes, so that an untrusted file cannot exhaust memory.
//!
//! The largest known header, that of a 262,144-token vocabulary with its merges, is about 16 MiB.

/// Bytes of a whole header.
pub const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Key/value pairs.
pub const MAX_METADATA: u64 = 1 << 16;

/// Tensors.
pub const MAX_TENSORS: u64 = 1 << 16;

/// Bytes of a key, as in the GGUF specification.
pub const MAX_KEY_BYTES: u64 = (1 << 16) - 1;

/// Bytes of a string value or of a string in an array; the longest in practice is a chat template.
pub const MAX_STRING_BYTES: u64 = 16 << 20;

/// Bytes of a tensor's name; the specification allows 64, but some converters write longer ones.
pub const MAX_NAME_BYTES: u64 = 256;

/// Dimensions of a tensor, as in ggml.
pub const MAX_DIMENSIONS: u32 = 4;

/// Arrays within arrays.
pub const MAX_ARRAY_DEPTH: u64 = 4;

/// Arrays inside other arrays: each allocates a vector, while an empty one takes at most 12 bytes of the
/// file.
pub const MAX_INNER_ARRAYS: u64 = 1 << 16;

/// Value of `general.alignment`; real files have 32.
pub const MAX_ALIGNMENT: u64 = 1 << 20;
