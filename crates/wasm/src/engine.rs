//! `Engine` and `Generation`: a loaded model and one of its answers.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Promise};
use linnet_cpu::CpuBackend;
use linnet_engine::{DecideRequest, Engine as LoadedEngine, Error, Request, SuggestRequest};
use linnet_gpu::GpuBackend;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::constraint::{self, ConstraintCompiler};
use crate::error;
use crate::promise::promise;
use crate::value::plain;

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

    fn start(&self, answer: Result<Answer, Error>) -> Result<Generation, JsValue> {
        let answer = Rc::new(RefCell::new(Some(answer.map_err(error::js)?)));
        Ok(Generation { engine: Rc::clone(&self.engine), answer })
    }
}

fn busy() -> JsValue {
    error::misuse("the engine is busy with another step")
}

#[wasm_bindgen]
impl Engine {
    /// What is loaded and where it runs.
    #[wasm_bindgen(unchecked_return_type = "EngineReport")]
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let info = self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => engine.info(),
            AnyEngine::Gpu(engine) => engine.info(),
        })?;
        plain(&info).map_err(error::internal)
    }

    /// The results of tuning kernels on this GPU, for the next load, as JSON; `undefined` if there are none.
    pub fn measured(&self) -> Option<String> {
        linnet_gpu::measured()
    }

    /// Frees the model, because its device is lost. Answers in progress wait for [`Engine::replace`].
    pub fn unload(&self) {
        drop(self.engine.take());
    }

    /// Takes over another engine's model. Answers in progress continue with it, because they keep their tokens.
    pub fn replace(&self, other: Engine) {
        self.engine.replace(other.engine.take());
    }

    /// Counts the tokens of the prompt of a request in JSON.
    #[wasm_bindgen(js_name = countTokens)]
    pub fn count_tokens(&self, request: &str) -> Result<usize, JsValue> {
        let request = Request::from_json(request).map_err(error::js)?;
        let tokens = self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => engine.count_tokens(&request),
            AnyEngine::Gpu(engine) => engine.count_tokens(&request),
        })?;
        tokens.map_err(error::js)
    }

    /// Whether the answer to a request in JSON must have a form, or its calls must fit, so that [`Engine::generate`]
    /// needs a compiler.
    #[wasm_bindgen(js_name = isConstrained)]
    pub fn is_constrained(&self, request: &str) -> Result<bool, JsValue> {
        let request = Request::from_json(request).map_err(error::js)?;
        let is_constrained = self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => engine.is_constrained(&request),
            AnyEngine::Gpu(engine) => engine.is_constrained(&request),
        })?;
        is_constrained.map_err(error::js)
    }

    /// The model's tokens, for the other module.
    #[wasm_bindgen(unchecked_return_type = "[Uint8Array, Uint32Array]")]
    pub fn tokens(&self) -> Result<Array, JsValue> {
        self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => constraint::pack(engine.tokenizer()),
            AnyEngine::Gpu(engine) => constraint::pack(engine.tokenizer()),
        })
    }

    /// Starts an answer to a request in JSON.
    pub fn generate(
        &self,
        request: &str,
        compiler: Option<ConstraintCompiler>,
    ) -> Result<Generation, JsValue> {
        let request = Request::from_json(request).map_err(error::js)?;
        let compiler = compiler.as_ref();
        self.start(self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => constraint::generate(engine, &request, compiler).map(Answer::text),
            AnyEngine::Gpu(engine) => constraint::generate(engine, &request, compiler).map(Answer::text),
        })?)
    }

    /// Starts a search for words that may come next, for a request in JSON.
    pub fn suggest(&self, request: &str) -> Result<Generation, JsValue> {
        let request = SuggestRequest::from_json(request).map_err(error::js)?;
        self.start(self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => engine.suggest(&request).map(Answer::Words),
            AnyEngine::Gpu(engine) => engine.suggest(&request).map(Answer::Words),
        })?)
    }

    /// Starts to compute how likely each of some answers is, for a request in JSON.
    pub fn decide(&self, request: &str) -> Result<Generation, JsValue> {
        let request = DecideRequest::from_json(request).map_err(error::js)?;
        self.start(self.with(|engine| match engine {
            AnyEngine::Cpu(engine) => engine.decide(&request).map(Answer::Decisions),
            AnyEngine::Gpu(engine) => engine.decide(&request).map(Answer::Decisions),
        })?)
    }
}

/// The answer to a request.
enum Answer {
    Text(Box<linnet_engine::Generation>),
    Words(linnet_engine::Suggestion),
    Decisions(linnet_engine::Decider),
}

impl Answer {
    fn text(generation: linnet_engine::Generation) -> Self {
        Answer::Text(Box::new(generation))
    }

    /// The next event.
    async fn next(&mut self, engine: &mut AnyEngine) -> Result<JsValue, JsValue> {
        match (self, engine) {
            (Answer::Text(text), AnyEngine::Cpu(engine)) => event(text.next(engine).await),
            (Answer::Text(text), AnyEngine::Gpu(engine)) => event(text.next(engine).await),
            (Answer::Words(words), AnyEngine::Cpu(engine)) => event(words.next(engine).await),
            (Answer::Words(words), AnyEngine::Gpu(engine)) => event(words.next(engine).await),
            (Answer::Decisions(decider), AnyEngine::Cpu(engine)) => event(decider.next(engine).await),
            (Answer::Decisions(decider), AnyEngine::Gpu(engine)) => event(decider.next(engine).await),
        }
    }
}

fn event(event: Result<impl Serialize, Error>) -> Result<JsValue, JsValue> {
    plain(&event.map_err(error::js)?).map_err(error::internal)
}

/// One answer in progress.
#[wasm_bindgen]
pub struct Generation {
    engine: Rc<RefCell<Option<AnyEngine>>>,
    /// Taken out while a step runs.
    answer: Rc<RefCell<Option<Answer>>>,
}

#[wasm_bindgen]
impl Generation {
    /// Runs one chunk of the prompt or one token, and returns the event.
    #[wasm_bindgen(unchecked_return_type = "Promise<GenerationEvent | SuggestEvent | DecideEvent>")]
    pub fn next(&self) -> Promise {
        promise(next(Rc::clone(&self.answer), Rc::clone(&self.engine)))
    }

    /// Stops the answer: the next event is the last.
    pub fn cancel(&self) {
        match &mut *self.answer.borrow_mut() {
            Some(Answer::Text(text)) => text.cancel(),
            Some(Answer::Words(words)) => words.cancel(),
            Some(Answer::Decisions(decider)) => decider.cancel(),
            None => {}
        }
    }
}

async fn next(
    answers: Rc<RefCell<Option<Answer>>>,
    engines: Rc<RefCell<Option<AnyEngine>>>,
) -> Result<JsValue, JsValue> {
    let mut answer = answers.take().ok_or_else(busy)?;
    let Some(mut engine) = engines.take() else {
        answers.replace(Some(answer));
        return Err(busy());
    };
    let event = answer.next(&mut engine).await;
    engines.replace(Some(engine));
    answers.replace(Some(answer));
    event
}
