//! Fallible allocation: a page has little memory, and running out of it must not end the program.

use bytemuck::Zeroable;
use linnet_graph::BackendError;

/// An empty vector with room for `len` elements; a `len` of `None` has overflowed.
pub(crate) fn reserve<T>(what: &str, len: Option<usize>) -> Result<Vec<T>, BackendError> {
    let mut vec = Vec::new();
    let reserved = len.is_some_and(|len| vec.try_reserve_exact(len).is_ok());
    if reserved {
        return Ok(vec);
    }
    let bytes = len.map_or(u64::MAX, |len| (len as u64).saturating_mul(size_of::<T>() as u64));
    Err(BackendError::OutOfMemory { what: what.to_owned(), bytes })
}

/// A vector of `len` zeros.
pub(crate) fn zeroed<T: Zeroable + Clone>(what: &str, len: Option<usize>) -> Result<Vec<T>, BackendError> {
    let mut vec = reserve(what, len)?;
    vec.resize(len.unwrap_or(0), T::zeroed());
    Ok(vec)
}

/// Bytes of a vector's elements.
pub(crate) fn bytes<T>(vec: &[T]) -> u64 {
    size_of_val(vec) as u64
}
