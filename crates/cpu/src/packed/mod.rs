//! Weights as the kernels read them: rows in groups of eight, interleaved so that a vector holds one value of each.
//!
//! The same memory serves the matrix products and the embedding's single rows, so weights are held once.

mod codes;
mod float;
mod k_quants;
mod legacy;

use std::ops::Range;

use bytemuck::Pod;
use linnet_graph::BackendError;
use linnet_quant::DType;

pub(crate) use self::codes::{Codes, Sink};
use self::float::{Bf16, F16, F32};
pub(crate) use self::float::{FloatFormat, PackedFloat};
use self::k_quants::{Q4K, Q5K, Q6K};
use self::legacy::{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
use crate::activations::Input;
use crate::kernels::PanelRun;
use crate::memory;
use crate::simd::{Isa, Simd};

/// Rows in a group: the lanes of an f32 vector.
pub(crate) const GROUP: usize = 8;

/// Values in a run: what shares one scale of the activations.
pub(crate) const RUN: usize = 32;

/// A quantized block format, repacked: the value at `k` is `scale * (code - OFFSET) + min`.
pub(crate) trait Format: 'static {
    /// A run of eight rows: codes, and what else is of this run alone.
    type Run: Pod + Send + Sync;
    /// What the runs of eight rows' file blocks share.
    type Shared: Pod + Send + Sync;
    /// [`Self::Shared`], decoded.
    type Factors<S: Simd>: Copy;
    /// Layout of the codes.
    type Codes: Codes;
    /// Runs in a file block.
    const RUNS: usize;
    /// Subtracted from the codes.
    const OFFSET: i16;
    /// Whether there is a minimum.
    const MIN: bool;
    /// Bytes of one row's block in the file.
    const FILE_BYTES: usize;

    /// Packs one file block ([`Self::FILE_BYTES`]) of each row; calls `push` with its runs in order.
    fn pack(rows: [&[u8]; GROUP], push: impl FnMut(Self::Run)) -> Self::Shared;
    /// The codes of a run.
    fn codes(run: &Self::Run) -> &<Self::Codes as Codes>::Words;
    /// Decodes what runs share.
    fn factors<S: Simd>(s: S, shared: &Self::Shared) -> Self::Factors<S>;
    /// The eight scales of a part of a run.
    fn scale<S: Simd>(s: S, factors: Self::Factors<S>, run: &Self::Run, part: usize) -> S::F32;
    /// The eight minima of a run, where the format has them.
    #[inline(always)]
    fn min<S: Simd>(s: S, _factors: Self::Factors<S>, _run: &Self::Run) -> S::F32 {
        s.splat(0.0)
    }
}

/// A packed weight of any format.
pub(crate) trait Matrix: Send + Sync {
    /// Packs the next group: up to eight rows of file bytes, `row_bytes` each; missing rows become zeros.
    fn push_group(&mut self, rows: &[u8], row_bytes: usize);
    /// Whether the kernel reads the activations' 16-bit form (else their f32 form).
    fn wants_runs(&self) -> bool;
    /// The products of `groups` with every row of `input`: `[group, input row, lane]`.
    fn products(
        &self,
        isa: Isa,
        groups: Range<usize>,
        input: Input<'_>,
        panel: &mut [PanelRun],
        out: &mut [f32],
    );
    /// Decodes one row.
    fn row(&self, isa: Isa, row: usize, out: &mut [f32]);
    /// Bytes held.
    fn bytes(&self) -> usize;
}

/// A weight in a [`Format`]: the runs of a group of eight rows follow one another, and the groups.
pub(crate) struct Packed<F: Format> {
    runs: Vec<F::Run>,
    shared: Vec<F::Shared>,
    /// Runs in a row.
    per_row: usize,
}

/// Consecutive groups, or blocks of one group.
pub(crate) struct PackedRuns<'a, F: Format> {
    /// The runs.
    pub(crate) runs: &'a [F::Run],
    /// What each [`Format::RUNS`] of them share.
    pub(crate) shared: &'a [F::Shared],
}

impl<F: Format> Packed<F> {
    fn new(name: &str, groups: usize, cols: usize) -> Result<Self, BackendError> {
        let (what, per_row) = (format!("tensor `{name}`"), cols / RUN);
        let runs = memory::reserve(&what, groups.checked_mul(per_row))?;
        let shared = memory::reserve(&what, groups.checked_mul(per_row / F::RUNS))?;
        Ok(Packed { runs, shared, per_row })
    }

    /// Consecutive groups.
    pub(crate) fn groups(&self, groups: Range<usize>) -> PackedRuns<'_, F> {
        let runs = groups.start * self.per_row..groups.end * self.per_row;
        let shared = runs.start / F::RUNS..runs.end / F::RUNS;
        PackedRuns { runs: &self.runs[runs], shared: &self.shared[shared] }
    }

    /// Runs in a row.
    pub(crate) fn per_row(&self) -> usize {
        self.per_row
    }

    /// Packs the next group.
    pub(crate) fn push(&mut self, rows: &[u8], row_bytes: usize) {
        const ZEROS: [u8; 256] = [0; 256];
        const { assert!(F::FILE_BYTES <= ZEROS.len()) };
        for block in 0..self.per_row / F::RUNS {
            let at = block * F::FILE_BYTES;
            let rows = std::array::from_fn(|row| {
                let start = row * row_bytes + at;
                rows.get(start..start + F::FILE_BYTES).unwrap_or(&ZEROS[..F::FILE_BYTES])
            });
            self.shared.push(F::pack(rows, |run| self.runs.push(run)));
        }
    }

    /// Bytes held.
    pub(crate) fn byte_len(&self) -> usize {
        size_of_val(self.runs.as_slice()) + size_of_val(self.shared.as_slice())
    }
}

/// An empty weight of `rows` rows of `cols` values, a whole number of blocks; `None` for a format without a kernel.
pub(crate) fn matrix(
    name: &str,
    dtype: DType,
    rows: usize,
    cols: usize,
) -> Option<Result<Box<dyn Matrix>, BackendError>> {
    fn boxed<M: Matrix + 'static>(matrix: Result<M, BackendError>) -> Result<Box<dyn Matrix>, BackendError> {
        matrix.map(|matrix| Box::new(matrix) as Box<dyn Matrix>)
    }
    let groups = rows.div_ceil(GROUP);
    Some(match dtype {
        DType::F32 => boxed(PackedFloat::<F32>::new(name, groups, cols)),
        DType::F16 => boxed(PackedFloat::<F16>::new(name, groups, cols)),
        DType::BF16 => boxed(PackedFloat::<Bf16>::new(name, groups, cols)),
        DType::Q4_0 => boxed(Packed::<Q4_0>::new(name, groups, cols)),
        DType::Q4_1 => boxed(Packed::<Q4_1>::new(name, groups, cols)),
        DType::Q5_0 => boxed(Packed::<Q5_0>::new(name, groups, cols)),
        DType::Q5_1 => boxed(Packed::<Q5_1>::new(name, groups, cols)),
        DType::Q8_0 => boxed(Packed::<Q8_0>::new(name, groups, cols)),
        DType::Q4_K => boxed(Packed::<Q4K>::new(name, groups, cols)),
        DType::Q5_K => boxed(Packed::<Q5K>::new(name, groups, cols)),
        DType::Q6_K => boxed(Packed::<Q6K>::new(name, groups, cols)),
        _ => return None,
    })
}
