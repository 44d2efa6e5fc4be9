//! A matrix that several threads write disjoint parts of.

use std::marker::PhantomData;

/// Rows of a matrix, borrowed exclusively and handed to threads.
pub(crate) struct SharedRows<'a, T> {
    start: *mut T,
    rows: usize,
    width: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: all access is through `part`, whose callers promise that no two threads reach the same elements.
unsafe impl<T: Send> Sync for SharedRows<'_, T> {}

impl<'a, T> SharedRows<'a, T> {
    /// Shares the first `rows` rows of `width` elements.
    pub(crate) fn new(data: &'a mut [T], rows: usize, width: usize) -> Self {
        // A product that wraps around would let `part` reach beyond the data.
        let len = rows.saturating_mul(width);
        let data = &mut data[..len];
        SharedRows { start: data.as_mut_ptr(), rows, width, borrowed: PhantomData }
    }

    /// Elements in a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// `len` elements of a row from `column` on.
    ///
    /// # Safety
    /// While the result lives, nothing else may refer to any of these elements.
    #[allow(clippy::mut_from_ref, reason = "that is the type's purpose; callers keep the parts disjoint")]
    pub(crate) unsafe fn part(&self, row: usize, column: usize, len: usize) -> &mut [T] {
        assert!(row < self.rows && column <= self.width && len <= self.width - column);
        // SAFETY: the part is within the borrowed data (asserted), which outlives `self`; the caller promises that it
        // is not referred to elsewhere.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.width + column), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::SharedRows;

    /// In 64 bits as in 32.
    #[test]
    #[should_panic(expected = "out of range")]
    fn rows_whose_product_wraps_around_are_not_shared() {
        let _ = SharedRows::new(&mut [0_u8; 8], 1 << (usize::BITS - 1), 2);
    }
}
