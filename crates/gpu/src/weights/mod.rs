//! Weights on the device: how their bytes are laid out, and which of them share a buffer.

pub(crate) mod concat_weights;
pub(crate) mod planes;
pub(crate) mod weight;
