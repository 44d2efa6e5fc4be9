//! Model architectures: from a GGUF header to a [`Graph`].
//!
//! One file per architecture in `architectures/`; each reads its hyperparameters, looks up its tensors by their GGUF
//! names and records one forward pass. This crate only records; backends compute.

mod architectures;
mod config;
mod error;
mod experts;
mod layer;
mod model_builder;
mod rope;
mod tensors;

use linnet_gguf::Gguf;
use linnet_graph::Graph;

use crate::model_builder::ModelBuilder;

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
    if let Some(kind) = header.metadata.str("general.type")?.filter(|kind| *kind != "model") {
        let (architecture, key) = (architecture.to_owned(), "general.type".to_owned());
        return Err(ModelError::UnsupportedVariant { architecture, key, value: kind.to_owned() });
    }
    let Some(record) = architectures::by_name(architecture) else {
        return Err(ModelError::UnsupportedArchitecture { architecture: architecture.to_owned() });
    };
    let model = ModelBuilder::new(header)?;
    let logits = record(&model)?;
    model.finish(logits)
}
