//! A weight in blocks.

use std::ops::Range;

use bytemuck::{Zeroable, pod_read_unaligned};
use linnet_graph::BackendError;

use super::format::{Format, Pack};
use super::groups::each_group;
use crate::layout::{GROUP, RUN};
use crate::memory;
use crate::pool::Pool;
use crate::shared_rows::SharedRows;

/// Packs up to eight rows of file bytes.
type PackGroup<F> =
    fn(rows: &[u8], row_bytes: usize, &mut [<F as Format>::Run], &mut [<F as Format>::Shared]);

/// A weight in a [`Format`]: the runs of a group of eight rows, group after group.
pub(crate) struct Packed<F: Format> {
    runs: Vec<F::Run>,
    shared: Vec<F::Shared>,
    /// Runs in a row.
    per_row: usize,
    /// Packs a group from the file's format.
    pack_group: PackGroup<F>,
}

/// Consecutive groups, or blocks of one group.
pub(crate) struct PackedRuns<'a, F: Format> {
    /// The runs.
    pub(crate) runs: &'a [F::Run],
    /// The shared data of each [`Format::RUNS`] runs.
    pub(crate) shared: &'a [F::Shared],
}

impl<F: Format> Packed<F> {
    /// An empty weight for blocks `B`, with room for `groups` groups of rows of `cols` values.
    pub(super) fn of<B: Pack<F>>(name: &str, groups: usize, cols: usize) -> Result<Self, BackendError> {
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

    /// Bytes of memory.
    pub(crate) fn byte_len(&self) -> usize {
        size_of_val(self.runs.as_slice()) + size_of_val(self.shared.as_slice())
    }
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
