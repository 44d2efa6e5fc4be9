//! The table of kernels and their variants.

use crate::cache::Cache;
use crate::compose::{Context, compose};
use crate::dialect::Dialect;
use crate::format::Format;
use crate::math::Math;
use crate::sizes::{broadcast, choose, experts, matmul, matvec, peaks, rows};

/// A shader module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kernel {
    /// Gathers rows of the vocabulary. Buffers: step, history, table, y.
    Embed(Format),
    /// Buffers: step, x, gain, y; where it `adds` to a residual, that and a factor.
    RmsNorm {
        /// `residual + norm(x)`.
        adds: bool,
    },
    /// One row times a matrix, or the gated product of two. Buffers: x, gain, weights, bias, y, then residual, or with
    /// `gated` the second matrix and its bias. With `before` x, gains, weights, residual, y, the row, and with `gated` the
    /// second matrix.
    MatVec {
        /// Block format of the matrix or matrices.
        format: Format,
        /// The row is made of x and a residual first.
        before: bool,
        /// A second matrix of this format, whose outputs follow, be it the other half of the first; it is bound last.
        below: Option<Format>,
        /// Two matrices, gate and up, and `activation(gate) * up` of their products.
        gated: bool,
        /// Adds up through subgroup operations instead of workgroup memory.
        subgroups: bool,
        /// Which products it adds up; [`Math::F32`] unless the formats have integers.
        math: Math,
    },
    /// The same for many rows. Buffers: step, x, weights, bias, y, then as above; where x is staged, its blocks.
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
    /// As [`Kernel::MatVec`], for adapters that run on the CPU; needs subgroups of at least eight.
    MatVecBroadcast {
        /// Block format of the matrix or matrices.
        format: Format,
        /// As in [`Kernel::MatVec`].
        before: bool,
        /// As in [`Kernel::MatVec`].
        below: Option<Format>,
        /// As in [`Kernel::MatVec`].
        gated: bool,
    },
    /// As [`Kernel::MatMul`], for adapters that run on the CPU; needs subgroups of at least eight.
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
        /// How the cache holds its numbers.
        cache: Cache,
        /// For one token, from the row of queries, keys and values that its projections made. Buffers: step, qkv, keys,
        /// values, sinks, y, table, gains.
        fused: bool,
        /// For one token, by several workgroups for each head; y is for [`Kernel::AttentionMerge`].
        split: bool,
    },
    /// One result of those of a split [`Kernel::Attention`]. Buffers: parts, y.
    AttentionMerge,
    /// As [`Kernel::Attention`], for adapters that run on the CPU; needs subgroups of at least eight.
    AttentionBroadcast {
        /// As in [`Kernel::Attention`].
        queries: u32,
        /// Quads of a head that a lane has room for; one of [`crate::attention::SLOTS`].
        slots: u32,
        /// As in [`Kernel::Attention`].
        cache: Cache,
        /// As in [`Kernel::Attention`].
        fused: bool,
    },
    /// What [`Kernel::Attention`] does where it is `fused`, before attention over many tokens. Buffers: step, qkv, keys,
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
    /// Chooses a token and prepares the step with it. Buffers: step, draw, logits, history, counts, then, where it embeds the
    /// token from a table, the table, y, and the other half of a table that is `halved`.
    Choose {
        /// Block format of the table.
        table: Option<Format>,
        /// The table lies in two buffers.
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

    /// Whether the kernel reads rows that [`Kernel::StageRows`] made.
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

    /// Whether it does nothing behind the end of an answer, for which the step is bound as a uniform behind the other buffers.
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
        let prologue = |before| if before { "_before" } else { "" };
        let above =
            |below: Option<Format>| below.map_or(String::new(), |format| format!("_{}", format.name()));
        let fusion = |fused| if fused { "_fused" } else { "" };
        match self {
            Kernel::Embed(format) => format!("embed_{}", format.name()),
            Kernel::RmsNorm { adds } => (if adds { "norm_add" } else { "rms_norm" }).to_owned(),
            Kernel::MatVec { format, below, before, gated, subgroups, math } => {
                let reduction = if subgroups { "_subgroups" } else { "" };
                let formats = format.name().to_owned() + &above(below);
                format!("matvec_{formats}{}{}{}{reduction}", prologue(before), gate(gated), math.suffix())
            }
            Kernel::MatMul { format, gated, math } => {
                format!("matmul_{}{}{}", format.name(), gate(gated), math.suffix())
            }
            Kernel::StageRows(math) => format!("stage_rows{}", math.suffix()),
            Kernel::MatVecBroadcast { format, below, before, gated } => {
                let formats = format.name().to_owned() + &above(below);
                format!("matvec_broadcast_{formats}{}{}", prologue(before), gate(gated))
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
            Kernel::Choose { table: None, .. } => "choose".to_owned(),
            Kernel::Choose { table: Some(format), halved } => {
                format!("choose_{}{}", format.name(), if halved { "_halved" } else { "" })
            }
            Kernel::PeakRead => "peak_read".to_owned(),
            Kernel::PeakFma => "peak_fma".to_owned(),
        }
    }

    /// The whole WGSL text; its entry point is `main`.
    #[must_use]
    pub fn wgsl(self, dialect: Dialect) -> String {
        let mut text = String::new();
        if self.needs_f16() {
            text.push_str("enable f16;\n");
        }
        if self.needs_subgroups() && dialect == Dialect::Browser {
            // The groups of lanes of a workgroup take turns in a loop that is uniform per subgroup, which the
            // browser's analysis knows only where the language feature `subgroup_uniformity` is present.
            text.push_str("enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n");
        }
        for (name, value) in self.constants() {
            text.push_str(&format!("const {name}: u32 = {value}u;\n"));
        }
        let format = match self {
            Kernel::Choose { table, .. } => table.map(Format::name),
            Kernel::Embed(format)
            | Kernel::ExpertMatMul { format, .. }
            | Kernel::ExpertSum(format)
            | Kernel::MatVec { format, .. }
            | Kernel::MatMul { format, .. }
            | Kernel::MatVecBroadcast { format, .. }
            | Kernel::MatMulBroadcast { format, .. } => Some(format.name()),
            _ => None,
        };
        let second = match self {
            Kernel::MatVec { below, .. } | Kernel::MatVecBroadcast { below, .. } => below.map(Format::name),
            Kernel::Choose { table, halved: true } => table.map(Format::name),
            _ => None,
        };
        text.push_str(&compose(self.source(), &Context { flags: &self.flags(), format, second }));
        let before = text.matches("@binding(").count().saturating_sub(1);
        text.replace("@binding(BEHIND)", &format!("@binding({before})"))
    }

    fn source(self) -> &'static str {
        match self {
            Kernel::Embed(_) => include_str!("../ops/embed.wgsl"),
            Kernel::RmsNorm { .. } => include_str!("../ops/rms_norm.wgsl"),
            Kernel::MatVec { .. } => include_str!("../ops/matvec.wgsl"),
            Kernel::MatMul { .. } => include_str!("../ops/matmul.wgsl"),
            Kernel::StageRows(_) => include_str!("../ops/stage_rows.wgsl"),
            Kernel::MatVecBroadcast { .. } => include_str!("../ops/matvec_broadcast.wgsl"),
            Kernel::MatMulBroadcast { .. } => include_str!("../ops/matmul_broadcast.wgsl"),
            Kernel::Rope => include_str!("../ops/rope.wgsl"),
            Kernel::StoreKv(_) => include_str!("../ops/store_kv.wgsl"),
            Kernel::Attention { .. } => include_str!("../ops/attention.wgsl"),
            Kernel::AttentionMerge => include_str!("../ops/attention_merge.wgsl"),
            Kernel::AttentionBroadcast { .. } => include_str!("../ops/attention_broadcast.wgsl"),
            Kernel::Heads(_) => include_str!("../ops/heads.wgsl"),
            Kernel::Add => include_str!("../ops/add.wgsl"),
            Kernel::Gated => include_str!("../ops/gated.wgsl"),
            Kernel::GatedParts => include_str!("../ops/gated_parts.wgsl"),
            Kernel::Scale => include_str!("../ops/scale.wgsl"),
            Kernel::SoftCap => include_str!("../ops/soft_cap.wgsl"),
            Kernel::Slice => include_str!("../ops/slice.wgsl"),
            Kernel::Router => include_str!("../ops/router.wgsl"),
            Kernel::ExpertMatMul { .. } => include_str!("../ops/expert_matmul.wgsl"),
            Kernel::ExpertSum(_) => include_str!("../ops/expert_sum.wgsl"),
            Kernel::WeightedSum => include_str!("../ops/weighted_sum.wgsl"),
            Kernel::Conv { .. } => include_str!("../ops/conv.wgsl"),
            Kernel::DeltaNet => include_str!("../ops/delta_net.wgsl"),
            Kernel::SelectRows => include_str!("../ops/select_rows.wgsl"),
            Kernel::Choose { .. } => include_str!("../ops/choose.wgsl"),
            Kernel::PeakRead => include_str!("../ops/peak_read.wgsl"),
            Kernel::PeakFma => include_str!("../ops/peak_fma.wgsl"),
        }
    }

    fn flags(self) -> Vec<&'static str> {
        let set = |flags: &[(&'static str, bool)]| {
            flags.iter().filter(|(_, set)| *set).map(|(flag, _)| *flag).collect()
        };
        match self {
            Kernel::MatVec { below, before, gated, subgroups, math, .. } => {
                let below = below.is_some();
                let [integers, dp4a, half] = math.flags();
                let form = [("below", below), ("before", before), ("gated", gated), ("subgroups", subgroups)];
                [set(&form), set(&[integers, dp4a, half])].concat()
            }
            Kernel::MatMul { gated, math, .. } | Kernel::ExpertMatMul { gated, math, .. } => {
                [set(&[("gated", gated)]), set(&math.flags())].concat()
            }
            Kernel::StageRows(math) => set(&math.flags()),
            Kernel::MatVecBroadcast { below, before, gated, .. } => {
                set(&[("below", below.is_some()), ("before", before), ("gated", gated)])
            }
            Kernel::Conv { gated } | Kernel::MatMulBroadcast { gated, .. } => set(&[("gated", gated)]),
            Kernel::RmsNorm { adds } => set(&[("adds", adds)]),
            Kernel::StoreKv(cache) => vec![cache.flag()],
            Kernel::Heads(cache) => vec![cache.flag(), "fused"],
            Kernel::Attention { cache, fused, split, .. } => {
                set(&[(cache.flag(), true), ("fused", fused), ("split", split)])
            }
            Kernel::AttentionBroadcast { cache, fused, .. } => set(&[(cache.flag(), true), ("fused", fused)]),
            Kernel::Choose { table, halved } => set(&[("embeds", table.is_some()), ("halved", halved)]),
            _ => vec![],
        }
    }

    /// Sizes that the host must know too, as constants before the source.
    fn constants(self) -> Vec<(&'static str, u32)> {
        match self {
            Kernel::MatVec { .. } => vec![("ROWS", matvec::ROWS)],
            Kernel::MatMul { gated, .. } => {
                vec![("THREADS", matmul::THREADS), ("TOKENS", matmul::TOKENS), ("ROWS", matmul::rows(gated))]
            }
            Kernel::MatVecBroadcast { gated, .. } => {
                vec![("THREADS", broadcast::THREADS), ("ROWS", broadcast::rows(gated))]
            }
            Kernel::MatMulBroadcast { gated, .. } => vec![
                ("THREADS", broadcast::THREADS),
                ("TOKENS", broadcast::TOKENS),
                ("ROWS", broadcast::rows(gated)),
            ],
            Kernel::Attention { queries, .. } => vec![("QUERIES", queries)],
            Kernel::AttentionBroadcast { queries, slots, .. } => {
                vec![("QUERIES", queries), ("SLOTS", slots)]
            }
            Kernel::Choose { .. } => {
                vec![("SORTED", choose::SORTED), ("STOPS", choose::STOPS), ("RECENT", choose::RECENT)]
            }
            Kernel::PeakRead | Kernel::PeakFma => vec![("THREADS", peaks::THREADS)],
            Kernel::RmsNorm { .. } | Kernel::DeltaNet => vec![],
            Kernel::ExpertMatMul { .. } | Kernel::ExpertSum(_) => vec![("THREADS", experts::THREADS)],
            Kernel::Embed(_)
            | Kernel::Rope
            | Kernel::StoreKv(_)
            | Kernel::Heads(_)
            | Kernel::StageRows(_)
            | Kernel::AttentionMerge
            | Kernel::Add
            | Kernel::Gated
            | Kernel::GatedParts
            | Kernel::Scale
            | Kernel::SoftCap
            | Kernel::Slice
            | Kernel::Router
            | Kernel::WeightedSum
            | Kernel::Conv { .. }
            | Kernel::SelectRows => vec![("THREADS", rows::THREADS)],
        }
    }
}
