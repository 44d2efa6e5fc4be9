//! `Engine` and `Generation`: a loaded model and one answer of it.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use linnet_cpu::CpuBackend;
use linnet_engine::{Engine as LoadedEngine, Request};
use linnet_gpu::GpuBackend;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error;
use crate::promise::promise;

/// A loaded model on either backend.
pub(crate) enum AnyEngine {
    Cpu(Box<LoadedEngine<CpuBackend>>),
    Gpu(Box<LoadedEngine<GpuBackend>>),
}

/// A loaded model.
#[wasm_bindgen]
pub struct Engine {
    /// Taken out while a generation runs a step.
    engine: Rc<RefCell<Option<AnyEngine>>>,
}

impl Engine {
    pub(crate) fn new(engine: AnyEngine) -> Self {
        Engine { engine: Rc::new(RefCell::new(Some(engine))) }
    }

    fn with<T>(&self, use_engine: impl FnOnce(&AnyEngine) -> T) -> Result<T, JsValue> {
        match &*self.engine.borrow() {
            Some(engine) => Ok(use_engine(engine)),
            None => Err(busy()),
        }
    }
}

fn busy() -> JsValue {
    error::misuse("the engine is busy with another step")
}

#[wasm_bindgen]
impl Engine {
    /// What is loaded and where it runs, as JSON.
    pub fn info(&self) -> Result<String, JsValue> {
        let info = self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => engine.info(),
            AnyEngine::Gpu(engine) => engine.info(),
        })?;
        serde_json::to_string(&info).map_err(error::internal)
    }

    /// Lets go of the model, because its device is lost. Answers in progress wait for [`Engine::replace`].
    pub fn unload(&self) {
        drop(self.engine.take());
    }

    /// Takes another engine's model for its own. Answers in progress go on with it: they know their tokens.
    pub fn replace(&self, other: Engine) {
        self.engine.replace(other.engine.take());
    }

    /// Begins an answer to a request in JSON.
    pub fn generate(&self, request: &str) -> Result<Generation, JsValue> {
        let request = Request::from_json(request).map_err(error::js)?;
        let generation = self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => engine.generate(&request),
            AnyEngine::Gpu(engine) => engine.generate(&request),
        })?;
        let generation = Rc::new(RefCell::new(Some(generation.map_err(error::js)?)));
        Ok(Generation { engine: Rc::clone(&self.engine), generation })
    }
}

/// One answer in progress.
#[wasm_bindgen]
pub struct Generation {
    engine: Rc<RefCell<Option<AnyEngine>>>,
    /// Taken out while a step runs.
    generation: Rc<RefCell<Option<linnet_engine::Generation>>>,
}

#[wasm_bindgen]
impl Generation {
    /// Does one chunk of the prompt or one token; returns the event as JSON.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn next(&self) -> Promise {
        promise(next(Rc::clone(&self.generation), Rc::clone(&self.engine)))
    }

    /// Ends the answer: the next event is `done`.
    pub fn cancel(&self) {
        if let Some(generation) = &mut *self.generation.borrow_mut() {
            generation.cancel();
        }
    }
}

async fn next(
    answers: Rc<RefCell<Option<linnet_engine::Generation>>>,
    engines: Rc<RefCell<Option<AnyEngine>>>,
) -> Result<String, JsValue> {
    let mut generation = answers.take().ok_or_else(busy)?;
    let Some(mut engine) = engines.take() else {
        answers.replace(Some(generation));
        return Err(busy());
    };
    let event = match &mut engine {
        AnyEngine::Cpu(engine) => generation.next(engine).await,
        AnyEngine::Gpu(engine) => generation.next(engine).await,
    };
    engines.replace(Some(engine));
    answers.replace(Some(generation));
    serde_json::to_string(&event.map_err(error::js)?).map_err(error::internal)
}
