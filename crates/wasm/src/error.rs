//! Errors as JavaScript objects: `name`, `message`, `code`, `details`.

use js_sys::Reflect;
use linnet_engine::{Error, ErrorCode};
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

use crate::value::facts;

fn object(message: &str, code: ErrorCode, details: Value) -> JsValue {
    let error = js_sys::Error::new(message);
    error.set_name("LinnetError");
    for (key, value) in [("code", JsValue::from_str(code.name())), ("details", facts(details))] {
        // Setting a property of a fresh, extensible object cannot fail.
        let _ = Reflect::set(&error, &JsValue::from_str(key), &value);
    }
    error.into()
}

/// The engine's error. Like the page's own messages, it ends with a full stop and names options as the page does.
pub(crate) fn js(error: Error) -> JsValue {
    let error = match error {
        Error::InvalidRequest { field, reason, value } if field == "context_length" => {
            Error::InvalidRequest { field: "contextLength".to_owned(), reason, value }
        }
        other => other,
    };
    let mut message = error.to_string();
    if !message.ends_with(['.', '!', '?', '…']) {
        message.push('.');
    }
    object(&message, error.code(), error.details())
}

/// An error of the caller, which is the worker.
pub(crate) fn misuse(message: &str) -> JsValue {
    object(message, ErrorCode::InvalidRequest, json!({}))
}

/// An error that only a bug can cause.
pub(crate) fn internal(error: impl std::fmt::Display) -> JsValue {
    object(&error.to_string(), ErrorCode::Internal, json!({}))
}
