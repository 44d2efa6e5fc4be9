//! The formats of the KV cache.

/// The format of the elements of a KV cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cache {
    /// Pairs of f16.
    F16,
    /// Plain f32.
    F32,
    /// A byte each, and a scale per block of up to 32 elements of a head.
    Q8_0,
}

impl Cache {
    /// 32-bit words of a head's key or value, of `head_dim` elements (a multiple of 4).
    #[must_use]
    pub fn head_words(self, head_dim: usize) -> usize {
        match self {
            Cache::F16 => head_dim / 2,
            Cache::F32 => head_dim,
            Cache::Q8_0 => head_dim / 4 + Self::blocks(head_dim),
        }
    }

    /// Blocks of a head in [`Cache::Q8_0`].
    #[must_use]
    pub fn blocks(head_dim: usize) -> usize {
        head_dim.div_ceil(32)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Cache::F16 => "f16",
            Cache::F32 => "f32",
            Cache::Q8_0 => "q8_0",
        }
    }

    pub(crate) fn flag(self) -> &'static str {
        match self {
            Cache::F16 => "cache_f16",
            Cache::F32 => "cache_f32",
            Cache::Q8_0 => "cache_q8_0",
        }
    }
}
