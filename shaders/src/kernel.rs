//! The table of kernels and their variants.

use crate::cache::Cache;
use crate::format::Format;
use crate::math::Math;

/// A shader module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kernel {
    /// Gathers rows of the vocabulary. Buffers: step, history, table, y.
    Embed(Format),
    /// Buffers: step, x, gain, y; if it `adds`, the residual and a factor.
    RmsNorm {
        /// `residual + norm(x)`.
        adds: bool,
    },
    /// One row times a matrix, or the gated product of two. Buffers: x, gain, weights, bias, y, then residual, or with
    /// `gated` the second matrix and its bias. With `fused_add_norm` x, gains, weights, residual, y, the row, and with
    /// `gated` the second matrix.
    MatVec {
        /// Block format of the matrix or matrices.
        format: Format,
        /// The row is computed from x and a residual first.
        fused_add_norm: bool,
        /// A second matrix of this format, maybe the other half of the first. Its outputs follow, and it is bound last.
        second_matrix: Option<Format>,
        /// Two matrices, gate and up, and `activation(gate) * up` of their products.
        gated: bool,
        /// Sums by subgroup operations instead of in workgroup memory.
        subgroups: bool,
        /// The arithmetic; [`Math::F32`] unless the formats have integers.
        math: Math,
    },
    /// The same for many rows. Buffers: step, x, weights, bias, y, then as above; if x is staged, its blocks.
    MatMul {
        /// Block format of the matrix or matrices.
        format: Format,
        /// As in [`Kernel::MatVec`].
        gated: bool,
        /// As in [`Kernel::MatVec`].
        math: Math,
    },
    /// Stages the rows that [`Kernel::MatMul`] reads. Buffers: step, x, y, blocks.
    StageRows(Math),
    /// As [`Kernel::MatVec`], for software adapters; needs subgroups of at least eight.
    MatVecBroadcast {
        /// Block format of the matrix or matrices.
        format: Format,
        /// As in [`Kernel::MatVec`].
        fused_add_norm: bool,
        /// As in [`Kernel::MatVec`].
        second_matrix: Option<Format>,
        /// As in [`Kernel::MatVec`].
        gated: bool,
    },
    /// As [`Kernel::MatMul`], for software adapters; needs subgroups of at least eight.
    MatMulBroadcast {
        /// Block format of the matrix or matrices.
        format: Format,
        /// As in [`Kernel::MatVec`].
        gated: bool,
    },
    /// Buffers: step, table, x, y.
    Rope,
    /// Buffers: step, k, v, keys, values.
    StoreKv(Cache),
    /// Buffers: step, q, keys, values, sinks, y.
    Attention {
        /// Queries that a workgroup serves; one of [`crate::QUERIES`].
        queries: u32,
        /// The format of the cache.
        cache: Cache,
        /// For one token, from the row of queries, keys and values of its projections. Buffers: step, qkv, keys,
        /// values, sinks, y, table, gains.
        fused: bool,
        /// For one token, by several workgroups for each head; y is for [`Kernel::AttentionMerge`].
        split: bool,
    },
    /// Merges the results of a split [`Kernel::Attention`]. Buffers: parts, y.
    AttentionMerge,
    /// As [`Kernel::Attention`], for software adapters; needs subgroups of at least eight.
    AttentionBroadcast {
        /// As in [`Kernel::Attention`].
        queries: u32,
        /// Quads of a head per lane; one of [`crate::attention::SLOTS`].
        slots: u32,
        /// As in [`Kernel::Attention`].
        cache: Cache,
        /// As in [`Kernel::Attention`].
        fused: bool,
    },
    /// The preparation of a fused [`Kernel::Attention`], for attention over many tokens. Buffers: step, qkv, keys,
    /// values, table, gains, y.
    Heads(Cache),
    /// Buffers: step, a, b, y.
    Add,
    /// Buffers: step, gate, up, y.
    Gated,
    /// Buffers: step, x, the row of the other part, y.
    GatedParts,
    /// Buffers: step, x, weight, y.
    Scale,
    /// Buffers: step, x, y.
    SoftCap,
    /// Buffers: step, x, y.
    Slice,
    /// Buffers: logits, bias, ids, weights.
    Router,
    /// Buffers: x, ids, weights, bias, y, and with `gated` the second matrices, their bias, and the norm's gain.
    ExpertMatMul {
        /// Block format of the matrices.
        format: Format,
        /// As in [`Kernel::MatVec`].
        gated: bool,
        /// As in [`Kernel::MatVec`].
        math: Math,
    },
    /// Buffers: x, ids, shares, weights, bias, residual, y.
    ExpertSum(Format),
    /// Buffers: step, x, weights, y.
    WeightedSum,
    /// Buffers: step, x, kernel, state, y.
    Conv {
        /// Of the product of two parts of a row of x, times a third.
        gated: bool,
    },
    /// Buffers: step, qkv, beta, alpha, a, dt_bias, state, y.
    DeltaNet,
    /// Buffers: step, x, y.
    SelectRows,
    /// Samples a token and prepares the step with it. Buffers: step, sampling parameters, logits, history, counts,
    /// then, if it embeds the token, the table, y, and the other half of a table that is `halved`.
    Sample {
        /// Block format of the table.
        table: Option<Format>,
        /// The table has two buffers.
        halved: bool,
    },
    /// Only reads. Buffers: words, y.
    PeakRead,
    /// Only computes. Buffer: y.
    PeakFma,
}

