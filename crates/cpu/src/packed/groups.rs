//! Packing group by group.

use crate::layout::GROUP;
use crate::min_parallel_work;
use crate::pool::Pool;

/// Calls `pack` with each group's number and rows, on all threads of the pool.
pub(super) fn each_group(pool: &mut Pool, rows: &[u8], row_bytes: usize, pack: impl Fn(usize, &[u8]) + Sync) {
    let groups = rows.len().div_ceil(GROUP * row_bytes);
    pool.split(groups, rows.len() < min_parallel_work::PACKED_BYTES, |_, range| {
        for group in range {
            let start = group * GROUP * row_bytes;
            pack(group, &rows[start..rows.len().min(start + GROUP * row_bytes)]);
        }
    });
}
