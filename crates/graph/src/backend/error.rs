//! Errors of backends.

/// An error of a backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// There is no usable WebGPU (or Vulkan/Metal/DX12) adapter.
    #[error("no usable GPU adapter: {reason}")]
    NoAdapter {
        /// The platform's message.
        reason: String,
    },
    /// An allocation failed.
    #[error("out of memory: {what} needs {bytes} bytes")]
    OutOfMemory {
        /// What needed the memory.
        what: String,
        /// Its size.
        bytes: u64,
    },
    /// Something is larger than the device allows.
    #[error("{what} needs {need}, but the device's {limit} is {have}")]
    Limit {
        /// What exceeds the limit.
        what: String,
        /// Name of the limit.
        limit: &'static str,
        /// The size that is needed.
        need: u64,
        /// The size that is allowed.
        have: u64,
    },
    /// The backend cannot run this operation, or not with these parameters.
    #[error("{label}: this backend cannot run {op}")]
    UnsupportedOp {
        /// Part of the model.
        label: String,
        /// The operation and the parameter that is not supported.
        op: String,
    },
    /// The device was lost (driver reset, tab in the background, unplugged).
    #[error("the GPU device was lost: {reason}")]
    DeviceLost {
        /// The platform's message.
        reason: String,
    },
    /// The caller violated the contract of this interface, or the backend that of the platform.
    #[error("internal error: {0}")]
    Internal(String),
}
