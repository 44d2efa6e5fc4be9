//! Weights on the device: their layout, and which of them share a buffer.

mod concat_weights;
mod planes;
mod weight;

pub(crate) use concat_weights::concat_weights;
pub use weight::Weight;
pub(crate) use weight::{Data, Part};
