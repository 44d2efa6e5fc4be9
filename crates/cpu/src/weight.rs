//! Weights: packed group by group as the bytes of the file arrive.

use linnet_graph::{BackendError, Bytes, WeightSpec};
use linnet_quant::{DType, dequantize};

use crate::layout::GROUP;
use crate::memory;
use crate::packed::{Matrix, matrix};
use crate::pool::Pool;

/// Bytes of whole groups to pack at a time: enough to share among threads, few enough for the cache.
const PIECE: usize = 256 << 10;

/// A tensor in the memory of the CPU backend, in the forms that the graph reads.
pub struct CpuWeight {
    spec: WeightSpec,
    /// Whether the matrix is stored as f32, whatever its format in the file.
    precise: bool,
    row_bytes: usize,
    /// Bytes of the group that is not complete yet: the only copy of raw file bytes.
    carry: Vec<u8>,
    /// Rows taken so far.
    rows: usize,
    /// Rows of each expert's matrix, which begins a group; for an ordinary weight, all rows.
    height: usize,
    /// For matrix products and embedding rows.
    matrix: Option<Box<dyn Matrix>>,
    /// Decoded, for norms, biases and rope factors.
    vector: Option<Vec<f32>>,
}

impl CpuWeight {
    pub(crate) fn new(spec: &WeightSpec, precise: bool) -> Result<Self, BackendError> {
        let WeightSpec { name, dtype, rows, cols, uses } = spec;
        let row_bytes = dtype.row_bytes(*cols).filter(|&bytes| bytes > 0).ok_or_else(|| {
            BackendError::Internal(format!("tensor `{name}`: {cols} values are not whole blocks of {dtype}"))
        })?;
        let what = format!("tensor `{name}`");
        let height = (rows / uses.experts.max(1)).max(1);
        let matrix = if uses.matrix || uses.rows || uses.experts > 0 {
            let padded = height
                .checked_next_multiple_of(GROUP)
                .and_then(|height| height.checked_mul((rows / height).max(1)));
            let dtype = if precise { DType::F32 } else { *dtype };
            Some(matrix(name, dtype, padded.unwrap_or(usize::MAX), *cols)?)
        } else {
            None
        };
        let vector = if uses.vector { Some(memory::reserve(&what, rows.checked_mul(*cols))?) } else { None };
        let carry = memory::reserve(&what, row_bytes.checked_mul(GROUP.min(*rows)))?;
        Ok(CpuWeight { spec: spec.clone(), precise, row_bytes, carry, rows: 0, height, matrix, vector })
    }

    /// Takes the next bytes of the file; all threads of `pool` pack whole groups of rows. `staging` is a buffer for
    /// bytes from outside this memory.
    pub(crate) fn push(
        &mut self,
        bytes: Bytes<'_>,
        pool: &mut Pool,
        staging: &mut Vec<u8>,
    ) -> Result<(), BackendError> {
        let mut offset = 0;
        while offset < bytes.len() {
            // An expert's matrix begins a group, so the previous one may end with a short group.
            let rows = (self.height - self.rows % self.height).min(self.spec.rows - self.rows);
            let group = GROUP.min(rows) * self.row_bytes;
            let (have, left) = (self.carry.len(), bytes.len() - offset);
            if group == 0 {
                let name = &self.spec.name;
                return Err(BackendError::Internal(format!("too many bytes for tensor `{name}`")));
            }
            if have > 0 || left < group {
                let take = (group - have).min(left);
                self.carry.resize(have + take, 0);
                bytes.copy_to(offset, &mut self.carry[have..]);
                offset += take;
                if self.carry.len() == group {
                    let mut carry = std::mem::take(&mut self.carry);
                    self.take_rows(&carry, pool)?;
                    carry.clear();
                    self.carry = carry;
                }
                continue;
            }
            let all = rows * self.row_bytes;
            let most = left.min(all).min(PIECE.max(group));
            let take = if most == all { all } else { most / group * group };
            match bytes {
                Bytes::Heap(bytes) => self.take_rows(&bytes[offset..offset + take], pool)?,
                Bytes::Foreign(bytes) => {
                    if staging.len() < take {
                        *staging = memory::zeroed("weights to pack", Some(take))?;
                    }
                    bytes.copy_to(offset, &mut staging[..take]);
                    self.take_rows(&staging[..take], pool)?;
                }
            }
            offset += take;
        }
        if self.is_whole() {
            self.carry = Vec::new();
        }
        Ok(())
    }

