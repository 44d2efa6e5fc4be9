//! Compute pipelines, each made once however often it is asked for.

use std::collections::HashMap;

use linnet_shaders::{Dialect, Kernel};

use crate::calls::Calls;

/// Values of a kernel's `override` constants.
pub(crate) type Constants = Vec<(&'static str, f64)>;

/// What tells pipelines apart: the kernel and the bits of its constants.
type Key = (Kernel, Vec<(&'static str, u64)>);

/// The pipelines of a device.
#[derive(Default)]
pub(crate) struct Pipelines {
    modules: HashMap<Kernel, wgpu::ShaderModule>,
    pipelines: HashMap<Key, wgpu::ComputePipeline>,
}

impl Pipelines {
    /// The pipeline of `kernel` with these constants.
    pub fn get(&mut self, calls: &Calls, kernel: Kernel, constants: &Constants) -> wgpu::ComputePipeline {
        let key = constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        let module = self.modules.entry(kernel).or_insert_with(|| {
            let dialect = if cfg!(target_arch = "wasm32") { Dialect::Browser } else { Dialect::Naga };
            calls.device().create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(&kernel.name()),
                source: wgpu::ShaderSource::Wgsl(kernel.wgsl(dialect).into()),
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
}
