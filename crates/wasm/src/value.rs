//! Plain JavaScript values, the same that `JSON.parse` would make.

use serde::Serialize;
use serde_json::Value;
use serde_wasm_bindgen::{Error, Serializer};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The declarations of this module name the types that the engine's tests generate.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "import type {
    DecideEvent, EngineReport, GenerationEvent, SuggestEvent
} from '../src/protocol/generated.ts';";

/// A value of one of the types in `web/src/protocol/generated.ts`.
pub(crate) fn plain(value: &impl Serialize) -> Result<JsValue, Error> {
    value.serialize(&Serializer::json_compatible())
}

/// The details of an error. They may contain any number from a file; those above 2^53 are not exact in JavaScript.
pub(crate) fn facts(details: Value) -> JsValue {
    plain(&with_floats(details)).unwrap_or(JsValue::NULL)
}

fn with_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(with_floats).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_floats(value))).collect(),
        other => other,
    }
}
