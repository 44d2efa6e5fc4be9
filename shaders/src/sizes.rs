//! Fixed sizes of kernels that the host must know.

/// Numbers of queries per attention workgroup, ascending.
pub const QUERIES: [u32; 4] = [1, 2, 4, 8];

/// Fixed sizes of `embed` and of element-wise kernels.
pub mod rows {
    /// Invocations of a workgroup, each for four values (rope: one pair, embed: eight values) of one row.
    pub const THREADS: u32 = 64;
}

/// Fixed sizes of `matvec`.
pub mod matvec {
    /// Invocations of a workgroup, unless tuning selects another number.
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
    /// Outputs of a workgroup's tile of 64 rows; each takes one row, or two if there are two matrices.
    #[must_use]
    pub const fn rows(gated: bool) -> u32 {
        if gated { 32 } else { 64 }
    }
}

/// Fixed sizes of `matvec_broadcast` and `matmul_broadcast`.
pub mod broadcast {
    /// Invocations of a workgroup.
    pub const THREADS: u32 = 8;
    /// Tokens of a workgroup of `matmul_broadcast`. Twice as many take a seventh less time, but twice as long to
    /// compile.
    pub const TOKENS: u32 = 16;
    /// Outputs of a workgroup: eight per invocation, or four if each takes a row of two matrices.
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
    /// The most groups of invocations that share the slots of `expert_sum`; its outputs per workgroup shrink
    /// accordingly.
    pub const SPLIT: u32 = 4;
}

/// Fixed sizes of `attention`.
pub mod attention {
    use super::QUERIES;

    /// Greatest size of a head; a multiple of 4.
    pub const MAX_HEAD_DIM: usize = 512;
    /// Greatest size of a head for which the most queries of [`crate::QUERIES`] fit 16 KiB of workgroup memory.
    pub const MAX_HEAD_DIM_WIDE: usize = 256;
    /// The number of workgroups that share the positions of one token in a long context. Each has at least a few tiles
    /// of 128 positions.
    #[must_use]
    pub fn splits(positions: u32) -> u32 {
        positions.div_ceil(256).clamp(2, 16)
    }
    /// Quads of a head per lane of `attention_broadcast`, ascending; the last one suffices for [`MAX_HEAD_DIM`].
    pub const SLOTS: [u32; 4] = [2, 4, 8, 16];
    /// The most queries per workgroup of `attention_broadcast`: with more, it takes very long to compile.
    #[must_use]
    pub fn widest(slots: u32) -> u32 {
        (32 / slots).min(QUERIES[QUERIES.len() - 1])
    }
    /// The least of [`SLOTS`] for heads of `head_dim` elements; each of eight lanes has every eighth quad.
    #[must_use]
    pub fn slots(head_dim: usize) -> u32 {
        let quads = head_dim.div_ceil(32) as u32;
        SLOTS.into_iter().find(|slots| *slots >= quads).unwrap_or(SLOTS[SLOTS.len() - 1])
    }
}

/// Fixed sizes of `sample`.
pub mod sample {
    /// The most tokens that it sorts; if more are kept, it finds the worst of them.
    pub const SORTED: u32 = 256;
    /// The most stop tokens.
    pub const STOPS: u32 = 32;
    /// The most tokens that are never sampled.
    pub const SUPPRESSED: u32 = 32;
    /// The last tokens that the repetition penalty applies to.
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
    /// Floating-point operations of an invocation of `peak_fma` per iteration: eight fused multiply-adds of four.
    pub const FLOPS: u32 = 64;
}
