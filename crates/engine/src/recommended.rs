//! What a file recommends for sampling, in the keys that llama.cpp's converters write.

use linnet_gguf::{Metadata, Value};
use serde_json::Value as Json;

use crate::request::PartialSampling;

/// Keys after `general.sampling.`, and the parameters that they set. Linnet has no parameters for the others,
/// for example mirostat.
const KEYS: [(&str, &str); 5] = [
    ("temp", "temperature"),
    ("top_k", "top_k"),
    ("top_p", "top_p"),
    ("min_p", "min_p"),
    ("penalty_repeat", "repetition_penalty"),
];

/// Sampling as a file recommends it. A request overrides it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recommended {
    pub(crate) sampling: PartialSampling,
    /// Tokens that the model must not say, sorted.
    pub(crate) suppressed: Vec<u32>,
}

impl Recommended {
    /// Reads the file's metadata. Values that are not valid are ignored, because the model works without them.
    pub(crate) fn from_gguf(metadata: &Metadata, vocabulary: usize) -> Self {
        let mut sampling = PartialSampling::default();
        for (key, parameter) in KEYS {
            let Some(value) = metadata.get(&format!("general.sampling.{key}")).and_then(number) else {
                continue;
            };
            // In llama.cpp, a negative temperature is greedy, and a negative limit is none.
            let value = if matches!(key, "temp" | "top_k") { value.max(0.0) } else { value };
            let mut changed = sampling;
            if changed.set(parameter, &Json::from(value)).is_ok() && changed.check().is_ok() {
                sampling = changed;
            }
        }
        let tokens = metadata.integers("tokenizer.ggml.suppress_tokens").ok().flatten();
        let tokens = tokens.iter().flat_map(|tokens| tokens.iter());
        let mut suppressed: Vec<u32> = tokens
            .filter_map(|token| u32::try_from(token).ok())
            .filter(|token| (*token as usize) < vocabulary)
            .collect();
        suppressed.sort_unstable();
        suppressed.dedup();
        Recommended { sampling, suppressed }
    }
}

/// A finite number of any type.
fn number(value: &Value) -> Option<f64> {
    let number = match *value {
        Value::U8(v) => v.into(),
        Value::I8(v) => v.into(),
        Value::U16(v) => v.into(),
        Value::I16(v) => v.into(),
        Value::U32(v) => v.into(),
        Value::I32(v) => v.into(),
        Value::U64(v) => v as f64,
        Value::I64(v) => v as f64,
        Value::F32(v) => v.into(),
        Value::F64(v) => v,
        Value::Bool(_) | Value::String(_) | Value::Array(_) => return None,
    };
    Some(number).filter(|number| number.is_finite())
}
