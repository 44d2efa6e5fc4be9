//! `phi3`: one matrix for queries, keys and values, one for gate and up, and LongRoPE (Abdin et al., 2024; Phi-3,
//! Phi-3.5-mini, Phi-4-mini). That the parts lie in one matrix is the layer's business, so the record is that of
//! `qwen2`.
//!
//! The window of the short-context models' metadata is not applied: the reference does not either.

pub(crate) use crate::architectures::qwen::qwen2::record;
