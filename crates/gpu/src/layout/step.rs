//! The struct `Step` of the shaders.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

/// The parameters that change from step to step, as `step.wgsl` reads them.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct Step {
    /// Unused, so that the rest ends where the buffer ends.
    pub before: [u32; 59],
    /// 1 after a token that ends the answer.
    pub ended: u32,
    /// Position of the first token.
    pub position: u32,
    /// Rows of activations of kind `Tokens`.
    pub tokens: u32,
    /// Rows of activations of kind `Logits`.
    pub logits: u32,
    /// The half of each recurrent state with the state before the step.
    pub half: u32,
}

impl Step {
    /// Bytes of the buffer.
    pub const BYTES: u64 = size_of::<Step>() as u64;
    /// Offset of the bytes that [`Step::written`] returns.
    pub const WRITTEN_AT: u64 = offset_of!(Step, ended) as u64;

    /// A step of `tokens` tokens.
    pub fn new(position: usize, tokens: usize, logits: u32, half: u32) -> Step {
        let (position, tokens) = (position as u32, tokens as u32);
        Step { position, tokens, logits, half, ..Step::zeroed() }
    }

    /// The bytes that the host writes for each step: all but the unused ones.
    pub fn written(&self) -> &[u8] {
        &bytemuck::bytes_of(self)[Self::WRITTEN_AT as usize..]
    }
}
