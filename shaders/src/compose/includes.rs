//! The sources that others include.

use super::Source;

/// Sources of the folder `shared`, by their names in `#include`.
macro_rules! shared {
    ($($name:literal),* $(,)?) => {
        &[$((
            $name,
            Source {
                path: concat!("shared/", $name, ".wgsl"),
                text: include_str!(concat!("../../shared/", $name, ".wgsl")),
            },
        )),*]
    };
}

pub(super) const ALL: &[(&str, Source)] = shared![
    "attention/cache",
    "attention/pack",
    "attention/ring",
    "attention/rotate",
    "attention/scores",
    "decode/float/bf16",
    "decode/float/f16",
    "decode/float/f32",
    "decode/float/floats",
    "decode/float/halves",
    "decode/fp4/fp4_values",
    "decode/fp4/mxfp4",
    "decode/fp4/nvfp4",
    "decode/iq/grid",
    "decode/iq/grid_2",
    "decode/iq/grid_3",
    "decode/iq/iq1_m",
    "decode/iq/iq1_s",
    "decode/iq/iq2_s",
    "decode/iq/iq2_xs",
    "decode/iq/iq2_xxs",
    "decode/iq/iq3_s",
    "decode/iq/iq3_xxs",
    "decode/iq/iq4_nl",
    "decode/iq/iq4_values",
    "decode/iq/iq4_xs",
    "decode/k_quants/k_scales",
    "decode/k_quants/q2_k",
    "decode/k_quants/q3_k",
    "decode/k_quants/q4_k",
    "decode/k_quants/q5_k",
    "decode/k_quants/q6_k",
    "decode/legacy/q1_0",
    "decode/legacy/q2_0",
    "decode/legacy/q4_0",
    "decode/legacy/q4_1",
    "decode/legacy/q5_0",
    "decode/legacy/q5_1",
    "decode/legacy/q8_0",
    "decode/quads",
    "decode/tabled_nibbles",
    "decode/ternary/tq1_0",
    "decode/ternary/tq2_0",
    "decode/words",
    "ended",
    "gated",
    "matmul/chunk_sums",
    "matmul/integers",
    "matmul/outputs",
    "matmul/row",
    "matmul/row_sums",
    "matmul/second_matrix",
    "matmul/stage",
    "matmul/staged_row",
    "matmul/tile",
    "matmul/tile_rows",
    "rows",
    "sample/candidates",
    "sample/nucleus",
    "sample/penalties",
    "step",
];

/// The source with a name.
pub(super) fn find(name: &str) -> Option<Source> {
    ALL.iter().find(|(shared, _)| *shared == name).map(|(_, source)| *source)
}
