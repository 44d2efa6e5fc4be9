//! Errors of backends.

/// Why a backend could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// There is no usable WebGPU (or Vulkan/Metal/DX12) adapter.
    #[error("no usable GPU adapter: {reason}")]
    NoAdapter {
        /// What the platform said.
        reason: String,
    },
    /// Memory could not be had.
    #[error("out of memory: {what} needs {bytes} bytes")]
    OutOfMemory {
        /// What was to be allocated.
        what: String,
        /// Its size.
        bytes: u64,
    },
    /// Something is larger than the device allows.
    #[error("{what} needs {need}, but the device's {limit} is {have}")]
    Limit {
        /// What was to be made.
        what: String,
        /// Name of the limit.
        limit: &'static str,
        /// Needed.
        need: u64,
        /// Allowed.
        have: u64,
    },
    /// The backend cannot run this operation, or not with these parameters.
    #[error("{label}: this backend cannot run {op}")]
    UnsupportedOp {
        /// Part of the model.
        label: String,
        /// The operation and what is special about it.
        op: String,
    },
    /// The device went away (driver reset, tab in the background, unplugged).
    #[error("the GPU device was lost: {reason}")]
    DeviceLost {
        /// What the platform said.
        reason: String,
    },
    /// The caller broke a rule of this interface, or the backend one of the platform's.
    #[error("internal error: {0}")]
    Internal(String),
}
