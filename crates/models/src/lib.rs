//! Model architectures: from a GGUF header to a [`Graph`].
//!
//! One file per architecture; each reads its hyperparameters, looks its tensors up by their GGUF names and records one
//! forward pass. Nothing here computes.

mod bitnet;
mod config;
mod draft;
mod error;
mod exaone4;
mod experts;
mod gemma2;
mod gemma3;
mod gemma4;
mod gpt_oss;
mod granite;
mod layer;
mod lfm2;
mod llama;
mod mistral3;
mod olmo2;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen35;
mod rope;
mod smollm3;
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
    if let Some(kind) = header.metadata.str("general.type")?.filter(|kind| *kind != "model") {
        let (architecture, key) = (architecture.to_owned(), "general.type".to_owned());
        return Err(ModelError::UnsupportedVariant { architecture, key, value: kind.to_owned() });
    }
    let record = match architecture {
        "bitnet" => bitnet::record,
        "exaone4" => exaone4::record,
        "gemma2" => gemma2::record,
        "gemma3" => gemma3::record,
        "gemma4" => gemma4::record,
        "gpt-oss" => gpt_oss::record,
        "granite" => granite::record,
        "lfm2" => lfm2::record,
        "llama" => llama::record,
        "mistral3" => mistral3::record,
        "olmo2" => olmo2::record,
        "phi3" => phi3::record,
        "qwen2" => qwen2::record,
        "qwen3" => qwen3::record,
        "qwen35" => qwen35::record,
        "qwen3moe" => qwen3::record_moe,
        "smollm3" => smollm3::record,
        other => return Err(ModelError::UnsupportedArchitecture { architecture: other.to_owned() }),
    };
    let draft = draft::Draft::new(header)?;
    let logits = record(&draft)?;
    draft.finish(logits)
}
