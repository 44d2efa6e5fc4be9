//! The GPU backend: wgpu over Vulkan, Metal or Direct3D 12 natively, over WebGPU in a page.
//!
//! Weights stay in the block formats of the file; the kernels of `linnet-shaders` decode them when they read them.
//! Compiling a plan makes every pipeline, buffer and bind group; a step writes a few words, encodes the prepared
//! dispatches, submits once and reads back a token or the logits. If the device samples the tokens, one submit has
//! several steps.

mod device;
mod error;
mod kernels;
mod layout;
mod lower;
mod options;
mod program;
mod self_test;
#[cfg(test)]
mod tests;
mod tune;
mod weights;

use std::rc::Rc;

use linnet_graph::{
    Backend, BackendError, Bytes, Capabilities, CompileOptions, Counters, DecodeAhead, DecodeRequest,
    MemoryUse, Output, Plan, SamplingParams, Step, Timing, WeightSpec, fuse_dispatches,
};

use crate::kernels::Gpu;
use crate::self_test::SelfTests;

pub use device::Adapter;
#[cfg(target_arch = "wasm32")]
pub use device::JsBytes;
pub use linnet_shaders::{Math, all_variants as web_shaders};
pub use options::{AlterKernels, GpuOptions};
pub use program::Program;
pub use tune::{Peaks, measured, recall};
pub use weights::Weight;

/// The GPU as an execution engine. Clones share the device and its compiled kernels.
#[derive(Clone)]
pub struct GpuBackend {
    gpu: Rc<Gpu>,
    self_tests: Rc<SelfTests>,
    capabilities: Capabilities,
}

impl GpuBackend {
    /// Opens a device.
    ///
    /// # Errors
    /// [`BackendError::NoAdapter`] if there is none, or only a software adapter that the options reject.
    pub async fn new(options: GpuOptions) -> Result<GpuBackend, BackendError> {
        let gpu = Gpu::open(options).await?;
        let capabilities = gpu.capabilities();
        Ok(GpuBackend { gpu: Rc::new(gpu), self_tests: Rc::default(), capabilities })
    }

    /// The adapter in use.
    pub fn adapter(&self) -> &Adapter {
        &self.gpu.device.adapter
    }

    /// Measures the device's limits; `now_ms` is a clock in milliseconds. Takes a few seconds.
    ///
    /// # Errors
    /// [`BackendError::OutOfMemory`], [`BackendError::DeviceLost`].
    pub async fn peaks(&self, now_ms: impl Fn() -> f64) -> Result<Peaks, BackendError> {
        tune::peaks(&self.gpu, now_ms).await
    }
}

impl Backend for GpuBackend {
    type Weight = Weight;
    type Program = Program;
    type DecodeAhead = Self;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn allocate(&mut self, spec: &WeightSpec) -> Result<Weight, BackendError> {
        Weight::new(&self.gpu.device, spec)
    }

    async fn write(&mut self, weight: &mut Weight, bytes: Bytes<'_>) -> Result<(), BackendError> {
        weight.write(&self.gpu.device, bytes).await
    }

    async fn compile(
        &mut self,
        plan: &Plan,
        weights: Vec<Weight>,
        options: CompileOptions,
    ) -> Result<Program, BackendError> {
        tune::tune(&self.gpu, plan, &weights).await?;
        let graph = fuse_dispatches(plan.graph.clone());
        if self.gpu.options.self_test {
            self.self_tests.check(&self.gpu, &graph, options).await?;
        }
        self.capabilities = self.gpu.capabilities();
        Program::compile(&self.gpu, graph, weights, options).await
    }

    async fn run(&mut self, program: &mut Program, step: Step<'_>) -> Result<Output, BackendError> {
        program.run(&self.gpu.device, step).await
    }

    fn decode_ahead(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    async fn profile(&mut self, program: &mut Program, step: Step<'_>) -> Result<Vec<Timing>, BackendError> {
        program.profile(&self.gpu.device, step).await
    }

    fn memory(&self, program: &Program) -> MemoryUse {
        program.memory()
    }

    fn counters(&self) -> Option<Counters> {
        Some(self.gpu.device.calls.counters())
    }
}

impl DecodeAhead for GpuBackend {
    type Program = Program;

    fn can_sample(&self, _params: &SamplingParams) -> bool {
        true
    }

    fn submit_decode(
        &mut self,
        program: &mut Program,
        step: Option<Step<'_>>,
        request: DecodeRequest<'_>,
    ) -> Result<(), BackendError> {
        program.submit_decode(&self.gpu.device, step, request)
    }

    async fn poll_decode(&mut self, program: &mut Program) -> Result<Vec<u32>, BackendError> {
        program.poll_decode(&self.gpu.device).await
    }
}
