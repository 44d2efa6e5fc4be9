//! The Gemma family.

pub(crate) mod gemma2;
pub(crate) mod gemma3;
pub(crate) mod gemma4;
