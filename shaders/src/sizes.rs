//! Sizes that kernels fix and their hosts must know.

/// Numbers of queries that an attention workgroup may serve, ascending.
pub const QUERIES: [u32; 4] = [1, 2, 4, 8];

/// Fixed sizes of `embed` and of the kernels that treat elements one by one.
pub mod rows {
    /// Invocations of a workgroup, each for four values (rope: one pair, embed: eight values) of one row.
    pub const THREADS: u32 = 64;
}

/// Fixed sizes of `matvec`.
pub mod matvec {
    /// Invocations of a workgroup, unless its host has measured that another number is better.
    pub const THREADS: u32 = 64;
    /// Outputs of a group of lanes.
    pub const ROWS: u32 = 4;
}

/// Fixed sizes of `matmul`.
pub mod matmul {
    /// Invocations of a workgroup.
    pub const THREADS: u32 = 64;
    /// Tokens of a workgroup's tile.
    pub const TOKENS: u32 = 32;
    /// Outputs of a workgroup's tile, which has room for 64 rows; each needs one, or two where there are two matrices.
    #[must_use]
    pub const fn rows(gated: bool) -> u32 {
        if gated { 32 } else { 64 }
    }
}

/// Fixed sizes of `matvec_broadcast` and `matmul_broadcast`.
pub mod broadcast {
    /// Invocations of a workgroup.
    pub const THREADS: u32 = 8;
    /// Tokens of a workgroup of `matmul_broadcast`. Twice as many would take a seventh less time, and twice as long to
    /// compile.
    pub const TOKENS: u32 = 16;
    /// Outputs of a workgroup: eight of each invocation, or four where each needs a row of two matrices.
    #[must_use]
    pub const fn rows(gated: bool) -> u32 {
        if gated { 4 * THREADS } else { 8 * THREADS }
    }
}

/// Fixed sizes of `expert_matmul` and `expert_sum`.
pub mod experts {
    /// Invocations of a workgroup.
    pub const THREADS: u32 = 64;
    /// Outputs of a workgroup: four of each group of 16 invocations.
    pub const OUTPUTS: u32 = THREADS / 16 * 4;
    /// Bytes of workgroup memory that `expert_matmul` takes besides its inputs.
    pub const SUMS_BYTES: u32 = THREADS * 36;
    /// Groups of invocations that may share the slots of `expert_sum`, which then has so many times fewer outputs.
    pub const SPLIT: u32 = 4;
}

/// Fixed sizes of `attention`.
pub mod attention {
    use super::QUERIES;

    /// Greatest size of a head; a multiple of 4.
    pub const MAX_HEAD_DIM: usize = 512;
    /// Greatest size of a head for which [`crate::QUERIES`]' last fits workgroup memory of 16 KiB.
    pub const MAX_HEAD_DIM_WIDE: usize = 256;
    /// Into how many parts the positions that one token sees are split, where it may see so many: what falls to a
    /// workgroup is at least a few tiles of 128 positions.
    #[must_use]
    pub fn splits(positions: u32) -> u32 {
        positions.div_ceil(256).clamp(2, 16)
    }
    /// Quads of a head that a lane of `attention_broadcast` may have room for, ascending: the last suffices for
    /// [`MAX_HEAD_DIM`].
    pub const SLOTS: [u32; 4] = [2, 4, 8, 16];
    /// The most queries that a workgroup of `attention_broadcast` may serve: with more, what it holds of them takes
    /// very long to compile.
    #[must_use]
    pub fn widest(slots: u32) -> u32 {
        (32 / slots).min(QUERIES[QUERIES.len() - 1])
    }
    /// The least of [`SLOTS`] for heads of `head_dim` elements, of which each of eight lanes has every eighth quad.
    #[must_use]
    pub fn slots(head_dim: usize) -> u32 {
        let quads = head_dim.div_ceil(32) as u32;
        SLOTS.into_iter().find(|slots| *slots >= quads).unwrap_or(SLOTS[SLOTS.len() - 1])
    }
}

/// Fixed sizes of `sample`.
pub mod sample {
    /// The most tokens that it sorts; where more are kept, it looks for the worst of them.
    pub const SORTED: u32 = 256;
    /// The most tokens that can end an answer.
    pub const STOPS: u32 = 32;
    /// How far back the repetition penalty looks, in tokens.
    pub const RECENT: u32 = 64;
}

/// Fixed sizes of `embed`, see [`rows`].
pub mod embed {
    /// Values that one invocation decodes.
    pub const VALUES: u32 = 8;
}

/// Fixed sizes of `peak_read` and `peak_fma`.
pub mod peaks {
    /// Invocations of a workgroup.
    pub const THREADS: u32 = 256;
    /// Floating-point operations of an invocation of `peak_fma` in a step: eight sums of four, each a product and an
    /// addition.
    pub const FLOPS: u32 = 64;
}
