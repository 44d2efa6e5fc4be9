//! The block formats of GGUF weights, and their sizes.

use std::fmt;

/// The block format of a weight tensor.
///
/// The discriminant is the type id in a GGUF file. Integer and `f64` tensors, and the formats that ggml only
/// uses for activations (`Q8_1`, `Q8_K`), have no variant because they are not weights.
#[allow(non_camel_case_types, reason = "spelled as in ggml and in GGUF file names")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum DType {
    /// 32-bit float.
    F32 = 0,
    /// IEEE half.
    F16 = 1,
    /// 4 bits, scale per 32.
    Q4_0 = 2,
    /// 4 bits, scale and minimum per 32.
    Q4_1 = 3,
    /// 5 bits, scale per 32.
    Q5_0 = 6,
    /// 5 bits, scale and minimum per 32.
    Q5_1 = 7,
    /// 8 bits, scale per 32.
    Q8_0 = 8,
    /// 2 bits, 4-bit scale and minimum per 16, in blocks of 256.
    Q2_K = 10,
    /// 3 bits, 6-bit scale per 16, in blocks of 256.
    Q3_K = 11,
    /// 4 bits, 6-bit scale and minimum per 32, in blocks of 256.
    Q4_K = 12,
    /// 5 bits, 6-bit scale and minimum per 32, in blocks of 256.
    Q5_K = 13,
    /// 6 bits, 8-bit scale per 16, in blocks of 256.
    Q6_K = 14,
    /// 2.06 bits: grid of 256 octets, 7-bit sign sets, 4-bit scale per 32.
    IQ2_XXS = 16,
    /// 2.31 bits: grid of 512 octets, 7-bit sign sets, 4-bit scale per 16.
    IQ2_XS = 17,
    /// 3.06 bits: grid of 256 quartets, 7-bit sign sets, 4-bit scale per 32.
    IQ3_XXS = 18,
    /// 1.56 bits: grid of 2048 ternary octets, 3-bit scale and shift per 32.
    IQ1_S = 19,
    /// 4 bits through a table of 16 values, scale per 32.
    IQ4_NL = 20,
    /// 3.44 bits: grid of 512 quartets, one sign per value, 4-bit scale per 32.
    IQ3_S = 21,
    /// 2.56 bits: grid of 1024 octets, one sign per value, 4-bit scale per 16.
    IQ2_S = 22,
    /// 4 bits through the table of [`DType::IQ4_NL`], 6-bit scale per 32, in blocks of 256.
    IQ4_XS = 23,
    /// 1.75 bits: the grid of [`DType::IQ1_S`], 3-bit scale per 16, shift per 8.
    IQ1_M = 29,
    /// The upper half of a 32-bit float.
    BF16 = 30,
    /// Ternary, five values in a byte, scale per 256.
    TQ1_0 = 34,
    /// Ternary, four values in a byte, scale per 256.
    TQ2_0 = 35,
    /// OCP microscaling E2M1 with an E8M0 scale per 32.
    MXFP4 = 39,
    /// E2M1 with an unsigned E4M3 scale per 16, in blocks of 64.
    NVFP4 = 40,
    /// One bit: plus or minus the scale of 128.
    Q1_0 = 41,
    /// Two bits minus one, scale per 64.
    Q2_0 = 42,
}

/// The fixed properties of a [`DType`].
struct Layout {
    name: &'static str,
    values: usize,
    bytes: usize,
}

impl DType {
    /// Every format, in type id order.
    pub const ALL: [DType; 28] = [
        DType::F32,
        DType::F16,
        DType::Q4_0,
        DType::Q4_1,
        DType::Q5_0,
        DType::Q5_1,
        DType::Q8_0,
        DType::Q2_K,
        DType::Q3_K,
        DType::Q4_K,
        DType::Q5_K,
        DType::Q6_K,
        DType::IQ2_XXS,
        DType::IQ2_XS,
        DType::IQ3_XXS,
        DType::IQ1_S,
        DType::IQ4_NL,
        DType::IQ3_S,
        DType::IQ2_S,
        DType::IQ4_XS,
        DType::IQ1_M,
        DType::BF16,
        DType::TQ1_0,
        DType::TQ2_0,
        DType::MXFP4,
        DType::NVFP4,
        DType::Q1_0,
        DType::Q2_0,
    ];

