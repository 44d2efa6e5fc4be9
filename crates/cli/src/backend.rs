//! Selects and opens a backend.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_gpu::{GpuBackend, GpuOptions, Math};
use linnet_graph::{BackendKind, KvFormat};

use crate::failure::Failure;

/// The device that runs the model, and its settings.
#[derive(Args, Clone, Copy, Debug)]
pub struct BackendOptions {
    /// Device to run on
    #[arg(long, value_parser = backend_kind(), default_value = "cpu")]
    pub backend: BackendKind,
    /// CPU threads [default: all cores, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Disable optional features: SIMD instructions and GPU subgroup operations
    #[arg(long)]
    portable: bool,
    /// GPU subgroup operations; `on` fails if the GPU has none [default: on if supported]
    #[arg(long, value_enum, value_name = "SWITCH", conflicts_with = "portable")]
    gpu_subgroups: Option<Switch>,
    /// Type in which the GPU multiplies; fails if the GPU does not support it [default: the fastest that it
    /// supports]
    ///
    /// int8 rounds the inputs of matrix products to 8 bits, f16 to 11 bits, with one scale per 32 elements.
    #[arg(long, value_enum, value_name = "MATH")]
    gpu_math: Option<MathKind>,
    /// Element type of the KV cache [default: f16]
    #[arg(long, value_parser = kv_format(), value_name = "FORMAT")]
    kv: Option<KvFormat>,
    /// No rounding: f32 weights and activations on the CPU and an f32 KV cache. Slow; use it to tell noise
    /// from bugs
    #[arg(long)]
    pub precise: bool,
}

/// Turns a feature on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Type in which matrix products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MathKind {
    F32,
    F16,
    Int8,
}

/// Here the GPU is called `gpu`: it need not be reached through WebGPU.
fn backend_kind() -> impl TypedValueParser<Value = BackendKind> {
    let gpu = PossibleValue::new("gpu").alias(BackendKind::WebGpu.name());
    let names = [PossibleValue::new(BackendKind::Cpu.name()), gpu];
    PossibleValuesParser::new(names).map(|name| match name == BackendKind::Cpu.name() {
        true => BackendKind::Cpu,
        false => BackendKind::WebGpu,
    })
}

fn kv_format() -> impl TypedValueParser<Value = KvFormat> {
    let named = |name: String| KvFormat::ALL.into_iter().find(|format| format.name() == name);
    PossibleValuesParser::new(KvFormat::ALL.map(KvFormat::name))
        .try_map(move |name| named(name).ok_or("unknown format"))
}

impl BackendOptions {
    /// Opens the CPU backend.
    ///
    /// # Errors
    /// Never fails; it returns a `Result` like [`BackendOptions::gpu`] so that commands can be generic over
    /// both.
    pub fn cpu(&self) -> Result<CpuBackend, Failure> {
        let threads = self.threads.map(usize::from);
        Ok(CpuBackend::new(CpuOptions { threads, portable: self.portable, precise: self.precise }))
    }

    /// The bits to which the user asked to round the inputs of matrix products.
    pub fn input_bits(&self) -> Option<u32> {
        match self.gpu_math.filter(|_| self.backend == BackendKind::WebGpu) {
            Some(MathKind::Int8) => Some(8),
            Some(MathKind::F16) => Some(11),
            Some(MathKind::F32) | None => None,
        }
    }

    /// Element type of the KV cache.
    pub fn kv(&self) -> KvFormat {
        let default = if self.precise { KvFormat::F32 } else { KvFormat::default() };
        self.kv.unwrap_or(default)
    }

    /// Opens the GPU backend on the system's preferred adapter.
    ///
    /// # Errors
    /// `no-webgpu` if there is no adapter, not even a software one.
    pub fn gpu(&self) -> Result<GpuBackend, Failure> {
        Ok(pollster::block_on(GpuBackend::new(self.gpu_options()))?)
    }

    /// Like [`BackendOptions::gpu`], with timestamp queries if the adapter supports them.
    ///
    /// # Errors
    /// The same.
    pub fn gpu_with_clock(&self) -> Result<GpuBackend, Failure> {
        let options = GpuOptions { timestamps: true, ..self.gpu_options() };
        Ok(pollster::block_on(GpuBackend::new(options))?)
    }

    /// Like [`BackendOptions::gpu`], but without the kernels' self-test: a comparison with a reference runs
    /// every kernel, and must see a wrong one instead of its replacement. Products are exact unless the user
    /// asks for another type.
    ///
    /// # Errors
    /// The same.
    pub fn gpu_untried(&self) -> Result<GpuBackend, Failure> {
        let asked = self.gpu_options();
        let math = asked.math.or(Some(Math::F32));
        let options = GpuOptions { self_test: false, math, ..asked };
        Ok(pollster::block_on(GpuBackend::new(options))?)
    }

    fn gpu_options(&self) -> GpuOptions {
        let subgroups = self.gpu_subgroups.map(|switch| switch == Switch::On);
        let math = self.gpu_math.map(|math| match math {
            MathKind::F32 => Math::F32,
            MathKind::F16 => Math::F16,
            MathKind::Int8 => Math::Int8,
        });
        let math = math.or(self.precise.then_some(Math::F32));
        GpuOptions { subgroups: subgroups.or(self.portable.then_some(false)), math, ..GpuOptions::default() }
    }
}
