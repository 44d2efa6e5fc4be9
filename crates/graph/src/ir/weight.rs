//! Tensors of the model file.

use linnet_quant::DType;

/// How the nodes of a graph read a weight, by which a backend chooses its layout.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WeightUses {
    /// Single rows are gathered by token id ([`Op::Embed`](crate::Op::Embed)).
    pub rows: bool,
    /// It is the matrix of a [`Op::MatMul`](crate::Op::MatMul).
    pub matrix: bool,
    /// It is read as plain numbers: a norm's scale, a bias, rope factors.
    pub vector: bool,
    /// For the matrix of an [`Op::ExpertMatMul`](crate::Op::ExpertMatMul), the number of experts, whose matrices of
    /// equal height are stacked in it; otherwise 0.
    pub experts: usize,
}

/// A tensor of the model file that the graph reads: `[rows, cols]`, row-major, in the file's block format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeightSpec {
    /// The tensor's GGUF name.
    pub name: String,
    /// Block format of the bytes in the file.
    pub dtype: DType,
    /// Number of rows (1 for a vector). A matrix maps `cols` inputs to `rows` outputs.
    pub rows: usize,
    /// Number of values in a row; a whole number of blocks.
    pub cols: usize,
    /// How the graph reads it.
    pub uses: WeightUses,
}

impl WeightSpec {
    /// Whether the tensor's bytes, and its decoded values if it is read as a vector, have at most `most` bytes.
    pub fn fits(&self, most: u64) -> bool {
        let floats = if self.uses.vector { size_of::<f32>() as u64 } else { 0 };
        let block = self.dtype.block_bytes() as u64;
        let cols = self.cols as u64;
        let blocks = cols / self.dtype.block_values() as u64;
        let within = |row: Option<u64>| {
            row.and_then(|row| row.checked_mul(self.rows as u64)).is_some_and(|n| n <= most)
        };
        within(blocks.checked_mul(block)) && within(cols.checked_mul(floats))
    }

    /// Length of the tensor in the file, in bytes. [`Builder::finish`](crate::Builder::finish) has found that it fits.
    pub fn byte_len(&self) -> usize {
        self.cols / self.dtype.block_values() * self.dtype.block_bytes() * self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_fits_where_its_bytes_and_its_numbers_do() {
        let spec = |dtype, rows, cols, vector| {
            let uses = WeightUses { vector, matrix: !vector, ..WeightUses::default() };
            WeightSpec { name: "w".to_owned(), dtype, rows, cols, uses }
        };
        let addresses = u64::from(u32::MAX);
        // 2^32 values of half a byte and their scales.
        let large = spec(DType::Q4_0, 1 << 16, 1 << 16, false);
        assert!(large.fits(addresses) && large.byte_len() as u64 <= addresses);
        assert!(!spec(DType::Q8_0, 1 << 16, 1 << 16, false).fits(addresses));
        // Its bytes are 18 of 32 values, which as numbers are 128.
        assert!(!spec(DType::Q4_0, 1 << 15, 1 << 15, true).fits(addresses));
        assert!(spec(DType::Q4_0, 1 << 15, 1 << 14, true).fits(addresses));
        // Wrapped around, this would be 0.
        assert!(!spec(DType::F32, 1 << 16, 1 << 16, false).fits(addresses));
        assert!(!spec(DType::F32, usize::MAX, usize::MAX, false).fits(u64::MAX));
    }
}
