//! Sizes of the layout of weights and activations.

/// Rows in a group: the lanes of an f32 vector.
pub(crate) const GROUP: usize = 8;

/// Values in a run, which is 32 consecutive values of a row. The activations have one scale per run.
pub(crate) const RUN: usize = 32;

/// The pair in the lower bytes of a quad.
pub(crate) const fn first_of_quad(index: usize) -> usize {
    index / 2 * 4 + index % 2
}
