//! `phi3`: one matrix for queries, keys and values, one for gate and up, and LongRoPE (Abdin et al., 2024; Phi-3,
//! Phi-3.5-mini, Phi-4-mini). [`Layer`](crate::layer::Layer) splits such matrices, so it is recorded as `qwen2`.
//!
//! The window of the short-context models' metadata is not applied, as in llama.cpp.

pub(crate) use crate::architectures::qwen::qwen2::record;
