//! How tokens are chosen, as the kernel for that reads it.

use linnet_graph::{BackendError, DecodeRequest};
use linnet_shaders::sample;

use crate::error::internal;

/// Words of the struct `SamplingParams` of `sample.wgsl` before its tokens, which begin at a whole vector of four.
const SAMPLING_WORDS: usize = 12;
/// Bytes of that struct.
pub(crate) const SAMPLING_BYTES: u64 = (SAMPLING_WORDS as u64 + sample::STOPS as u64) * 4;

/// The struct `SamplingParams` of `sample.wgsl`.
pub(crate) fn sampling_words(request: &DecodeRequest<'_>) -> Result<Vec<u32>, BackendError> {
    let DecodeRequest { stop, sampling, .. } = request;
    if stop.len() > sample::STOPS as usize {
        return Err(internal("more tokens may end an answer than can be looked out for"));
    }
    let mut words = vec![
        sampling.temperature.to_bits(),
        sampling.min_p.ln().max(f32::MIN).to_bits(),
        sampling.top_p.to_bits(),
        u32::try_from(sampling.top_k).unwrap_or(u32::MAX),
        sampling.frequency_penalty.to_bits(),
        sampling.presence_penalty.to_bits(),
        sampling.repetition_penalty.to_bits(),
        sampling.first_generated as u32,
        sampling.seed as u32,
        (sampling.seed >> 32) as u32,
        stop.len() as u32,
    ];
    words.resize(SAMPLING_WORDS, 0);
    words.extend(*stop);
    words.resize((SAMPLING_BYTES / 4) as usize, 0);
    Ok(words)
}
