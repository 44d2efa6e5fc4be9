//! The Qwen family.

pub(crate) mod qwen2;
pub(crate) mod qwen3;
pub(crate) mod qwen35;
