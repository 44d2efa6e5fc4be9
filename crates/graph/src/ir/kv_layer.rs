//! The shape of the KV cache.

use crate::ir::options::CompileOptions;

/// The shape of one layer's KV cache: keys and values of `[positions, kv_heads, head_dim]` each.
///
/// The cache is a ring buffer: position `p` is stored at `p % positions`. If every attention over it has a window,
/// newer positions overwrite older ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KvLayer {
    /// Number of key/value heads.
    pub kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
    /// The widest window of the attentions over it; `None`: the whole context.
    pub window: Option<usize>,
}

impl KvLayer {
    /// The length of a ring that is shorter than the context is a multiple of this, so that an aligned tile of this
    /// many positions does not wrap around.
    pub const TILE: usize = 32;

    /// The most positions kept in addition to the window, so that the end of an answer can be replaced without running
    /// everything before it again. Short windows keep at most their own length: more would be most of the cache.
    const SPARE: usize = 256;

    /// Capacity in positions: the context, or the window, one step (whose tokens are all stored before the first of
    /// them attends) and some positions to resume at.
    pub fn positions(&self, options: &CompileOptions) -> usize {
        let context = options.context_length;
        let Some(window) = self.window else { return context };
        let wanted = window.saturating_add(options.max_batch).saturating_add(window.min(Self::SPARE));
        wanted.checked_next_multiple_of(Self::TILE).unwrap_or(context).min(context)
    }

    /// Bytes of keys and values.
    pub(crate) fn bytes(&self, options: &CompileOptions) -> u64 {
        let heads = (self.positions(options) as u64).saturating_mul(2).saturating_mul(self.kv_heads as u64);
        heads.saturating_mul(options.kv.head_bytes(self.head_dim) as u64)
    }
}
