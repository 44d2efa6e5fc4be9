//! The KV cache of one layer, in f16.

use linnet_graph::{BackendError, KvLayer};

use crate::memory;
use crate::simd::encode_f16;

/// Positions whose keys are interleaved, so that one vector holds the same element of eight keys.
pub(crate) const KEY_LANES: usize = 8;

/// Elements of a value that lie together.
const VALUE_LANES: usize = 8;

/// Keys and values of every position, allocated once. Numbers beyond the range of f16 become its greatest.
pub(crate) struct KvCache {
    layer: KvLayer,
    /// Positions, rounded up to whole groups of keys.
    positions: usize,
    /// `[kv_head, position / 8, head_dim, position % 8]`.
    keys: Vec<[u16; KEY_LANES]>,
    /// `[kv_head, position, head_dim / 8, head_dim % 8]`, the last part padded.
    values: Vec<[u16; VALUE_LANES]>,
}

impl KvCache {
    /// A cache of `context` positions.
    pub(crate) fn new(layer: KvLayer, context: usize) -> Result<Self, BackendError> {
        let positions = context.next_multiple_of(KEY_LANES);
        let len =
            |width: usize, depth: usize| layer.kv_heads.checked_mul(width).and_then(|n| n.checked_mul(depth));
        let keys = memory::zeroed("KV cache", len(layer.head_dim, positions / KEY_LANES))?;
        let values = memory::zeroed("KV cache", len(layer.head_dim.div_ceil(VALUE_LANES), positions))?;
        Ok(KvCache { layer, positions, keys, values })
    }

    /// Writes a token's keys and values (`[kv_heads, head_dim]` each).
    pub(crate) fn store(&mut self, position: usize, k: &[f32], v: &[f32]) {
        let head_dim = self.layer.head_dim;
        let heads = k.chunks_exact(head_dim).zip(v.chunks_exact(head_dim));
        for (kv_head, (k, v)) in heads.enumerate() {
            let at = self.key_index(kv_head, position / KEY_LANES);
            for (lanes, &value) in self.keys[at..at + head_dim].iter_mut().zip(k) {
                lanes[position % KEY_LANES] = encode_f16(value);
            }
            let at = self.value_index(kv_head, position);
            for (to, v) in self.values[at..].iter_mut().zip(v.chunks(VALUE_LANES)) {
                for (to, &value) in to.iter_mut().zip(v) {
                    *to = encode_f16(value);
                }
            }
        }
    }

    /// `groups` groups of keys from `position` (a multiple of 8) on: `[groups, head_dim]`.
    pub(crate) fn keys(&self, kv_head: usize, position: usize, groups: usize) -> &[[u16; KEY_LANES]] {
        let at = self.key_index(kv_head, position / KEY_LANES);
        &self.keys[at..at + groups * self.layer.head_dim]
    }

    /// The values of `count` positions: `[count, head_dim / 8 rounded up]`.
    pub(crate) fn values(&self, kv_head: usize, position: usize, count: usize) -> &[[u16; VALUE_LANES]] {
        let at = self.value_index(kv_head, position);
        &self.values[at..at + count * self.layer.head_dim.div_ceil(VALUE_LANES)]
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.keys) + memory::bytes(&self.values)
    }

    fn key_index(&self, kv_head: usize, group: usize) -> usize {
        (kv_head * (self.positions / KEY_LANES) + group) * self.layer.head_dim
    }

    fn value_index(&self, kv_head: usize, position: usize) -> usize {
        (kv_head * self.positions + position) * self.layer.head_dim.div_ceil(VALUE_LANES)
    }
}