    /// Takes groups of rows.
    fn take_rows(&mut self, bytes: &[u8], pool: &mut Pool) -> Result<(), BackendError> {
        let (dtype, cols) = (self.spec.dtype, self.spec.cols);
        let values = |bytes: &[u8]| bytes.len() / self.row_bytes * cols;
        let internal = |error: linnet_quant::LengthError| BackendError::Internal(error.to_string());
        if let Some(matrix) = &mut self.matrix {
            if self.precise {
                for group in bytes.chunks(GROUP * self.row_bytes) {
                    let mut decoded = vec![0.0; values(group)];
                    dequantize(dtype, group, &mut decoded).map_err(internal)?;
                    matrix.push(pool, bytemuck::cast_slice(&decoded), cols * size_of::<f32>());
                }
            } else {
                matrix.push(pool, bytes, self.row_bytes);
            }
        }
        if let Some(vector) = &mut self.vector {
            let start = vector.len();
            // Within the capacity that was reserved for all rows.
            vector.resize(start + values(bytes), 0.0);
            dequantize(dtype, bytes, &mut vector[start..]).map_err(internal)?;
        }
        self.rows += bytes.len() / self.row_bytes;
        Ok(())
    }

    /// Whether all bytes have arrived.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows == self.spec.rows
    }

    /// The declaration of the weight.
    pub(crate) fn spec(&self) -> &WeightSpec {
        &self.spec
    }

    /// The packed rows.
    pub(crate) fn matrix(&self) -> Result<&dyn Matrix, BackendError> {
        self.matrix.as_deref().ok_or_else(|| self.not_declared("a matrix"))
    }

    /// The decoded values.
    pub(crate) fn vector(&self) -> Result<&[f32], BackendError> {
        self.vector.as_deref().ok_or_else(|| self.not_declared("a vector"))
    }

    fn not_declared(&self, what: &str) -> BackendError {
        BackendError::Internal(format!("tensor `{}` was not declared as {what}", self.spec.name))
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        let matrix = self.matrix.as_ref().map_or(0, |matrix| matrix.bytes() as u64);
        matrix + self.vector.as_ref().map_or(0, |vector| memory::bytes(vector))
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::ops::Range;

    use linnet_graph::{Bytes, ForeignBytes, WeightSpec, WeightUses};
    use linnet_quant::{DType, dequantize};

    use super::CpuWeight;
    use crate::layout::GROUP;
    use crate::pool::Pool;
    use crate::simd::Isa;

    /// Simulates bytes outside this memory.
    struct Elsewhere(Vec<u8>);

    impl ForeignBytes for Elsewhere {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn copy_to(&self, offset: usize, out: &mut [u8]) {
            out.copy_from_slice(&self.0[offset..offset + out.len()]);
        }
        fn slice(&self, range: Range<usize>) -> Box<dyn ForeignBytes> {
            Box::new(Elsewhere(self.0[range].to_vec()))
        }
        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    /// Random file bytes without infinite scales.
    fn file(spec: &WeightSpec) -> Vec<u8> {
        let bytes = (0..spec.byte_len()).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 13) as u8 & 0xbb);
        bytes.collect()
    }

    /// Pushes `bytes` in pieces, and compares the packed rows with those of the file.
    fn check(spec: &WeightSpec, bytes: &[u8], piece: usize, threads: usize, foreign: bool) {
        let mut pool = Pool::new(threads);
        let (mut weight, mut staging) = (CpuWeight::new(spec, false).unwrap(), Vec::new());
        for piece in bytes.chunks(piece) {
            let elsewhere = Elsewhere(piece.to_vec());
            let piece = if foreign { Bytes::Foreign(&elsewhere) } else { Bytes::Heap(piece) };
            assert!(!weight.is_whole());
            weight.push(piece, &mut pool, &mut staging).unwrap();
        }
        assert!(weight.is_whole());
        assert!(weight.push(Bytes::Heap(&[0]), &mut pool, &mut staging).is_err(), "one byte too many");

        let mut expected = vec![0.0; spec.rows * spec.cols];
        dequantize(spec.dtype, bytes, &mut expected).unwrap();
        let height = spec.rows / spec.uses.experts.max(1);
        let mut row = vec![0.0; spec.cols];
        for (index, expected) in expected.chunks_exact(spec.cols).enumerate() {
            let padded = index / height * height.next_multiple_of(GROUP) + index % height;
            weight.matrix().unwrap().row(Isa::choose(false), padded, &mut row);
            let near = row.iter().zip(expected).all(|(a, b)| (a - b).abs() <= b.abs() * 1e-6);
            assert!(near, "row {index} of {spec:?} in pieces of {piece}");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_rows_on_any_number_of_threads() {
        for (dtype, rows, cols, experts) in [
            (DType::Q4_1, 1003, 608, 0),
            (DType::Q8_0, 1, 32, 0),
            (DType::Q4_K, 3 * 13, 512, 3),
            (DType::TQ2_0, 17, 256, 0),
            (DType::MXFP4, 2 * 64, 96, 2),
            (DType::F16, 1001, 40, 0),
        ] {
            let uses = WeightUses { matrix: true, experts, ..WeightUses::default() };
            let spec = WeightSpec { name: "w".to_owned(), dtype, rows, cols, uses };
            let bytes = file(&spec);
            for (piece, threads) in [(bytes.len(), 3), (bytes.len(), 1), (100_003, 2), (97, 2)] {
                check(&spec, &bytes, piece, threads, false);
                check(&spec, &bytes, piece, threads, true);
            }
        }
    }
}
