//! Why a command could not do what it was asked.

use std::io;
use std::path::{Path, PathBuf};

/// An error of a command. Each has a sentence and a stable code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine's own, with its code.
    #[error("{0}")]
    Engine(#[from] linnet_engine::Error),
    /// A file that could not be opened or read.
    #[error("cannot read `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that could not be made or written.
    #[error("cannot write `{}`: {source}", path.display())]
    Written {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is not the one that was meant.
    #[error("`{}` has the SHA-256 {found} instead of {expected}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Digest of the file that was meant.
        expected: String,
        /// Digest of the file that is there.
        found: String,
    },
    /// What was to be printed could not be.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The JSON that was asked for could not be made.
    #[error("cannot write the output as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    /// A [`Failure::File`] about `path`, for `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Failure {
        let path = path.to_owned();
        move |source| Failure::File { path, source }
    }

    /// The stable code, e.g. `bad-model`.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Engine(error) => error.code(),
            Failure::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "not-found",
                io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied => "invalid-request",
                _ => "internal",
            },
            Failure::Written { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "not-found",
                io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied => "invalid-request",
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "quota",
                _ => "internal",
            },
            Failure::Digest { .. } => "integrity",
            Failure::Output(_) | Failure::Json(_) => "internal",
        }
    }

    /// Whether nobody reads the output any more, which needs no words.
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
