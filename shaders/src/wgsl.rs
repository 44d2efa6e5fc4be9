//! The text of a kernel: its source with the includes, flags and sizes that its variant has.

use crate::compose::{Context, compose};
use crate::dialect::Dialect;
use crate::format::Format;
use crate::kernel::Kernel;
use crate::sizes::{broadcast, experts, matmul, matvec, peaks, rows, sample};

impl Kernel {
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
            Kernel::Sample { table, .. } => table.map(Format::name),
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
            Kernel::MatVec { second_matrix, .. } | Kernel::MatVecBroadcast { second_matrix, .. } => {
                second_matrix.map(Format::name)
            }
            Kernel::Sample { table, halved: true } => table.map(Format::name),
            _ => None,
        };
        text.push_str(&compose(self.source(), &Context { flags: &self.flags(), format, second }));
        let last = text.matches("@binding(").count().saturating_sub(1);
        text.replace("@binding(LAST)", &format!("@binding({last})"))
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
            Kernel::Sample { .. } => include_str!("../ops/sample.wgsl"),
            Kernel::PeakRead => include_str!("../ops/peak_read.wgsl"),
            Kernel::PeakFma => include_str!("../ops/peak_fma.wgsl"),
        }
    }

    fn flags(self) -> Vec<&'static str> {
        let set = |flags: &[(&'static str, bool)]| {
            flags.iter().filter(|(_, set)| *set).map(|(flag, _)| *flag).collect()
        };
        match self {
            Kernel::MatVec { second_matrix, fused_add_norm, gated, subgroups, math, .. } => {
                let second_matrix = second_matrix.is_some();
                let [integers, dp4a, half] = math.flags();
                let form = [
                    ("second_matrix", second_matrix),
                    ("fused_add_norm", fused_add_norm),
                    ("gated", gated),
                    ("subgroups", subgroups),
                ];
                [set(&form), set(&[integers, dp4a, half])].concat()
            }
            Kernel::MatMul { gated, math, .. } | Kernel::ExpertMatMul { gated, math, .. } => {
                [set(&[("gated", gated)]), set(&math.flags())].concat()
            }
            Kernel::StageRows(math) => set(&math.flags()),
            Kernel::MatVecBroadcast { second_matrix, fused_add_norm, gated, .. } => set(&[
                ("second_matrix", second_matrix.is_some()),
                ("fused_add_norm", fused_add_norm),
                ("gated", gated),
            ]),
            Kernel::Conv { gated } | Kernel::MatMulBroadcast { gated, .. } => set(&[("gated", gated)]),
            Kernel::RmsNorm { adds } => set(&[("adds", adds)]),
            Kernel::StoreKv(cache) => vec![cache.flag()],
            Kernel::Heads(cache) => vec![cache.flag(), "fused"],
            Kernel::Attention { cache, fused, split, .. } => {
                set(&[(cache.flag(), true), ("fused", fused), ("split", split)])
            }
            Kernel::AttentionBroadcast { cache, fused, .. } => set(&[(cache.flag(), true), ("fused", fused)]),
            Kernel::Sample { table, halved } => set(&[("embeds", table.is_some()), ("halved", halved)]),
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
            Kernel::Sample { .. } => {
                vec![("SORTED", sample::SORTED), ("STOPS", sample::STOPS), ("RECENT", sample::RECENT)]
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
