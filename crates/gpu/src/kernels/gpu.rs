//! A device together with its kernels.

use std::cell::RefCell;

use linnet_graph::{BackendError, BackendKind, Capabilities};
use linnet_shaders::{Kernel, Math};

use crate::device::{Adapter, Device};
use crate::error::no_adapter;
use crate::kernels::config::{KernelConfig, Selected};
use crate::kernels::pipelines::{Constants, Pipelines};
use crate::options::GpuOptions;

/// A device, the kernels that are in use on it, and those compiled so far.
pub(crate) struct Gpu {
    pub device: Device,
    pub options: GpuOptions,
    /// Which kernels are in use.
    pub config: KernelConfig,
    pipelines: RefCell<Pipelines>,
}

impl Gpu {
    /// Opens a device and chooses the kernels that suit its adapter.
    ///
    /// # Errors
    /// [`BackendError::NoAdapter`] if the options allow none of the adapters.
    pub async fn open(options: GpuOptions) -> Result<Gpu, BackendError> {
        let device = Device::open(&options).await?;
        let adapter = &device.adapter;
        // Those kernels exchange inputs through subgroups of eight lanes.
        let software =
            options.software_kernels.unwrap_or(adapter.fallback) && adapter.subgroup_size >= Some(8);
        let math = options.math.unwrap_or_default();
        let possible = match math {
            Math::F32 => true,
            Math::F16 => adapter.shader_f16,
            Math::Int8 => adapter.packed_products,
        };
        if !possible {
            return Err(no_adapter(format!("the adapter does not support {math:?} products")));
        }
        if options.subgroups == Some(true) && adapter.subgroup_size.is_none() {
            return Err(no_adapter("the adapter has no subgroups of at least 4 invocations"));
        }
        let software = software && math == Math::F32;
        let subgroup_size = adapter.subgroup_size;
        let config = KernelConfig::new(Selected { subgroup_size, software, math, ..Selected::default() });
        let pipelines = RefCell::new(Pipelines::new(options.alter_kernels));
        Ok(Gpu { device, options, config, pipelines })
    }

    pub fn capabilities(&self) -> Capabilities {
        let Adapter { vendor, architecture, description, fallback, .. } = &self.device.adapter;
        let selected = self.config.selected();
        let parts = [vendor, architecture, description].map(String::as_str);
        let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Capabilities {
            backend: BackendKind::WebGpu,
            adapter: named.join(" "),
            fallback_adapter: *fallback,
            draws_screen: !*fallback,
            features: selected.features().map(str::to_owned).collect(),
            disabled_features: self.config.disabled_features(),
            threads: 0,
            max_batch: 64,
            max_buffer: Some(self.device.max_part),
        }
    }

    /// Whether to select kernels by measuring them.
    pub fn tunes(&self) -> bool {
        self.options.tune.unwrap_or(!self.device.adapter.fallback)
    }

    /// Arithmetic to choose from: all that the adapter supports, unless the options select one.
    pub fn maths(&self) -> Vec<Math> {
        self.options.math.map_or_else(|| self.device.maths().collect(), |math| vec![math])
    }

    /// The pipeline of a kernel with these constants, compiled on first use.
    pub fn pipeline(&self, kernel: Kernel, constants: &Constants) -> wgpu::ComputePipeline {
        self.pipelines.borrow_mut().get(&self.device.calls, kernel, constants)
    }

    /// The kernel of each pipeline so far.
    #[cfg(test)]
    pub fn kernel_names(&self) -> Vec<String> {
        self.pipelines.borrow().names()
    }
}
