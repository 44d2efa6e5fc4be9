//! The table of all kernels in all variants, so that each of them is compiled somewhere.

use crate::cache::Cache;
use crate::dialect::Dialect;
use crate::format::Format;
use crate::kernel::Kernel;
use crate::math::Math;
use crate::sizes::{QUERIES, attention};

/// Every kernel in every variant.
#[must_use]
pub fn all_kernels() -> Vec<Kernel> {
    let mut kernels = vec![
        Kernel::RmsNorm { adds: false },
        Kernel::RmsNorm { adds: true },
        Kernel::Rope,
        Kernel::Add,
        Kernel::Gated,
        Kernel::GatedParts,
        Kernel::Scale,
        Kernel::SoftCap,
        Kernel::Slice,
        Kernel::Router,
        Kernel::AttentionMerge,
        Kernel::WeightedSum,
        Kernel::Conv { gated: false },
        Kernel::Conv { gated: true },
        Kernel::DeltaNet,
        Kernel::SelectRows,
        Kernel::Sample { table: None, halved: false },
        Kernel::PeakRead,
        Kernel::PeakFma,
        Kernel::StageRows(Math::F16),
        Kernel::StageRows(Math::Int8),
    ];
    for cache in [Cache::F16, Cache::F32, Cache::Q8_0] {
        kernels.extend([Kernel::StoreKv(cache), Kernel::Heads(cache)]);
        for fused in [false, true] {
            for split in [false, true] {
                kernels.extend(QUERIES.map(|queries| Kernel::Attention { queries, cache, fused, split }));
            }
            for slots in attention::SLOTS {
                let possible = QUERIES.into_iter().filter(|queries| *queries <= attention::widest(slots));
                let variant = |queries| Kernel::AttentionBroadcast { queries, slots, cache, fused };
                kernels.extend(possible.map(variant));
            }
        }
    }
    for format in Format::all() {
        kernels.extend([Kernel::Embed(format), Kernel::Sample { table: Some(format), halved: false }]);
        kernels.push(Kernel::ExpertSum(format));
        for gated in [false, true] {
            for &math in format.math() {
                kernels.push(Kernel::MatMul { format, gated, math });
                kernels.push(Kernel::ExpertMatMul { format, gated, math });
            }
            kernels.push(Kernel::MatMulBroadcast { format, gated });
            kernels.extend(matvecs(format, None, gated));
        }
    }
    for [format, second] in Format::PAIRS.map(|pair| pair.map(Format::of)) {
        kernels.extend(matvecs(format, Some(second), false));
    }
    for format in Format::HALVED.map(Format::of) {
        kernels.push(Kernel::Sample { table: Some(format), halved: true });
        kernels.extend(matvecs(format, Some(format), false));
    }
    kernels
}

/// The variants of the product of one row.
fn matvecs(format: Format, second_matrix: Option<Format>, gated: bool) -> impl Iterator<Item = Kernel> {
    [false, true].into_iter().flat_map(move |fused_add_norm| {
        let variants = format.math().iter().flat_map(move |&math| {
            [false, true].map(|subgroups| Kernel::MatVec {
                format,
                second_matrix,
                fused_add_norm,
                gated,
                subgroups,
                math,
            })
        });
        variants.chain([Kernel::MatVecBroadcast { format, second_matrix, fused_add_norm, gated }])
    })
}

/// Name and text of every kernel in every variant, as a browser gets them.
#[must_use]
pub fn all_variants() -> Vec<(String, String)> {
    all_kernels().into_iter().map(|kernel| (kernel.name(), kernel.wgsl(Dialect::Browser))).collect()
}
