//! The wasm module that holds answers to a form. A page fetches it with its first such request. Thin: conversions only;
//! the worker in `web/` passes its constraints to `linnet-wasm`.
#![cfg(target_arch = "wasm32")]

use std::sync::Arc;

use js_sys::{Object, Reflect};
use linnet_constraint::Automaton;
use linnet_text::{Constraint as _, ConstraintError, ConstraintErrorCode, ConstraintSpec, PackedVocabulary};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The tokens of a model, prepared for constraints.
#[wasm_bindgen]
pub struct Vocabulary {
    vocabulary: Arc<linnet_constraint::Vocabulary>,
}

#[wasm_bindgen]
impl Vocabulary {
    /// The tokens, as [`PackedVocabulary`] describes them.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>, lengths: Vec<u32>) -> Result<Vocabulary, JsValue> {
        let packed = PackedVocabulary { bytes, lengths };
        let vocabulary = linnet_constraint::Vocabulary::new(packed.tokens()).map_err(thrown)?;
        Ok(Vocabulary { vocabulary: Arc::new(vocabulary) })
    }

    /// Compiles a constraint, which is a [`ConstraintSpec`] in JSON.
    pub fn compile(&self, spec: &str) -> Result<Constraint, JsValue> {
        let spec: ConstraintSpec = serde_json::from_str(spec)
            .map_err(|error| thrown(ConstraintError::new(ConstraintErrorCode::Invalid, error.to_string())))?;
        let automaton = linnet_constraint::compile(&spec, &self.vocabulary).map_err(thrown)?;
        Ok(Constraint { automaton })
    }
}

/// A constraint with the part of the answer written so far. See [`linnet_text::Constraint`].
#[wasm_bindgen]
pub struct Constraint {
    automaton: Automaton,
}

#[wasm_bindgen]
impl Constraint {
    /// The tokens that may come next: one bit per token id.
    pub fn mask(&mut self) -> Result<Vec<u32>, JsValue> {
        Ok(self.automaton.mask().map_err(thrown)?.words().to_vec())
    }

    /// Whether a token may come next.
    pub fn allows(&mut self, token: u32) -> Result<bool, JsValue> {
        self.automaton.allows(token).map_err(thrown)
    }

    /// Appends a token to the answer.
    pub fn commit(&mut self, token: u32) -> Result<(), JsValue> {
        self.automaton.commit(token).map_err(thrown)
    }

    /// The bytes that must come next.
    #[wasm_bindgen(js_name = forcedBytes)]
    pub fn forced_bytes(&mut self) -> Result<Vec<u8>, JsValue> {
        self.automaton.forced_bytes().map_err(thrown)
    }

    /// Whether the answer may end here.
    #[wasm_bindgen(js_name = isAccepting)]
    pub fn is_accepting(&mut self) -> Result<bool, JsValue> {
        self.automaton.is_accepting().map_err(thrown)
    }

    /// Returns to the start of the text.
    pub fn restart(&mut self) {
        self.automaton.restart();
    }

    /// Whether the answer must end here.
    #[wasm_bindgen(js_name = isFinished)]
    pub fn is_finished(&mut self) -> Result<bool, JsValue> {
        self.automaton.is_finished().map_err(thrown)
    }
}

/// The error as a plain object.
fn thrown(error: ConstraintError) -> JsValue {
    let object = Object::new();
    for (key, value) in [("code", error.code.name()), ("path", &*error.path), ("reason", &*error.reason)] {
        // Setting a property of a fresh, extensible object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(key), &JsValue::from_str(value));
    }
    object.into()
}
