//! Block formats that the kernels can read.

use linnet_quant::DType;

/// A block format with a reader in WGSL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Format {
    dtype: DType,
    include: &'static str,
}

const fn format(dtype: DType, include: &'static str) -> Format {
    Format { dtype, include }
}

impl Format {
    /// Every format that the kernels can read.
    pub const ALL: [Format; 11] = [
        format(DType::F32, "f32"),
        format(DType::F16, "f16"),
        format(DType::BF16, "bf16"),
        format(DType::Q4_0, "q4_0"),
        format(DType::Q4_1, "q4_1"),
        format(DType::Q5_0, "q5_0"),
        format(DType::Q5_1, "q5_1"),
        format(DType::Q8_0, "q8_0"),
        format(DType::Q4_K, "q4_k"),
        format(DType::Q5_K, "q5_k"),
        format(DType::Q6_K, "q6_k"),
    ];

    /// The reader for a block format, if there is one.
    #[must_use]
    pub fn of(dtype: DType) -> Option<Format> {
        Self::ALL.into_iter().find(|format| format.dtype == dtype)
    }

    /// The block format.
    #[must_use]
    pub fn dtype(self) -> DType {
        self.dtype
    }

    /// Name of the include, also used in the names of kernels.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.include
    }
}
