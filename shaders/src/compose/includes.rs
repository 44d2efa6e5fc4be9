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
    "bf16",
    "cache",
    "candidates",
    "chunk_sums",
    "ended",
    "f16",
    "f32",
    "floats",
    "fp4_values",
    "gated",
    "grid",
    "grid_2",
    "grid_3",
    "halves",
    "integers",
    "iq1_m",
    "iq1_s",
    "iq2_s",
    "iq2_xs",
    "iq2_xxs",
    "iq3_s",
    "iq3_xxs",
    "iq4_nl",
    "iq4_values",
    "iq4_xs",
    "k_scales",
    "mxfp4",
    "nucleus",
    "nvfp4",
    "outputs",
    "pack",
    "penalties",
    "q1_0",
    "q2_0",
    "q2_k",
    "q3_k",
    "q4_0",
    "q4_1",
    "q4_k",
    "q5_0",
    "q5_1",
    "q5_k",
    "q6_k",
    "q8_0",
    "quads",
    "ring",
    "rotate",
    "row",
    "row_sums",
    "rows",
    "scores",
    "second_matrix",
    "stage",
    "staged_row",
    "step",
    "tabled_nibbles",
    "tile",
    "tile_rows",
    "tq1_0",
    "tq2_0",
    "words",
];

/// The source with a name.
pub(super) fn find(name: &str) -> Option<Source> {
    ALL.iter().find(|(shared, _)| *shared == name).map(|(_, source)| *source)
}
