//! Weights as the kernels read them: rows in groups of eight, interleaved so that a vector holds one value of each.
//!
//! The same memory serves the matrix products and the embedding's single rows, so weights are held once.

mod codes;
mod float;
mod fp4;
mod k_quants;
mod legacy;
mod scaled;
mod table;
mod ternary;

use std::ops::Range;

use bytemuck::{Pod, Zeroable, pod_read_unaligned};
use linnet_graph::BackendError;
use linnet_quant::{DType, blocks};

pub(crate) use self::codes::{Codes, QuadSink, Sink, first_of_quad};
use self::float::{Bf16, F16, F32};
pub(crate) use self::float::{FloatFormat, PackedFloat};
use crate::activations::{Form, Input};
use crate::kernels::PanelRun;
use crate::memory;
use crate::pool::Pool;
use crate::shared::SharedRows;
use crate::simd::{Isa, Simd};

/// Rows in a group: the lanes of an f32 vector.
pub(crate) const GROUP: usize = 8;

/// Values in a run: what shares one scale of the activations.
pub(crate) const RUN: usize = 32;

/// Bytes below which other threads are not worth waking.
const ALONE: usize = 32 << 10;

/// A quantized block format, repacked: the value at `k` is `scale * (code - OFFSET) + min`.
pub(crate) trait Format: 'static {
    /// A run of eight rows: codes, and what else is of this run alone.
    type Run: Copy + Send + Sync + Zeroable;
    /// What [`Self::RUNS`] runs of eight rows share.
    type Shared: Copy + Send + Sync + Zeroable;
    /// [`Self::Shared`], decoded.
    type Factors<S: Simd>: Copy;
    /// Layout of the codes.
    type Codes: Codes;
    /// Runs that share something: at most 8, a divisor of the runs in a file block.
    const RUNS: usize;
    /// Subtracted from the codes.
    const OFFSET: i16;
    /// Whether there is a minimum.
    const MIN: bool;

    /// The codes of a run.
    fn codes(run: &Self::Run) -> &<Self::Codes as Codes>::Words;
    /// Decodes what runs share.
    fn factors<S: Simd>(s: S, shared: &Self::Shared) -> Self::Factors<S>;
    /// The eight scales of a part of a run.
    fn scale<S: Simd>(s: S, factors: Self::Factors<S>, run: &Self::Run, part: usize) -> S::F32;
    /// The eight minima of a part of a run, where the format has them.
    #[inline(always)]
    fn min<S: Simd>(s: S, _factors: Self::Factors<S>, _run: &Self::Run, _part: usize) -> S::F32 {
        s.splat(0.0)
    }
}

/// A block of the file that a [`Format`] holds without loss.
pub(crate) trait Pack<F: Format>: Pod {
    /// Run `run` of a block of each of eight rows.
    fn run(blocks: &[Self; GROUP], run: usize) -> F::Run;
    /// What each [`Format::RUNS`] of a block's runs share.
    fn shared(blocks: &[Self; GROUP]) -> F::Shared;
}

/// A packed weight of any format.
pub(crate) trait Matrix: Send + Sync {
    /// Packs the next rows of file bytes, `row_bytes` each: groups of eight, of which the last may lack some; these become zeros.
    fn push(&mut self, pool: &mut Pool, rows: &[u8], row_bytes: usize);
    /// The form of the activations that the kernel reads.
    fn form(&self) -> Form;
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

/// Packs up to eight rows of file bytes.
type PackGroup<F> =
    fn(rows: &[u8], row_bytes: usize, &mut [<F as Format>::Run], &mut [<F as Format>::Shared]);

/// A weight in a [`Format`]: the runs of a group of eight rows follow one another, and the groups.
pub(crate) struct Packed<F: Format> {
    runs: Vec<F::Run>,
    shared: Vec<F::Shared>,
    /// Runs in a row.
    per_row: usize,
    /// Packs a group; knows the file's format.
    pack_group: PackGroup<F>,
}

/// Consecutive groups, or blocks of one group.
pub(crate) struct PackedRuns<'a, F: Format> {
    /// The runs.
    pub(crate) runs: &'a [F::Run],
    /// What each [`Format::RUNS`] of them share.
    pub(crate) shared: &'a [F::Shared],
}

