//! The least work of each kernel that is worth waking the other threads.

/// Elements of an element-wise operation.
pub(crate) const ELEMENTS: usize = 16 * 1024;
/// Multiplications of a matrix product.
pub(crate) const PRODUCTS: usize = 64 * 1024;
/// Inputs of a matrix product that are normalized and quantized.
pub(crate) const QUANTIZED_INPUTS: usize = PRODUCTS / 4;
/// Multiplications of an attention.
pub(crate) const ATTENTION: usize = 128 * 1024;
/// Multiplications of a convolution.
pub(crate) const CONVOLUTION: usize = 16 * 1024;
/// Elements of the state that a delta rule reads and writes.
pub(crate) const DELTA_RULE: usize = 16 * 1024;
/// Bytes of a weight that are repacked.
pub(crate) const PACKED_BYTES: usize = 32 << 10;
