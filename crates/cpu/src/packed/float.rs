//! The formats without blocks.

use std::ops::Range;

use bytemuck::{Pod, Zeroable, pod_read_unaligned};
use linnet_graph::BackendError;

use super::groups::each_group;
use crate::layout::GROUP;
use crate::memory;
use crate::pool::Pool;
use crate::shared_rows::SharedRows;
use crate::simd::Simd;

/// A format without blocks.
pub(crate) trait FloatFormat: 'static {
    /// A value as in the file.
    type Value: Pod + Send + Sync;
    /// Decodes one value of each of eight rows.
    fn load<S: Simd>(s: S, from: &[Self::Value; GROUP]) -> S::F32;
}

/// 32-bit float.
pub(crate) struct F32;
/// IEEE half.
pub(crate) struct F16;
/// bfloat16.
pub(crate) struct Bf16;

impl FloatFormat for F32 {
    type Value = f32;
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[f32; GROUP]) -> S::F32 {
        s.load(from)
    }
}

impl FloatFormat for F16 {
    type Value = u16;
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[u16; GROUP]) -> S::F32 {
        s.load_f16(from)
    }
}

impl FloatFormat for Bf16 {
    type Value = u16;
    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[u16; GROUP]) -> S::F32 {
        s.load_bf16(from)
    }
}

/// A weight in a [`FloatFormat`]: `[group, k, row of the group]`.
pub(crate) struct PackedFloat<F: FloatFormat> {
    values: Vec<[F::Value; GROUP]>,
    cols: usize,
}

impl<F: FloatFormat> PackedFloat<F> {
    /// An empty weight with room for `groups` groups of rows of `cols` values.
    pub(super) fn new(name: &str, groups: usize, cols: usize) -> Result<Self, BackendError> {
        let values = memory::reserve(&format!("tensor `{name}`"), groups.checked_mul(cols))?;
        Ok(PackedFloat { values, cols })
    }

    /// The values of consecutive groups.
    pub(crate) fn groups(&self, groups: Range<usize>) -> &[[F::Value; GROUP]] {
        &self.values[groups.start * self.cols..groups.end * self.cols]
    }

    /// Values in a row.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// Packs the next groups.
    pub(crate) fn push(&mut self, pool: &mut Pool, rows: &[u8], row_bytes: usize) {
        let size = size_of::<F::Value>();
        let (first, cols) = (self.values.len(), self.cols);
        let groups = rows.len().div_ceil(GROUP * row_bytes);
        // Within the capacity that was reserved for all rows.
        self.values.resize(first + groups * cols, Zeroable::zeroed());
        let values = SharedRows::new(&mut self.values[first..], groups, cols);
        each_group(pool, rows, row_bytes, |group, rows| {
            // SAFETY: each group is packed once.
            let values = unsafe { values.part(group, 0, cols) };
            for (k, to) in values.iter_mut().enumerate() {
                *to = std::array::from_fn(|row| {
                    let start = row * row_bytes + k * size;
                    rows.get(start..start + size).map_or_else(F::Value::zeroed, pod_read_unaligned)
                });
            }
        });
    }

    /// Bytes of memory.
    pub(crate) fn byte_len(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}
