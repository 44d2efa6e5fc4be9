//! A block format after repacking.

use bytemuck::{Pod, Zeroable};

use super::codes::Codes;
use crate::layout::GROUP;
use crate::simd::Simd;

/// A quantized block format, repacked: the value at `k` is `scale * (code - OFFSET) + min`.
pub(crate) trait Format: 'static {
    /// A packed run of eight rows: codes, and the data that only this run has.
    type Run: Copy + Send + Sync + Zeroable;
    /// The shared data of [`Self::RUNS`] runs of eight rows.
    type Shared: Copy + Send + Sync + Zeroable;
    /// [`Self::Shared`], decoded.
    type Factors<S: Simd>: Copy;
    /// Layout of the codes.
    type Codes: Codes;
    /// Number of runs with shared data: at most 8, a divisor of the runs in a file block.
    const RUNS: usize;
    /// Subtracted from the codes.
    const OFFSET: i16;
    /// Whether the format has minima.
    const MIN: bool;

    /// The codes of a packed run.
    fn codes(run: &Self::Run) -> &<Self::Codes as Codes>::Words;
    /// Decodes the shared data.
    fn factors<S: Simd>(s: S, shared: &Self::Shared) -> Self::Factors<S>;
    /// The eight scales of a part of a run.
    fn scale<S: Simd>(s: S, factors: Self::Factors<S>, run: &Self::Run, part: usize) -> S::F32;
    /// The eight minima of a part of a run, if the format has them.
    #[inline(always)]
    fn min<S: Simd>(s: S, _factors: Self::Factors<S>, _run: &Self::Run, _part: usize) -> S::F32 {
        s.splat(0.0)
    }
}

/// A block of the file that a [`Format`] holds without loss.
pub(crate) trait Pack<F: Format>: Pod {
    /// Run `run` of a block of each of eight rows.
    fn run(blocks: &[Self; GROUP], run: usize) -> F::Run;
    /// The shared data of each [`Format::RUNS`] runs of a block.
    fn shared(blocks: &[Self; GROUP]) -> F::Shared;
}
