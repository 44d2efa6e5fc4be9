//! Constraints that another wasm module enforces (`linnet-constraint-wasm`), which a page fetches only if it needs it.

use js_sys::{Array, Reflect, Uint8Array, Uint32Array};
use linnet_engine::{Engine, Error, Generation, Request};
use linnet_graph::Backend;
use linnet_text::{Constraint, ConstraintError, ConstraintErrorCode, PackedVocabulary, TokenMask, Tokenizer};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// Compiles constraints in the other module.
    pub type ConstraintCompiler;

    #[wasm_bindgen(method, catch)]
    fn compile(this: &ConstraintCompiler, spec: &str) -> Result<WasmConstraint, JsValue>;

    /// A constraint of the other module.
    type WasmConstraint;

    #[wasm_bindgen(method, catch)]
    fn mask(this: &WasmConstraint) -> Result<Vec<u32>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn allows(this: &WasmConstraint, token: u32) -> Result<bool, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn commit(this: &WasmConstraint, token: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = forcedBytes)]
    fn forced_bytes(this: &WasmConstraint) -> Result<Vec<u8>, JsValue>;

    #[wasm_bindgen(method, catch, js_name = isAccepting)]
    fn is_accepting(this: &WasmConstraint) -> Result<bool, JsValue>;

    #[wasm_bindgen(method, catch, js_name = isFinished)]
    fn is_finished(this: &WasmConstraint) -> Result<bool, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn restart(this: &WasmConstraint) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn free(this: &WasmConstraint) -> Result<(), JsValue>;
}

/// The tokens of a model for the other module: the two arrays of [`PackedVocabulary`].
pub(crate) fn pack(tokenizer: &Tokenizer) -> Array {
    let PackedVocabulary { bytes, lengths } = PackedVocabulary::new(tokenizer.vocabulary());
    Array::of2(&Uint8Array::from(&*bytes), &Uint32Array::from(&*lengths))
}

/// Starts an answer whose constraints the compiler makes, if it needs any.
pub(crate) fn generate<B: Backend>(
    engine: &Engine<B>,
    request: &Request,
    compiler: Option<&ConstraintCompiler>,
) -> Result<Generation, Error> {
    let Some(compiler) = compiler else { return engine.generate(request) };
    engine.generate_within(request, &mut |spec| {
        let spec = serde_json::to_string(spec)
            .map_err(|error| ConstraintError::new(ConstraintErrorCode::Invalid, error.to_string()))?;
        let constraint = compiler.compile(&spec).map_err(|error| read(&error))?;
        Ok(Box::new(ForeignConstraint(constraint)))
    })
}

/// Frees the constraint in the other module when the answer ends.
struct ForeignConstraint(WasmConstraint);

impl Drop for ForeignConstraint {
    fn drop(&mut self) {
        // After a trap the module is not used any more.
        let _ = self.0.free();
    }
}

impl Constraint for ForeignConstraint {
    fn mask(&mut self) -> Result<TokenMask, ConstraintError> {
        self.0.mask().map(TokenMask::from_words).map_err(|error| read(&error))
    }

    fn allows(&mut self, token: u32) -> Result<bool, ConstraintError> {
        self.0.allows(token).map_err(|error| read(&error))
    }

    fn commit(&mut self, token: u32) -> Result<(), ConstraintError> {
        self.0.commit(token).map_err(|error| read(&error))
    }

    fn forced_bytes(&mut self) -> Result<Vec<u8>, ConstraintError> {
        self.0.forced_bytes().map_err(|error| read(&error))
    }

    fn is_accepting(&mut self) -> Result<bool, ConstraintError> {
        self.0.is_accepting().map_err(|error| read(&error))
    }

    fn is_finished(&mut self) -> Result<bool, ConstraintError> {
        self.0.is_finished().map_err(|error| read(&error))
    }

    fn restart(&mut self) {
        // After a trap every later call fails.
        let _ = self.0.restart();
    }
}

/// The other module's error. A trap is an `Error`: its memory or its stack was too small.
fn read(error: &JsValue) -> ConstraintError {
    let field = |name| Reflect::get(error, &JsValue::from_str(name)).ok().and_then(|value| value.as_string());
    let name = field("code");
    let code = ConstraintErrorCode::ALL.into_iter().find(|code| name.as_deref() == Some(code.name()));
    let Some(code) = code else {
        let reason = format!("the constraint needs too much work: {}", field("message").unwrap_or_default());
        return ConstraintError::new(ConstraintErrorCode::TooComplex, reason);
    };
    ConstraintError::new(code, field("reason").unwrap_or_default()).at(field("path").unwrap_or_default())
}
