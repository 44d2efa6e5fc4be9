//! Files whose hyperparameters are larger than any model's.

use linnet_gguf::{Array, Value};
use linnet_models::ModelError;

use crate::file::File;

/// Each number is within its bound, but their product exceeds 32 bits.
#[test]
fn products_are_bounded() {
    let large = || File::new().set("llama.attention.head_count", Value::U32(1 << 23));
    let large = || {
        large().set("llama.embedding_length", Value::U32(1 << 23)).without("llama.attention.head_count_kv")
    };
    for (dim, refused) in [(8, false), (1 << 9, true), (1 << 12, true)] {
        let error = large().set("llama.attention.key_length", Value::U32(dim)).error();
        let bad = matches!(&error, ModelError::BadValue { key, .. } if key == "llama.attention.head_count");
        assert_eq!(bad, refused, "{dim}: {error}");
    }
    let error = File::new().set("llama.attention.key_length", Value::U32(1 << 20)).error();
    assert!(matches!(error, ModelError::BadValue { reason: "a head is too large", .. }), "{error}");
}

#[test]
fn an_error_shows_a_few_numbers_of_a_long_array() {
    let file = File::new().set("llama.embedding_scale", Value::Array(Array::U8(vec![7; 1 << 20])));
    let error = file.error().to_string();
    assert!(error.contains("7, 7, ...") && error.len() < 200, "{} bytes", error.len());
}
