//! The struct `SamplingParams` of the shaders.

use bytemuck::{Pod, Zeroable};
use linnet_graph::{BackendError, DecodeRequest};
use linnet_shaders::sample;

use crate::error::internal;

/// How tokens are sampled, as `sample.wgsl` reads it.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Pod, Zeroable)]
pub(crate) struct SamplingParams {
    /// 0: greedy.
    pub temperature: f32,
    /// `ln(min_p)`.
    pub floor: f32,
    pub top_p: f32,
    /// 0: no limit.
    pub top_k: u32,
    /// Frequency penalty.
    pub frequency: f32,
    /// Presence penalty.
    pub presence: f32,
    /// Repetition penalty.
    pub repetition: f32,
    /// Position of the first generated token.
    pub generated: u32,
    /// The low word first.
    pub seed: [u32; 2],
    /// How many of `stop` are set.
    pub stops: u32,
    /// How many of `suppress` are set. (In WGSL the arrays begin at a multiple of 16 bytes.)
    pub suppressions: u32,
    /// Tokens that end the answer.
    pub stop: [u32; sample::STOPS as usize],
    /// Tokens that are never sampled.
    pub suppress: [u32; sample::SUPPRESSED as usize],
}

impl SamplingParams {
    /// Bytes of the buffer.
    pub const BYTES: u64 = size_of::<SamplingParams>() as u64;

    /// The parameters of a request.
    ///
    /// # Errors
    /// [`BackendError::Internal`] if it has more stop or suppressed tokens than the shader has room for.
    pub fn new(request: &DecodeRequest<'_>) -> Result<SamplingParams, BackendError> {
        let DecodeRequest { stop, suppressed, sampling, .. } = request;
        let mut params = SamplingParams {
            temperature: sampling.temperature,
            floor: sampling.min_p.ln().max(f32::MIN),
            top_p: sampling.top_p,
            top_k: u32::try_from(sampling.top_k).unwrap_or(u32::MAX),
            frequency: sampling.frequency_penalty,
            presence: sampling.presence_penalty,
            repetition: sampling.repetition_penalty,
            generated: sampling.first_generated as u32,
            seed: [sampling.seed as u32, (sampling.seed >> 32) as u32],
            stops: stop.len() as u32,
            suppressions: suppressed.len() as u32,
            ..Self::zeroed()
        };
        let room = params.stop.get_mut(..stop.len());
        room.ok_or_else(|| internal("a request has too many stop tokens"))?.copy_from_slice(stop);
        let room = params.suppress.get_mut(..suppressed.len());
        let room = room.ok_or_else(|| internal("a request has too many suppressed tokens"))?;
        room.copy_from_slice(suppressed);
        Ok(params)
    }
}
