//! How tokens are chosen, as the kernel for that reads it.

use linnet_graph::{Ahead, BackendError};
use linnet_shaders::choose;

use crate::error::internal;

/// Words of the struct `Draw` of `choose.wgsl` before its tokens, which begin at a whole vector of four.
const DRAW_WORDS: usize = 12;
/// Bytes of that struct.
pub(crate) const DRAW_BYTES: u64 = (DRAW_WORDS as u64 + choose::STOPS as u64) * 4;

/// The struct `Draw` of `choose.wgsl`.
pub(crate) fn draw_words(ahead: &Ahead<'_>) -> Result<Vec<u32>, BackendError> {
    let Ahead { stop, draw, .. } = ahead;
    if stop.len() > choose::STOPS as usize {
        return Err(internal("more tokens may end an answer than can be looked out for"));
    }
    let mut words = vec![
        draw.temperature.to_bits(),
        draw.min_p.ln().max(f32::MIN).to_bits(),
        draw.top_p.to_bits(),
        u32::try_from(draw.top_k).unwrap_or(u32::MAX),
        draw.frequency_penalty.to_bits(),
        draw.presence_penalty.to_bits(),
        draw.repetition_penalty.to_bits(),
        draw.first_generated as u32,
        draw.seed as u32,
        (draw.seed >> 32) as u32,
        stop.len() as u32,
    ];
    words.resize(DRAW_WORDS, 0);
    words.extend(*stop);
    words.resize((DRAW_BYTES / 4) as usize, 0);
    Ok(words)
}
