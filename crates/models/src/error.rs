//! Why a file's model cannot be recorded.

use linnet_gguf::GgufError;
use linnet_graph::GraphError;

/// Why a file's model cannot be recorded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// `general.architecture` is not supported.
    #[error("the model's architecture `{architecture}` is not supported")]
    UnsupportedArchitecture {
        /// Value of `general.architecture`.
        architecture: String,
    },
    /// The architecture is supported, but this variant is not.
    #[error("`{key}` = {value} is a variant of `{architecture}` that is not supported")]
    UnsupportedVariant {
        /// Value of `general.architecture`.
        architecture: String,
        /// Metadata key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The file has a tensor that the supported architecture does not have.
    #[error("tensor `{tensor}` belongs to a variant of `{architecture}` that is not supported")]
    UnsupportedTensor {
        /// Value of `general.architecture`.
        architecture: String,
        /// GGUF name.
        tensor: String,
    },
    /// A required metadata key is absent.
    #[error("the file has no `{key}`")]
    MissingKey {
        /// Metadata key.
        key: String,
    },
    /// A hyperparameter is invalid.
    #[error("`{key}` = {value} is not valid: {reason}")]
    BadValue {
        /// Metadata key.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A required tensor is absent.
    #[error("the file has no tensor `{tensor}`")]
    MissingTensor {
        /// GGUF name.
        tensor: String,
    },
    /// A tensor's shape differs from the hyperparameters.
    #[error("tensor `{tensor}` is {found:?}, but the hyperparameters need {expected:?}")]
    TensorShape {
        /// GGUF name.
        tensor: String,
        /// Expected dimensions, row length first.
        expected: Vec<u64>,
        /// Dimensions in the file.
        found: Vec<u64>,
    },
    /// A metadata value has the wrong type.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// Shapes do not match.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
