//! One file per architecture; families with several have a folder.

mod bitnet;
mod exaone4;
mod gemma;
mod gpt_oss;
mod granite;
mod lfm2;
mod llama;
mod mistral3;
mod olmo2;
mod phi3;
mod qwen;
mod smollm3;

use linnet_graph::Value;

use crate::ModelError;
use crate::model_builder::ModelBuilder;

/// Records the layers of one architecture and returns the logits.
pub(crate) type Record = fn(&ModelBuilder<'_>) -> Result<Value, ModelError>;

/// The function that records the architecture of this name (`general.architecture`).
pub(crate) fn by_name(architecture: &str) -> Option<Record> {
    Some(match architecture {
        "bitnet" => bitnet::record,
        "exaone4" => exaone4::record,
        "gemma2" => gemma::gemma2::record,
        "gemma3" => gemma::gemma3::record,
        "gemma4" => gemma::gemma4::record,
        "gpt-oss" => gpt_oss::record,
        "granite" => granite::record,
        "lfm2" => lfm2::record,
        "llama" => llama::record,
        "mistral3" => mistral3::record,
        "olmo2" => olmo2::record,
        "phi3" => phi3::record,
        "qwen2" => qwen::qwen2::record,
        "qwen3" => qwen::qwen3::record,
        "qwen35" => qwen::qwen35::record,
        "qwen3moe" => qwen::qwen3::record_moe,
        "smollm3" => smollm3::record,
        _ => return None,
    })
}
