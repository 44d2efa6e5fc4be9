//! The shape of the KV cache.

use crate::ir::options::CompileOptions;

/// The shape of one layer's KV cache: keys and values of `[positions, kv_heads, head_dim]` each.
///
/// The cache is a ring: what belongs to position `p` lies at `p % positions`. Where every attention over it has a
/// window, older positions make room for newer ones.
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
    /// A ring that is shorter than the context is a multiple of it, so that no tile of so many positions that begins at
    /// a multiple of it goes over the ring's end.
    pub const TILE: usize = 32;

    /// Positions kept beside the window at most, so that an answer's end may be taken back without running everything
    /// before it again. Short windows keep no more than their own length: that would be most of the cache.
    const SPARE: usize = 256;

    /// Positions that the cache has room for: the context, or the window, one step (whose tokens are all stored before
    /// the first of them attends) and something to go back.
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