    /// The format with this type id, or `None` for an unknown id or a format that is not for weights.
    #[must_use]
    pub fn from_ggml(id: u32) -> Option<DType> {
        Self::ALL.into_iter().find(|dtype| dtype.ggml_id() == id)
    }

    /// The type id in a GGUF file.
    #[must_use]
    pub const fn ggml_id(self) -> u32 {
        self as u32
    }

    /// The name in ggml's spelling, for example `Q4_K`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.layout().name
    }

    /// Values in one block.
    #[must_use]
    pub const fn block_values(self) -> usize {
        self.layout().values
    }

    /// Bytes in one block.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        self.layout().bytes
    }

    /// Bytes of a row of `values` values, or `None` if the row is not a whole number of blocks or the size
    /// overflows a `usize`.
    #[must_use]
    pub const fn row_bytes(self, values: usize) -> Option<usize> {
        let layout = self.layout();
        if !values.is_multiple_of(layout.values) {
            return None;
        }
        (values / layout.values).checked_mul(layout.bytes)
    }

    const fn layout(self) -> Layout {
        let (name, values, bytes) = match self {
            DType::F32 => ("F32", 1, 4),
            DType::F16 => ("F16", 1, 2),
            DType::Q4_0 => ("Q4_0", 32, 18),
            DType::Q4_1 => ("Q4_1", 32, 20),
            DType::Q5_0 => ("Q5_0", 32, 22),
            DType::Q5_1 => ("Q5_1", 32, 24),
            DType::Q8_0 => ("Q8_0", 32, 34),
            DType::Q2_K => ("Q2_K", 256, 84),
            DType::Q3_K => ("Q3_K", 256, 110),
            DType::Q4_K => ("Q4_K", 256, 144),
            DType::Q5_K => ("Q5_K", 256, 176),
            DType::Q6_K => ("Q6_K", 256, 210),
            DType::IQ2_XXS => ("IQ2_XXS", 256, 66),
            DType::IQ2_XS => ("IQ2_XS", 256, 74),
            DType::IQ3_XXS => ("IQ3_XXS", 256, 98),
            DType::IQ1_S => ("IQ1_S", 256, 50),
            DType::IQ4_NL => ("IQ4_NL", 32, 18),
            DType::IQ3_S => ("IQ3_S", 256, 110),
            DType::IQ2_S => ("IQ2_S", 256, 82),
            DType::IQ4_XS => ("IQ4_XS", 256, 136),
            DType::IQ1_M => ("IQ1_M", 256, 56),
            DType::BF16 => ("BF16", 1, 2),
            DType::TQ1_0 => ("TQ1_0", 256, 54),
            DType::TQ2_0 => ("TQ2_0", 256, 66),
            DType::MXFP4 => ("MXFP4", 32, 17),
            DType::NVFP4 => ("NVFP4", 64, 36),
            DType::Q1_0 => ("Q1_0", 128, 18),
            DType::Q2_0 => ("Q2_0", 64, 18),
        };
        Layout { name, values, bytes }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::DType;

    #[test]
    fn ids_round_trip_and_others_are_rejected() {
        for dtype in DType::ALL {
            assert_eq!(DType::from_ggml(dtype.ggml_id()), Some(dtype));
        }
        // Gaps left by removed types, activation formats, integers, f64, the first unused id.
        for id in [4, 5, 9, 15, 24, 25, 26, 27, 28, 31, 36, 43, 258, u32::MAX] {
            assert_eq!(DType::from_ggml(id), None, "id {id}");
        }
    }

    #[test]
    fn all_is_sorted_by_id_so_none_is_listed_twice() {
        assert!(DType::ALL.windows(2).all(|pair| pair[0].ggml_id() < pair[1].ggml_id()));
    }

    #[test]
    fn row_bytes_takes_whole_blocks_only() {
        assert_eq!(DType::Q4_0.row_bytes(576), Some(324));
        assert_eq!(DType::Q4_K.row_bytes(576), None);
        assert_eq!(DType::Q6_K.row_bytes(0), Some(0));
        assert_eq!(DType::F32.row_bytes(usize::MAX), None);
    }
}
