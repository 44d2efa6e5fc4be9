//! Errors of the commands.

use std::io;
use std::path::{Path, PathBuf};

use linnet_engine::ErrorCode;

/// A command's error, with a sentence for the user and a stable code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An error of the engine, with its code.
    #[error("{0}")]
    Engine(#[from] linnet_engine::Error),
    /// A file cannot be opened or read.
    #[error("cannot read `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file cannot be created or written.
    #[error("cannot write `{}`: {source}", path.display())]
    Written {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file's checksum differs from the expected one.
    #[error("`{}`: SHA-256 mismatch: expected {expected}, got {found}; download the file again", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Expected digest.
        expected: String,
        /// Digest of the file.
        found: String,
    },
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The output cannot be serialized as JSON.
    #[error("cannot write the output as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    /// Makes a [`Failure::File`] about `path`, for `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Failure {
        let path = path.to_owned();
        move |source| Failure::File { path, source }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Failure::Engine(error) => error.code(),
            Failure::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => ErrorCode::NotFound,
                io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied => ErrorCode::InvalidRequest,
                _ => ErrorCode::Internal,
            },
            Failure::Written { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => ErrorCode::NotFound,
                io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied => ErrorCode::InvalidRequest,
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::Quota,
                _ => ErrorCode::Internal,
            },
            Failure::Digest { .. } => ErrorCode::Integrity,
            Failure::Output(_) | Failure::Json(_) => ErrorCode::Internal,
        }
    }

    /// Whether the reader of the output has closed the pipe. This needs no message.
    pub fn is_broken_pipe(&self) -> bool {
        match self {
            Failure::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Failure::Json(error) => error.io_error_kind() == Some(io::ErrorKind::BrokenPipe),
            Failure::Engine(_) | Failure::File { .. } | Failure::Written { .. } | Failure::Digest { .. } => {
                false
            }
        }
    }
}

impl From<linnet_gguf::GgufError> for Failure {
    fn from(error: linnet_gguf::GgufError) -> Self {
        Failure::Engine(error.into())
    }
}

impl From<linnet_models::ModelError> for Failure {
    fn from(error: linnet_models::ModelError) -> Self {
        Failure::Engine(error.into())
    }
}

impl From<linnet_text::TextError> for Failure {
    fn from(error: linnet_text::TextError) -> Self {
        Failure::Engine(error.into())
    }
}

impl From<linnet_graph::BackendError> for Failure {
    fn from(error: linnet_graph::BackendError) -> Self {
        Failure::Engine(error.into())
    }
}
