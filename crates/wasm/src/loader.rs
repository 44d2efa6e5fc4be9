//! `Loader`: a model file's bytes into a backend.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Promise, Uint8Array};
use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_engine::{LoadOptions, Loader as EngineLoader};
use linnet_gpu::{GpuBackend, GpuOptions, JsBytes};
use linnet_graph::{Bytes, ForeignBytes, KvFormat};
use serde::Deserialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::engine::{AnyEngine, Engine};
use crate::error;
use crate::platform::platform;
use crate::promise::promise;

/// Bytes that the CPU path copies at a time.
const PIECE: usize = 256 << 10;

/// What `Loader.create` takes, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    backend: BackendKind,
    context_length: Option<usize>,
    threads: Option<usize>,
    #[serde(default)]
    kv: KvKind,
    memory_limit: Option<u64>,
    /// What `Engine.measured` gave, maybe at an earlier visit.
    measured: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KvKind {
    #[default]
    F16,
    F32,
    Q8_0,
}

impl From<KvKind> for KvFormat {
    fn from(kind: KvKind) -> KvFormat {
        match kind {
            KvKind::F16 => KvFormat::F16,
            KvKind::F32 => KvFormat::F32,
            KvKind::Q8_0 => KvFormat::Q8_0,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BackendKind {
    Cpu,
    Webgpu,
}

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
    /// Prepares a backend: `{"backend": "cpu" | "webgpu", "context_length"?, "threads"?, "kv"?: "f16" | "f32" | "q8_0",
    /// "memory_limit"?: bytes, "measured"?: what [`Engine::measured`] gave}`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Loader>")]
    pub fn create(options: String) -> Promise {
        promise(create(options))
    }

    /// Takes the next bytes of a later part of a split model, from that file's beginning, until its header is complete,
    /// which it says; no bytes mean that the file has ended. Comes before the first part's bytes.
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

    /// Says that a part of a split model has ended and the next one follows.
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

    /// Compiles the model after the last byte. The loader is spent.
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
        self.loader.take().ok_or_else(|| error::misuse("the loader is busy or spent"))
    }
}

/// Takes bytes through the wasm heap: in pieces large enough that crossing over costs nothing, and small enough that what
/// packs them finds them in the processor's cache.
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
    let options: Options = serde_json::from_str(&options).map_err(|e| error::misuse(&e.to_string()))?;
    let load = LoadOptions {
        context_length: options.context_length,
        max_logits: 1,
        kv: options.kv.into(),
        memory_limit: options.memory_limit,
        platform: platform(),
    };
    let loader = match options.backend {
        BackendKind::Cpu => {
            let backend = CpuBackend::new(CpuOptions { threads: options.threads, ..CpuOptions::default() });
            AnyLoader::Cpu(Box::new(EngineLoader::new(backend, load)))
        }
        BackendKind::Webgpu => {
            if let Some(measured) = &options.measured {
                linnet_gpu::recall(measured);
            }
            let backend = GpuBackend::new(GpuOptions::default()).await.map_err(|e| error::js(e.into()))?;
            AnyLoader::Gpu(Box::new(EngineLoader::new(backend, load)))
        }
    };
    Ok(Loader { loader: Rc::new(RefCell::new(Some(loader))) })
}
