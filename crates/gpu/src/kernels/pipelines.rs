//! Compute pipelines, each compiled once.

use std::collections::HashMap;

use linnet_shaders::{Dialect, Kernel};

use crate::device::Calls;
use crate::options::AlterKernels;

/// Values of a kernel's `override` constants.
pub(crate) type Constants = Vec<(&'static str, f64)>;

/// The key of a pipeline: the kernel and the bits of its constants.
type Key = (Kernel, Vec<(&'static str, u64)>);

/// The pipelines of a device.
pub(crate) struct Pipelines {
    alter: Option<AlterKernels>,
    modules: HashMap<Kernel, wgpu::ShaderModule>,
    pipelines: HashMap<Key, wgpu::ComputePipeline>,
}

impl Pipelines {
    /// No pipelines yet; `alter` may change the WGSL of later ones.
    pub fn new(alter: Option<AlterKernels>) -> Pipelines {
        Pipelines { alter, modules: HashMap::new(), pipelines: HashMap::new() }
    }

    /// The pipeline of `kernel` with these constants.
    pub fn get(&mut self, calls: &Calls, kernel: Kernel, constants: &Constants) -> wgpu::ComputePipeline {
        let key = constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        let module = self.modules.entry(kernel).or_insert_with(|| {
            let dialect = if cfg!(target_arch = "wasm32") { Dialect::Browser } else { Dialect::Naga };
            let (name, mut wgsl) = (kernel.name(), kernel.wgsl(dialect));
            if let Some(alter) = self.alter {
                wgsl = alter(&name, wgsl);
            }
            calls.device().create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(&name),
                source: wgpu::ShaderSource::Wgsl(wgsl.into()),
            })
        });
        let make = || {
            calls.pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&kernel.name()),
                layout: None,
                module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
                cache: None,
            })
        };
        self.pipelines.entry((kernel, key)).or_insert_with(make).clone()
    }

    /// The kernel of each pipeline so far.
    #[cfg(test)]
    pub fn names(&self) -> Vec<String> {
        self.pipelines.keys().map(|(kernel, _)| kernel.name()).collect()
    }
}
