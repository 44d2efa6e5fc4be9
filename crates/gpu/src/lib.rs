//! The GPU backend: wgpu over Vulkan, Metal or Direct3D 12 natively, over WebGPU in a page.
//!
//! Weights stay in the file's block formats; the kernels of `linnet-shaders` decode them where they read them. Compiling
//! a plan makes every pipeline, buffer and bind group; a step writes a few words, encodes the prepared dispatches,
//! submits once and reads back a token or the logits. Tokens may be chosen on the device, each of which is the next step's
//! there: then a submit carries several steps.

mod device;
mod kernels;
mod lower;
mod program;
mod self_test;
#[cfg(test)]
mod tests;
mod tune;
mod weights;

use std::rc::Rc;

use linnet_graph::{
    Ahead, Backend, BackendError, Bytes, Capabilities, CompileOptions, Counters, Draw, MemoryUse, Output,
    Plan, Step, Timing, WeightSpec,
};

use crate::device::Device;

pub use device::Adapter;
#[cfg(target_arch = "wasm32")]
pub use device::web::JsBytes;
pub use linnet_shaders::{Math, all_variants as web_shaders};
pub use program::Program;
pub use tune::peaks::Peaks;
pub use tune::tune_cache::{measured, recall};
pub use weights::weight::Weight;

/// A kernel's text instead of the text of the kernel with this name.
pub type AlterKernels = fn(name: &str, wgsl: String) -> String;

/// Which adapter to take and what to use of it.
#[derive(Clone, Copy, Debug)]
pub struct GpuOptions {
    /// Take a software adapter where there is no other.
    pub allow_fallback: bool,
    /// Take a software adapter.
    pub force_fallback: bool,
    /// Use subgroup operations: where possible (`None`), never, or on no other adapter.
    pub subgroups: Option<bool>,
    /// What products with matrices are computed in: what suits the adapter (`None`), or this, on no other adapter than one that
    /// can. The kernels for software adapters know only [`Math::F32`] and are not used with another.
    pub math: Option<Math>,
    /// Choose among kernels by measuring them: unless the adapter is a software one (`None`), or, for tests, in any case.
    pub tune: Option<bool>,
    /// Use the kernels for adapters that run on the CPU: where it does (`None`), or, for tests, never (`Some(false)`).
    pub software_kernels: Option<bool>,
    /// Try kernels on small products and attentions before a model is trusted to them. Without it kernels that compute wrongly
    /// show in what the model says, which is what a comparison of models is for.
    pub self_test: bool,
    /// For tests: treat the adapter as one whose buffers hold no more than this.
    pub max_part_bytes: Option<u64>,
    /// Ask for the adapter's clock, for [`Backend::profile`]; natively.
    pub timestamps: bool,
    /// For tests: changes the text of kernels, given each one's name.
    pub alter_kernels: Option<AlterKernels>,
}

impl Default for GpuOptions {
    fn default() -> Self {
        GpuOptions {
            allow_fallback: true,
            force_fallback: false,
            subgroups: None,
            math: None,
            tune: None,
            software_kernels: None,
            self_test: true,
            max_part_bytes: None,
            timestamps: false,
            alter_kernels: None,
        }
    }
}

/// The GPU as an execution engine. Clones share the device and its compiled kernels.
#[derive(Clone)]
pub struct GpuBackend {
    device: Rc<Device>,
    capabilities: Capabilities,
}

impl GpuBackend {
    /// Opens a device.
    ///
    /// # Errors
    /// [`BackendError::NoAdapter`] where there is none, or only a software one that the options refuse.
    pub async fn new(options: GpuOptions) -> Result<GpuBackend, BackendError> {
        let device = Device::open(&options).await?;
        let capabilities = device.capabilities();
        Ok(GpuBackend { device: Rc::new(device), capabilities })
    }

    /// The adapter in use.
    pub fn adapter(&self) -> &Adapter {
        &self.device.adapter
    }
}

impl Backend for GpuBackend {
    type Weight = Weight;
    type Program = Program;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn allocate(&mut self, spec: &WeightSpec) -> Result<Weight, BackendError> {
        Weight::new(&self.device, spec)
    }

    async fn write(&mut self, weight: &mut Weight, bytes: Bytes<'_>) -> Result<(), BackendError> {
        weight.write(&self.device, bytes).await
    }

    async fn compile(
        &mut self,
        plan: &Plan,
        weights: Vec<Weight>,
        options: CompileOptions,
    ) -> Result<Program, BackendError> {
        tune::tune(&self.device, plan, &weights).await?;
        if self.device.self_test {
            self_test::check(&self.device, plan, options).await?;
        }
        self.capabilities = self.device.capabilities();
        Program::compile(&self.device, plan, weights, options).await
    }

    async fn run(&mut self, program: &mut Program, step: Step<'_>) -> Result<Output, BackendError> {
        program.run(&self.device, step).await
    }

    fn can_draw(&self, _draw: &Draw) -> bool {
        true
    }

    fn queue_ahead(
        &mut self,
        program: &mut Program,
        step: Option<Step<'_>>,
        ahead: Ahead<'_>,
    ) -> Result<(), BackendError> {
        program.queue_ahead(&self.device, step, ahead)
    }

    async fn take_ahead(&mut self, program: &mut Program) -> Result<Vec<u32>, BackendError> {
        program.take_ahead(&self.device).await
    }

    async fn profile(&mut self, program: &mut Program, step: Step<'_>) -> Result<Vec<Timing>, BackendError> {
        program.profile(&self.device, step).await
    }

    fn memory(&self, program: &Program) -> MemoryUse {
        program.memory()
    }

    fn counters(&self) -> Option<Counters> {
        Some(self.device.calls.counters())
    }
}
