//! `Loader`: moves a model file's bytes into a backend.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Promise, Uint8Array};
use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_engine::{LoadOptions, Loader as EngineLoader, LoaderOptions};
use linnet_gpu::{GpuBackend, GpuOptions, JsBytes};
use linnet_graph::{BackendKind, Bytes, ForeignBytes};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::engine::{AnyEngine, Engine};
use crate::error;
use crate::platform::platform;
use crate::promise::promise;

/// Bytes that the CPU path copies at a time: large enough that the call costs nothing, and small enough that they are
/// still in the processor's cache when they are packed.
const PIECE: usize = 256 << 10;

enum AnyLoader {
    Cpu(Box<EngineLoader<CpuBackend>>),
    Gpu(Box<EngineLoader<GpuBackend>>),
}

/// Takes a model file piece by piece. One call at a time.
#[wasm_bindgen]
pub struct Loader {
    /// Taken out while a call runs.
    loader: Rc<RefCell<Option<AnyLoader>>>,
}

#[wasm_bindgen]
impl Loader {
    /// Prepares a backend. `options` are [`LoaderOptions`] in JSON; their `measured` is an earlier result of
    /// [`Engine::measured`].
    #[wasm_bindgen(unchecked_return_type = "Promise<Loader>")]
    pub fn create(options: String) -> Promise {
        promise(create(options))
    }

    /// Takes the next bytes of a later part of a split model, from the start of that file. Returns true when its header
    /// is complete. Empty bytes mean the end of the file. Call it before the first part's bytes.
    #[wasm_bindgen(js_name = readAhead)]
    pub fn read_ahead(&self, bytes: Uint8Array) -> Result<bool, JsValue> {
        let mut loader = self.take()?;
        let bytes = JsBytes::new(bytes);
        let result = match &mut loader {
            AnyLoader::Cpu(loader) => loader.read_ahead(Bytes::Foreign(&bytes)),
            AnyLoader::Gpu(loader) => loader.read_ahead(Bytes::Foreign(&bytes)),
        };
        self.loader.replace(Some(loader));
        result.map_err(error::js)
    }

    /// Ends a part of a split model; the next one follows.
    #[wasm_bindgen(js_name = nextPart)]
    pub fn next_part(&self) -> Result<(), JsValue> {
        let mut loader = self.take()?;
        let result = match &mut loader {
            AnyLoader::Cpu(loader) => loader.next_part(),
            AnyLoader::Gpu(loader) => loader.next_part(),
        };
        self.loader.replace(Some(loader));
        result.map_err(error::js)
    }

    /// Takes the file's next bytes. On the GPU path tensors go to the GPU without passing through the wasm heap.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn push(&self, bytes: Uint8Array) -> Promise {
        let (taken, place) = (self.take(), Rc::clone(&self.loader));
        promise(async move {
            let (mut loader, bytes) = (taken?, JsBytes::new(bytes));
            let result = match &mut loader {
                AnyLoader::Cpu(loader) => push_copied(loader, &bytes).await,
                AnyLoader::Gpu(loader) => loader.push(Bytes::Foreign(&bytes)).await,
            };
            place.replace(Some(loader));
            result.map(|()| JsValue::UNDEFINED).map_err(error::js)
        })
    }

    /// Compiles the model after the last byte. The loader cannot be used afterwards.
    #[wasm_bindgen(unchecked_return_type = "Promise<Engine>")]
    pub fn finish(&self) -> Promise {
        let taken = self.take();
        promise(async move {
            let engine = match taken? {
                AnyLoader::Cpu(loader) => AnyEngine::Cpu(Box::new(loader.finish().await.map_err(error::js)?)),
                AnyLoader::Gpu(loader) => AnyEngine::Gpu(Box::new(loader.finish().await.map_err(error::js)?)),
            };
            Ok(Engine::new(engine))
        })
    }

    fn take(&self) -> Result<AnyLoader, JsValue> {
        self.loader.take().ok_or_else(|| error::misuse("the loader is busy, or it has finished"))
    }
}

/// Passes bytes through the wasm heap.
async fn push_copied(
    loader: &mut EngineLoader<CpuBackend>,
    bytes: &dyn ForeignBytes,
) -> Result<(), linnet_engine::Error> {
    let mut piece = vec![0; PIECE.min(bytes.len())];
    for start in (0..bytes.len()).step_by(PIECE) {
        let piece = &mut piece[..PIECE.min(bytes.len() - start)];
        bytes.copy_to(start, piece);
        loader.push(Bytes::Heap(piece)).await?;
    }
    Ok(())
}

async fn create(options: String) -> Result<Loader, JsValue> {
    let options = LoaderOptions::from_json(&options).map_err(error::js)?;
    let load = LoadOptions {
        context_length: options.context_length,
        max_logits: 1,
        kv: options.kv.unwrap_or_default(),
        memory_limit: options.memory_limit,
        platform: platform(),
    };
    let loader = match options.backend {
        BackendKind::Cpu => {
            let backend = CpuBackend::new(CpuOptions { threads: options.threads, ..CpuOptions::default() });
            AnyLoader::Cpu(Box::new(EngineLoader::new(backend, load)))
        }
        BackendKind::WebGpu => {
            if let Some(measured) = &options.measured {
                linnet_gpu::recall(measured);
            }
            let backend = GpuBackend::new(GpuOptions::default()).await.map_err(|e| error::js(e.into()))?;
            AnyLoader::Gpu(Box::new(EngineLoader::new(backend, load)))
        }
    };
    Ok(Loader { loader: Rc::new(RefCell::new(Some(loader))) })
}
