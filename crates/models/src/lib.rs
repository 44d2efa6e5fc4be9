//! Model architectures: from a GGUF header to a [`Graph`].
//!
//! One file per architecture; each reads its hyperparameters, looks its tensors up by their GGUF names and records one
//! forward pass. Nothing here computes.

mod config;
mod error;
mod llama;
mod rope;
mod tensors;

use linnet_gguf::Gguf;
use linnet_graph::Graph;

pub use config::Config;
pub use error::ModelError;

/// A recorded model.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// Hyperparameters that the engine needs.
    pub config: Config,
    /// The forward pass, as recorded (not fused).
    pub graph: Graph,
}

/// Records the model that a GGUF header describes.
///
/// # Errors
/// [`ModelError::UnsupportedArchitecture`] and the like for a model that Linnet cannot run; the other variants for a
/// file whose metadata or tensors contradict each other.
pub fn record(header: &Gguf) -> Result<Model, ModelError> {
    let architecture = header
        .metadata
        .str("general.architecture")?
        .ok_or(ModelError::MissingKey { key: "general.architecture".to_owned() })?;
    match architecture {
        "llama" => llama::record(header),
        other => Err(ModelError::UnsupportedArchitecture { architecture: other.to_owned() }),
    }
}
