//! The header of a small `llama` file, which tests modify.

use linnet_gguf::{Gguf, HeaderWriter, Value};
use linnet_models::{ModelError, record};
use linnet_quant::DType;

/// Metadata and tensors of a file, which a test can change before they are written.
pub struct File {
    metadata: Vec<(&'static str, Value)>,
    tensors: Vec<(String, Vec<u64>)>,
}

impl File {
    /// Two layers, 64 wide, 4 query heads on 2 key/value heads, tied.
    pub fn new() -> Self {
        Self::with_layers(2)
    }

    /// The same model with this many layers.
    pub fn with_layers(layers: u32) -> Self {
        let metadata = vec![
            ("general.architecture", Value::String("llama".into())),
            ("llama.block_count", Value::U32(layers)),
            ("llama.context_length", Value::U32(128)),
            ("llama.embedding_length", Value::U32(64)),
            ("llama.feed_forward_length", Value::U32(96)),
            ("llama.attention.head_count", Value::U32(4)),
            ("llama.attention.head_count_kv", Value::U32(2)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ];
        let mut tensors = vec![("token_embd".to_owned(), vec![64, 32]), ("output_norm".to_owned(), vec![64])];
        for layer in 0..layers {
            for (part, dims) in [
                ("attn_norm", vec![64]),
                ("attn_q", vec![64, 64]),
                ("attn_k", vec![64, 32]),
                ("attn_v", vec![64, 32]),
                ("attn_output", vec![64, 64]),
                ("ffn_norm", vec![64]),
                ("ffn_gate", vec![64, 96]),
                ("ffn_up", vec![64, 96]),
                ("ffn_down", vec![96, 64]),
            ] {
                tensors.push((format!("blk.{layer}.{part}"), dims));
            }
        }
        File { metadata, tensors }
    }

    pub fn set(mut self, key: &'static str, value: Value) -> Self {
        self.metadata.retain(|(k, _)| *k != key);
        self.metadata.push((key, value));
        self
    }

    pub fn without(mut self, key: &str) -> Self {
        self.metadata.retain(|(k, _)| *k != key);
        self.tensors.retain(|(name, _)| name != key);
        self
    }

    pub fn tensor(self, name: &str, dims: &[u64]) -> Self {
        let mut file = self.without(name);
        file.tensors.push((name.to_owned(), dims.to_vec()));
        file
    }

    pub fn header(&self) -> Gguf {
        let mut writer = HeaderWriter::new();
        for (key, value) in &self.metadata {
            writer.metadata(key, value.clone());
        }
        for (name, dims) in &self.tensors {
            let kind =
                if [".bias", ".scale"].iter().any(|kind| name.ends_with(kind)) { "" } else { ".weight" };
            writer.tensor(&format!("{name}{kind}"), dims, DType::F32).unwrap();
        }
        Gguf::parse(&writer.to_bytes()).unwrap()
    }

    pub fn error(self) -> ModelError {
        record(&self.header()).unwrap_err()
    }
}