impl Kernel {
    /// Whether the kernel needs the feature `subgroups`.
    #[must_use]
    pub fn needs_subgroups(self) -> bool {
        matches!(
            self,
            Kernel::MatVec { subgroups: true, .. }
                | Kernel::MatVecBroadcast { .. }
                | Kernel::MatMulBroadcast { .. }
                | Kernel::AttentionBroadcast { .. }
        )
    }

    /// Whether the kernel reads rows that [`Kernel::StageRows`] stages.
    #[must_use]
    pub fn is_staged(self) -> bool {
        matches!(self, Kernel::MatMul { math, .. } if math != Math::F32)
    }

    /// Whether the kernel needs the feature `shader-f16`.
    #[must_use]
    pub fn needs_f16(self) -> bool {
        matches!(
            self,
            Kernel::MatVec { math: Math::F16, .. }
                | Kernel::MatMul { math: Math::F16, .. }
                | Kernel::StageRows(Math::F16)
                | Kernel::ExpertMatMul { math: Math::F16, .. }
        )
    }

    /// Whether it does nothing after the end of an answer. For that, the step is bound as a uniform after the other
    /// buffers.
    #[must_use]
    pub fn looks_for_end(self) -> bool {
        matches!(
            self,
            Kernel::MatVec { .. }
                | Kernel::MatVecBroadcast { .. }
                | Kernel::ExpertMatMul { .. }
                | Kernel::ExpertSum(_)
        )
    }

    /// A unique name.
    #[must_use]
    pub fn name(self) -> String {
        let gate = |gated| if gated { "_gated" } else { "" };
        let prologue = |fused| if fused { "_add_norm" } else { "" };
        let formats = |first: Format, second: Option<Format>| match second {
            Some(second) => format!("{}_{}", first.name(), second.name()),
            None => first.name().to_owned(),
        };
        let fusion = |fused| if fused { "_fused" } else { "" };
        match self {
            Kernel::Embed(format) => format!("embed_{}", format.name()),
            Kernel::RmsNorm { adds } => (if adds { "norm_add" } else { "rms_norm" }).to_owned(),
            Kernel::MatVec { format, second_matrix, fused_add_norm, gated, subgroups, math } => {
                let reduction = if subgroups { "_subgroups" } else { "" };
                let (formats, prologue) = (formats(format, second_matrix), prologue(fused_add_norm));
                format!("matvec_{formats}{prologue}{}{}{reduction}", gate(gated), math.suffix())
            }
            Kernel::MatMul { format, gated, math } => {
                format!("matmul_{}{}{}", format.name(), gate(gated), math.suffix())
            }
            Kernel::StageRows(math) => format!("stage_rows{}", math.suffix()),
            Kernel::MatVecBroadcast { format, second_matrix, fused_add_norm, gated } => {
                let formats = formats(format, second_matrix);
                format!("matvec_broadcast_{formats}{}{}", prologue(fused_add_norm), gate(gated))
            }
            Kernel::MatMulBroadcast { format, gated } => {
                format!("matmul_broadcast_{}{}", format.name(), gate(gated))
            }
            Kernel::Rope => "rope".to_owned(),
            Kernel::StoreKv(cache) => format!("store_kv_{}", cache.name()),
            Kernel::Attention { queries, cache, fused, split } => {
                let part = if split { "_split" } else { "" };
                format!("attention_{queries}_{}{}{part}", cache.name(), fusion(fused))
            }
            Kernel::AttentionMerge => "attention_merge".to_owned(),
            Kernel::AttentionBroadcast { queries, slots, cache, fused } => {
                format!("attention_broadcast_{queries}_{slots}_{}{}", cache.name(), fusion(fused))
            }
            Kernel::Heads(cache) => format!("heads_{}", cache.name()),
            Kernel::Add => "add".to_owned(),
            Kernel::Gated => "gated".to_owned(),
            Kernel::GatedParts => "gated_parts".to_owned(),
            Kernel::Scale => "scale".to_owned(),
            Kernel::SoftCap => "soft_cap".to_owned(),
            Kernel::Slice => "slice".to_owned(),
            Kernel::Router => "router".to_owned(),
            Kernel::ExpertMatMul { format, gated, math } => {
                format!("expert_matmul_{}{}{}", format.name(), gate(gated), math.suffix())
            }
            Kernel::ExpertSum(format) => format!("expert_sum_{}", format.name()),
            Kernel::WeightedSum => "weighted_sum".to_owned(),
            Kernel::Conv { gated } => format!("conv{}", gate(gated)),
            Kernel::DeltaNet => "delta_net".to_owned(),
            Kernel::SelectRows => "select_rows".to_owned(),
            Kernel::Sample { table: None, .. } => "sample".to_owned(),
            Kernel::Sample { table: Some(format), halved } => {
                format!("sample_{}{}", format.name(), if halved { "_halved" } else { "" })
            }
            Kernel::PeakRead => "peak_read".to_owned(),
            Kernel::PeakFma => "peak_fma".to_owned(),
        }
    }
}
