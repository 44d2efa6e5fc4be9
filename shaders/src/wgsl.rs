//! The text of a kernel: its source with the includes, flags and sizes that its variant has.

use crate::compose::{ComposeError, Context, Source, compose};
use crate::dialect::Dialect;
use crate::format::Format;
use crate::kernel::Kernel;
use crate::sizes::{broadcast, experts, matmul, matvec, peaks, rows, sample};

/// A source of the folder `ops`, by its name.
macro_rules! op {
    ($name:literal) => {
        Source {
            path: concat!("ops/", $name, ".wgsl"),
            text: include_str!(concat!("../ops/", $name, ".wgsl")),
        }
    };
}

impl Kernel {
    /// The whole WGSL text; its entry point is `main`. If [`Kernel::compose`] fails, a line that no WGSL compiler
    /// accepts and that says why.
    #[must_use]
    pub fn wgsl(self, dialect: Dialect) -> String {
        self.compose(dialect).unwrap_or_else(|error| format!("#error {error}\n"))
    }

    /// The whole WGSL text; its entry point is `main`.
    ///
    /// # Errors
    /// [`ComposeError`] if a directive in its sources is at fault.
    pub fn compose(self, dialect: Dialect) -> Result<String, ComposeError> {
        let mut text = String::new();
        if self.needs_f16() {
            text.push_str("enable f16;\n");
        }
        if self.needs_subgroups() && dialect == Dialect::Browser {
            // The loop over lane groups is uniform per subgroup. The browser's analysis knows this only with the
            // language feature `subgroup_uniformity`.
            text.push_str("enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n");
        }
        for (name, value) in self.constants() {
            text.push_str(&format!("const {name}: u32 = {value}u;\n"));
        }
        let format = match self {
            Kernel::Sample { table, .. } => table.map(Format::include),
            Kernel::Embed(format)
            | Kernel::ExpertMatMul { format, .. }
            | Kernel::ExpertSum(format)
            | Kernel::MatVec { format, .. }
            | Kernel::MatMul { format, .. }
            | Kernel::MatVecBroadcast { format, .. }
            | Kernel::MatMulBroadcast { format, .. } => Some(format.include()),
            _ => None,
        };
        let second = match self {
            Kernel::MatVec { second_matrix, .. } | Kernel::MatVecBroadcast { second_matrix, .. } => {
                second_matrix.map(Format::include)
            }
            Kernel::Sample { table, halved: true } => table.map(Format::include),
            _ => None,
        };
        compose(&mut text, self.source(), Context { flags: &self.flags(), format, second })?;
        let last = text.matches("@binding(").count().saturating_sub(1);
        Ok(text.replace("@binding(LAST)", &format!("@binding({last})")))
    }

    fn source(self) -> Source {
        match self {
            Kernel::Embed(_) => op!("rows/embed"),
            Kernel::RmsNorm { .. } => op!("rows/rms_norm"),
            Kernel::MatVec { .. } => op!("matmul/matvec"),
            Kernel::MatMul { .. } => op!("matmul/matmul"),
            Kernel::StageRows(_) => op!("matmul/stage_rows"),
            Kernel::MatVecBroadcast { .. } => op!("matmul/matvec_broadcast"),
            Kernel::MatMulBroadcast { .. } => op!("matmul/matmul_broadcast"),
            Kernel::Rope => op!("attention/rope"),
            Kernel::StoreKv(_) => op!("attention/store_kv"),
            Kernel::Attention { .. } => op!("attention/attention"),
            Kernel::AttentionMerge => op!("attention/attention_merge"),
            Kernel::AttentionBroadcast { .. } => op!("attention/attention_broadcast"),
            Kernel::Heads(_) => op!("attention/heads"),
            Kernel::Add => op!("elementwise/add"),
            Kernel::Gated => op!("elementwise/gated"),
            Kernel::GatedParts => op!("elementwise/gated_parts"),
            Kernel::Scale => op!("elementwise/scale"),
            Kernel::SoftCap => op!("elementwise/soft_cap"),
            Kernel::Slice => op!("rows/slice"),
            Kernel::Router => op!("experts/router"),
            Kernel::ExpertMatMul { .. } => op!("experts/expert_matmul"),
            Kernel::ExpertSum(_) => op!("experts/expert_sum"),
            Kernel::WeightedSum => op!("experts/weighted_sum"),
            Kernel::Conv { .. } => op!("recurrent/conv"),
            Kernel::DeltaNet => op!("recurrent/delta_net"),
            Kernel::SelectRows => op!("rows/select_rows"),
            Kernel::Sample { .. } => op!("sample/sample"),
            Kernel::PeakRead => op!("peaks/peak_read"),
            Kernel::PeakFma => op!("peaks/peak_fma"),
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

    /// Sizes that the host also knows, as constants before the source.
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
                vec![
                    ("SORTED", sample::SORTED),
                    ("STOPS", sample::STOPS),
                    ("SUPPRESSED", sample::SUPPRESSED),
                    ("RECENT", sample::RECENT),
                ]
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
