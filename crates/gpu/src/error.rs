//! Errors that several parts of the backend report.

use linnet_graph::BackendError;
use linnet_shaders::attention::MAX_HEAD_DIM;

/// A broken contract between Linnet's own parts.
pub(crate) fn internal(what: &str) -> BackendError {
    BackendError::Internal(what.to_owned())
}

/// No usable adapter.
pub(crate) fn no_adapter(reason: impl ToString) -> BackendError {
    BackendError::NoAdapter { reason: reason.to_string() }
}

/// An allocation failed.
pub(crate) fn out_of_memory(what: &str, bytes: u64) -> BackendError {
    BackendError::OutOfMemory { what: what.to_owned(), bytes }
}

/// A head, or another part of a row, whose width the kernels do not support.
pub(crate) fn unsupported_width(label: &str, width: usize, multiple: usize) -> BackendError {
    BackendError::UnsupportedOp {
        label: label.to_owned(),
        op: format!(
            "parts of {width} elements, which are not a multiple of {multiple}, or more than {}",
            MAX_HEAD_DIM
        ),
    }
}
