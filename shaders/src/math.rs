//! The arithmetic of products with matrices.

/// The arithmetic in which kernels multiply inputs with a matrix. Sums are always f32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Math {
    /// f32 by f32.
    #[default]
    F32,
    /// Inputs as f16 with a scale per 32, times the integers of the matrix as f16; needs the feature `shader-f16`.
    F16,
    /// Inputs as 8-bit integers with a scale per 32, times the integers of the matrix: four products at a time
    /// (`dot4I8Packed`).
    Int8,
}

impl Math {
    /// Bytes of four staged inputs, see `integers.wgsl`; 0 if they are not staged.
    #[must_use]
    pub fn staged_bytes(self) -> u32 {
        match self {
            Math::F32 => 0,
            Math::F16 => 8,
            Math::Int8 => 4,
        }
    }

    /// Bytes of a block of 32 staged inputs, including its scale and sums; 0 if they are not staged.
    #[must_use]
    pub fn block_bytes(self) -> u32 {
        match self {
            Math::F32 => 0,
            _ => 8 * self.staged_bytes() + 16,
        }
    }

    /// The suffix of a kernel's name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Math::F32 => "",
            Math::F16 => "_f16",
            Math::Int8 => "_int8",
        }
    }

    pub(crate) fn flags(self) -> [(&'static str, bool); 3] {
        [("integers", self != Math::F32), ("dp4a", self == Math::Int8), ("half", self == Math::F16)]
    }
}
