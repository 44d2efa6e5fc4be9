//! The GPU interface of a page. wgpu drives it, except where wgpu 30 falls short:
//!
//! - it cannot ask for the feature `subgroups`, so the adapter that it gets has a `requestDevice` of our own;
//! - it panics on an internal error, so a handler of our own takes errors that no scope catches;
//! - it copies what it writes through the wasm heap, so bytes of JavaScript are written through the browser's own
//!   queue.

use std::any::Any;
use std::ops::Range;

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use linnet_graph::{BackendError, ForeignBytes};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::device::adapter::{Adapter, Opened, required_limits};
use crate::device::buffer::Buffer;
use crate::device::faults::Faults;
use crate::error::no_adapter;
use crate::options::GpuOptions;

/// A `Uint8Array`, whose bytes go to the GPU without passing through the wasm heap.
pub struct JsBytes(Uint8Array);

impl JsBytes {
    /// The array must not change during the lifetime of this value.
    pub fn new(array: Uint8Array) -> Self {
        JsBytes(array)
    }
}

impl ForeignBytes for JsBytes {
    fn len(&self) -> usize {
        self.0.length() as usize
    }

    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.0.subarray(offset as u32, (offset + out.len()) as u32).copy_to(out);
    }

    fn slice(&self, range: Range<usize>) -> Box<dyn ForeignBytes> {
        Box::new(JsBytes(self.0.subarray(range.start as u32, range.end as u32)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Writes bytes from a JavaScript array; `false` for other foreign bytes.
pub(crate) fn write_foreign(
    queue: &wgpu::Queue,
    buffer: &Buffer,
    offset: u64,
    bytes: &dyn ForeignBytes,
    from: usize,
    len: usize,
) -> Result<bool, BackendError> {
    let (Some(JsBytes(array)), Some(queue), Some(buffer)) =
        (bytes.as_any().downcast_ref(), queue.as_webgpu(), buffer.as_webgpu())
    else {
        return Ok(false);
    };
    let piece = array.subarray(from as u32, (from + len) as u32);
    let result = queue.write_buffer_with_f64_and_u8_array(buffer, offset as f64, &piece);
    result
        .map(|()| true)
        .map_err(|error| BackendError::Internal(format!("writing a weight: {}", text(&error))))
}

/// The browser drives its GPU by itself.
pub(crate) fn drive(_device: &wgpu::Device, _submission: Option<wgpu::SubmissionIndex>) {}

/// A clock, in milliseconds.
pub(crate) fn now_ms() -> f64 {
    let performance = get(&js_sys::global(), "performance");
    let now: Function = get(&performance, "now").unchecked_into();
    now.call0(&performance).ok().and_then(|now| now.as_f64()).unwrap_or_default()
}

/// Waits a moment after a failure, because the loss of the device may be reported only later.
pub(crate) async fn hear_out() {
    const MILLISECONDS: u32 = 100;
    let moment = Promise::new(&mut |resolve: Function, _| {
        let timer: Function = get(&js_sys::global(), "setTimeout").unchecked_into();
        // Without timers, do not wait.
        if timer.call2(&JsValue::UNDEFINED, &resolve, &MILLISECONDS.into()).is_err() {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    });
    // The promise never rejects.
    let _ = JsFuture::from(moment).await;
}

/// Reports errors that no scope catches to `faults`.
pub(crate) fn catch_errors(device: &wgpu::Device, faults: &Faults) {
    let Some(device) = device.as_webgpu() else { return };
    let faults = faults.clone();
    let handler = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        let error = get(&event, "error");
        let kind = string(&get(&error, "constructor"), "name");
        faults.report(if kind == "GPUOutOfMemoryError" {
            BackendError::OutOfMemory { what: "the GPU's work".to_owned(), bytes: 0 }
        } else {
            BackendError::Internal(format!("{kind}: {}", string(&error, "message")))
        });
    });
    set(device, "onuncapturederror", handler.as_ref());
    // The device may outlive this module, so its handler is leaked.
    handler.forget();
}

/// Requests an adapter and its device.
pub(crate) async fn open(options: &GpuOptions) -> Result<Opened, BackendError> {
    let gpu = get(&get(&js_sys::global(), "navigator"), "gpu");
    if !gpu.is_object() {
        return Err(no_adapter("this browser has no WebGPU"));
    }
    let raw = request_adapter(&gpu, options).await?;
    let info = get(&raw, "info");
    let mut adapter = Adapter {
        vendor: string(&info, "vendor"),
        architecture: string(&info, "architecture"),
        description: string(&info, "description"),
        fallback: is_software(&raw, &info),
        subgroup_size: None,
        shader_f16: has(&get(&raw, "features"), "shader-f16"),
        packed_products: has(&get(&gpu, "wgslLanguageFeatures"), "packed_4x8_integer_dot_product"),
    };
    if adapter.fallback && !(options.allow_fallback || options.force_fallback) {
        return Err(no_adapter("there is only a software adapter"));
    }
    let smallest = get(&info, "subgroupMinSize").as_f64().unwrap_or(0.0) as u32;
    let possible = smallest >= 4 && has(&get(&raw, "features"), "subgroups") && knows_subgroup_id(&gpu);
    if possible && options.subgroups.unwrap_or(true) {
        adapter.subgroup_size = Some(smallest);
    }

    // Properties of the objects shadow the methods of the prototype, so wgpu calls them.
    let device_request = device_request(&raw, adapter.subgroup_size.is_some());
    set(&raw, "requestDevice", device_request.as_ref());
    let found = raw.clone();
    let adapter_request = Closure::<dyn FnMut(JsValue) -> Promise>::new(move |_| Promise::resolve(&found));
    set(&gpu, "requestAdapter", adapter_request.as_ref());
    let result = open_with_wgpu().await;
    delete(&gpu, "requestAdapter");
    delete(&raw, "requestDevice");
    let (device, queue) = result?;
    Ok(Opened { device, queue, adapter })
}

async fn open_with_wgpu() -> Result<(wgpu::Device, wgpu::Queue), BackendError> {
    let descriptor = wgpu::InstanceDescriptor {
        backends: wgpu::Backends::BROWSER_WEBGPU,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let instance = wgpu::Instance::new(descriptor);
    let adapter = instance.request_adapter(&Default::default()).await.map_err(no_adapter)?;
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("linnet"),
        required_features: adapter.features() & wgpu::Features::SHADER_F16,
        required_limits: required_limits(&adapter.limits()),
        ..Default::default()
    };
    adapter.request_device(&descriptor).await.map_err(no_adapter)
}

async fn request_adapter(gpu: &JsValue, options: &GpuOptions) -> Result<JsValue, BackendError> {
    let request = Object::new();
    set(&request, "powerPreference", &"high-performance".into());
    set(&request, "forceFallbackAdapter", &options.force_fallback.into());
    let promise = call(gpu, "requestAdapter", &request).map_err(|error| no_adapter(text(&error)))?;
    let adapter = JsFuture::from(promise.unchecked_into::<Promise>()).await;
    match adapter {
        Ok(adapter) if adapter.is_object() => Ok(adapter),
        Ok(_) => Err(no_adapter("the browser returned none")),
        Err(error) => Err(no_adapter(text(&error))),
    }
}

/// An `adapter.requestDevice` that also requests subgroups.
fn device_request(adapter: &JsValue, subgroups: bool) -> Closure<dyn FnMut(JsValue) -> JsValue> {
    let adapter = adapter.clone();
    let request: Function = get(&adapter, "requestDevice").unchecked_into();
    Closure::new(move |descriptor: JsValue| {
        if subgroups {
            let features = get(&descriptor, "requiredFeatures");
            let features = if features.is_object() { Array::from(&features) } else { Array::new() };
            features.push(&"subgroups".into());
            set(&descriptor, "requiredFeatures", &features);
        }
        request.call1(&adapter, &descriptor).unwrap_or_else(|error| Promise::reject(&error).into())
    })
}

/// Whether the adapter runs on the CPU. Browsers without `isFallbackAdapter` still name SwiftShader or llvmpipe.
fn is_software(adapter: &JsValue, info: &JsValue) -> bool {
    let said = [get(adapter, "isFallbackAdapter"), get(info, "isFallbackAdapter")];
    let named = ["architecture", "description"].map(|key| string(info, key).to_lowercase());
    said.iter().any(JsValue::is_truthy)
        || named.iter().any(|name| name.contains("swiftshader") || name.contains("llvmpipe"))
}

/// Whether the browser's WGSL has the built-in values `subgroup_id` and `num_subgroups`, which were added later than
/// subgroups.
fn knows_subgroup_id(gpu: &JsValue) -> bool {
    has(&get(gpu, "wgslLanguageFeatures"), "subgroup_id")
}

/// A property; `undefined` if there is none.
fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

fn string(object: &JsValue, key: &str) -> String {
    get(object, key).as_string().unwrap_or_default()
}

/// Sets a property. Failures are ignored: an object that rejects it also lacks the feature.
fn set(object: &JsValue, key: &str, value: &JsValue) {
    let _ = Reflect::set(object, &key.into(), value);
}

fn delete(object: &JsValue, key: &str) {
    let _ = Reflect::delete_property(object.unchecked_ref::<Object>(), &key.into());
}

fn call(object: &JsValue, method: &str, argument: &JsValue) -> Result<JsValue, JsValue> {
    get(object, method).unchecked_into::<Function>().call1(object, argument)
}

/// Whether a JavaScript set contains a string.
fn has(set: &JsValue, value: &str) -> bool {
    set.is_object() && call(set, "has", &value.into()).is_ok_and(|found| found.is_truthy())
}

/// An exception as text.
fn text(error: &JsValue) -> String {
    error.as_string().unwrap_or_else(|| {
        let message = string(error, "message");
        if message.is_empty() { format!("{error:?}") } else { message }
    })
}