impl<F: Format> Packed<F> {
    /// An empty weight for blocks `B`, with room for `groups` groups of rows of `cols` values.
    fn of<B: Pack<F>>(name: &str, groups: usize, cols: usize) -> Result<Self, BackendError> {
        let (what, per_row) = (format!("tensor `{name}`"), cols / RUN);
        let runs = memory::reserve(&what, groups.checked_mul(per_row))?;
        let shared = memory::reserve(&what, groups.checked_mul(per_row / F::RUNS))?;
        Ok(Packed { runs, shared, per_row, pack_group: pack_group::<F, B> })
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

    /// Packs the next groups.
    pub(crate) fn push(&mut self, pool: &mut Pool, rows: &[u8], row_bytes: usize) {
        let (first, groups) = (self.runs.len(), rows.len().div_ceil(GROUP * row_bytes));
        let (per_row, shared_per_row) = (self.per_row, self.per_row / F::RUNS);
        // Within the capacity that was reserved for all rows.
        self.runs.resize(first + groups * per_row, F::Run::zeroed());
        self.shared.resize(self.runs.len() / F::RUNS, F::Shared::zeroed());
        let runs = SharedRows::new(&mut self.runs[first..], groups, per_row);
        let shared = SharedRows::new(&mut self.shared[first / F::RUNS..], groups, shared_per_row);
        let pack_group = self.pack_group;
        each_group(pool, rows, row_bytes, |group, rows| {
            // SAFETY: each group is packed once.
            let (runs, shared) =
                unsafe { (runs.part(group, 0, per_row), shared.part(group, 0, shared_per_row)) };
            pack_group(rows, row_bytes, runs, shared);
        });
    }

    /// Bytes held.
    pub(crate) fn byte_len(&self) -> usize {
        size_of_val(self.runs.as_slice()) + size_of_val(self.shared.as_slice())
    }
}

/// Calls `pack` with each group's number and rows, on all threads of the pool.
fn each_group(pool: &mut Pool, rows: &[u8], row_bytes: usize, pack: impl Fn(usize, &[u8]) + Sync) {
    let groups = rows.len().div_ceil(GROUP * row_bytes);
    pool.split(groups, rows.len() < ALONE, |_, range| {
        for group in range {
            let start = group * GROUP * row_bytes;
            pack(group, &rows[start..rows.len().min(start + GROUP * row_bytes)]);
        }
    });
}

/// Packs up to eight rows of blocks `B`.
fn pack_group<F: Format, B: Pack<F>>(
    rows: &[u8],
    row_bytes: usize,
    runs: &mut [F::Run],
    shared: &mut [F::Shared],
) {
    let size = size_of::<B>();
    let per_block = runs.len() / (row_bytes / size);
    let of_blocks = runs.chunks_exact_mut(per_block).zip(shared.chunks_exact_mut(per_block / F::RUNS));
    for (block, (runs, shared)) in of_blocks.enumerate() {
        let blocks = std::array::from_fn(|row| {
            let start = row * row_bytes + block * size;
            rows.get(start..start + size).map_or_else(B::zeroed, pod_read_unaligned)
        });
        runs.iter_mut().enumerate().for_each(|(run, to)| *to = B::run(&blocks, run));
        shared.fill(B::shared(&blocks));
    }
}

/// An empty weight of `rows` rows of `cols` values, a whole number of blocks.
pub(crate) fn matrix(
    name: &str,
    dtype: DType,
    rows: usize,
    cols: usize,
) -> Result<Box<dyn Matrix>, BackendError> {
    let groups = rows.div_ceil(GROUP);
    macro_rules! packed {
        ($format:ty, $block:ident) => {
            Box::new(Packed::<$format>::of::<blocks::$block>(name, groups, cols)?)
        };
    }
    Ok(match dtype {
        DType::F32 => Box::new(PackedFloat::<F32>::new(name, groups, cols)?),
        DType::F16 => Box::new(PackedFloat::<F16>::new(name, groups, cols)?),
        DType::BF16 => Box::new(PackedFloat::<Bf16>::new(name, groups, cols)?),
        DType::Q4_0 => packed!(legacy::Q4_0, BlockQ4_0),
        DType::Q4_1 => packed!(legacy::Q4_1, BlockQ4_1),
        DType::Q5_0 => packed!(legacy::Q5_0, BlockQ5_0),
        DType::Q5_1 => packed!(legacy::Q5_1, BlockQ5_1),
        DType::Q8_0 => packed!(legacy::Q8_0, BlockQ8_0),
        DType::IQ4_NL => packed!(legacy::Iq4Nl, BlockIQ4_NL),
        DType::Q2_K => packed!(k_quants::Q2K, BlockQ2_K),
        DType::Q4_K => packed!(k_quants::Q4K, BlockQ4_K),
        DType::Q5_K => packed!(k_quants::Q5K, BlockQ5_K),
        DType::Q6_K => packed!(k_quants::Q6K, BlockQ6_K),
        DType::Q3_K => packed!(scaled::Scaled<codes::Bits3>, BlockQ3_K),
        DType::IQ4_XS => packed!(scaled::Scaled<table::Iq4Halves>, BlockIQ4_XS),
        DType::IQ3_XXS => packed!(scaled::Scaled<table::Iq3Xxs>, BlockIQ3_XXS),
        DType::IQ3_S => packed!(scaled::Scaled<table::Iq3S>, BlockIQ3_S),
        DType::IQ2_XXS => packed!(scaled::Scaled<table::Iq2>, BlockIQ2_XXS),
        DType::IQ2_XS => packed!(scaled::Scaled<table::Iq2>, BlockIQ2_XS),
        DType::IQ2_S => packed!(scaled::Scaled<table::Iq2>, BlockIQ2_S),
        DType::IQ1_S => packed!(scaled::Scaled<table::Iq1>, BlockIQ1_S),
        DType::IQ1_M => packed!(scaled::Scaled<table::Iq1>, BlockIQ1_M),
        DType::MXFP4 => packed!(fp4::Fp4<1>, BlockMXFP4),
        DType::NVFP4 => packed!(fp4::Fp4<2>, BlockNVFP4),
        DType::TQ1_0 => packed!(ternary::Ternary, BlockTQ1_0),
        DType::TQ2_0 => packed!(ternary::Ternary, BlockTQ2_0),
        DType::Q1_0 => packed!(ternary::Ternary, BlockQ1_0),
        DType::Q2_0 => packed!(ternary::Ternary, BlockQ2_0),
    })
}
