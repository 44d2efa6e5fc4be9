//! Weights on their way in: packed group by group as the bytes of the file arrive.

use linnet_graph::{BackendError, Bytes, WeightSpec};
use linnet_quant::{DType, dequantize};

use crate::memory;
use crate::packed::{GROUP, Matrix, matrix};

/// A tensor in the CPU backend's memory, in the forms that the graph reads.
pub struct CpuWeight {
    spec: WeightSpec,
    /// The matrix is f32, whatever the file has.
    precise: bool,
    row_bytes: usize,
    /// Bytes of the group that is not complete yet: the only copy of raw file bytes.
    carry: Vec<u8>,
    /// Rows taken so far.
    rows: usize,
    /// Rows of each expert's matrix, which begins a group; of an ordinary weight all rows.
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

    /// Takes the next bytes of the file.
    pub(crate) fn push(&mut self, bytes: Bytes<'_>) -> Result<(), BackendError> {
        let mut offset = 0;
        while offset < bytes.len() {
            let left = self.height - self.rows % self.height;
            let group = GROUP.min(left).min(self.spec.rows - self.rows) * self.row_bytes;
            let have = self.carry.len();
            let take = (group - have).min(bytes.len() - offset);
            if take == 0 {
                let name = &self.spec.name;
                return Err(BackendError::Internal(format!(
                    "tensor `{name}` was given more bytes than it has"
                )));
            }
            self.carry.resize(have + take, 0);
            bytes.copy_to(offset, &mut self.carry[have..]);
            offset += take;
            if self.carry.len() == group {
                self.finish_group()?;
            }
        }
        Ok(())
    }

    fn finish_group(&mut self) -> Result<(), BackendError> {
        if let Some(matrix) = &mut self.matrix {
            if self.precise {
                let mut values = vec![0.0; self.carry.len() / self.row_bytes * self.spec.cols];
                dequantize(self.spec.dtype, &self.carry, &mut values)
                    .map_err(|error| BackendError::Internal(error.to_string()))?;
                matrix.push_group(bytemuck::cast_slice(&values), self.spec.cols * size_of::<f32>());
            } else {
                matrix.push_group(&self.carry, self.row_bytes);
            }
        }
        if let Some(vector) = &mut self.vector {
            let start = vector.len();
            let values = self.carry.len() / self.row_bytes * self.spec.cols;
            // Within the capacity that was reserved for all rows.
            vector.resize(start + values, 0.0);
            dequantize(self.spec.dtype, &self.carry, &mut vector[start..])
                .map_err(|error| BackendError::Internal(error.to_string()))?;
        }
        self.rows += self.carry.len() / self.row_bytes;
        self.carry.clear();
        if self.is_whole() {
            self.carry = Vec::new();
        }
        Ok(())
    }

    /// Whether all bytes have arrived.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows == self.spec.rows
    }

    /// What the weight is.
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

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        let matrix = self.matrix.as_ref().map_or(0, |matrix| matrix.bytes() as u64);
        matrix + self.vector.as_ref().map_or(0, |vector| memory::bytes(vector))
    }
}
