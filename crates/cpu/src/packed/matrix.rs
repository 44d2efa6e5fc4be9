//! A weight of any format.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::activations::{Form, Input};
use crate::layout::GROUP;
use crate::pool::Pool;
use crate::simd::Isa;

/// A run of eight rows, unpacked: `value = scales[part] * codes + mins[part]`.
#[repr(C, align(32))]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct PanelRun {
    /// Pairs, less the format's offset; or quads, as they are unpacked, in the first half.
    pub(crate) codes: [[i16; 16]; 16],
    pub(crate) scales: [[f32; GROUP]; 2],
    pub(crate) mins: [[f32; GROUP]; 2],
}

/// A packed weight of any format.
pub(crate) trait Matrix: Send + Sync {
    /// Packs the next rows of file bytes, `row_bytes` each, in groups of eight. Missing rows of the last group become
    /// zeros.
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
    /// Bytes of memory.
    fn bytes(&self) -> usize;
}
