//! Choosing and opening a backend.

use clap::{Args, ValueEnum};
use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_gpu::{GpuBackend, GpuOptions, Math};
use linnet_graph::KvFormat;

use crate::failure::Failure;

/// Where a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendKind {
    /// This processor.
    Cpu,
    /// The graphics processor, through wgpu.
    #[value(alias = "webgpu")]
    Gpu,
}

/// Where and how a model runs.
#[derive(Args, Clone, Copy, Debug)]
pub struct BackendOptions {
    /// Where to run
    #[arg(long, value_enum, default_value = "cpu")]
    pub backend: BackendKind,
    /// Threads that compute, on the CPU [default: all, up to 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Do without optional features: vector instructions, subgroup operations
    #[arg(long)]
    portable: bool,
    /// Use the GPU's subgroup operations; `on` is an error where it has none [default: where it has them]
    #[arg(long, value_enum, value_name = "SWITCH", conflicts_with = "portable")]
    gpu_subgroups: Option<Switch>,
    /// What the GPU multiplies inputs and weights in; an error where it cannot [default: what suits the GPU]
    ///
    /// With int8 the inputs of products are rounded to 8 bits, with f16 to 11, both times a scale for each 32 of them.
    #[arg(long, value_enum, value_name = "MATH")]
    gpu_math: Option<MathKind>,
    /// How the KV cache holds its numbers [default: f16]
    #[arg(long, value_enum, value_name = "FORMAT")]
    kv: Option<KvKind>,
    /// Round nothing: f32 weights and activations on the CPU, an f32 KV cache; slow, to tell noise from mistakes
    #[arg(long)]
    pub precise: bool,
}

/// Whether to use something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// What products are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MathKind {
    F32,
    F16,
    Int8,
}

/// A format of the KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KvKind {
    F16,
    F32,
    #[value(name = "q8_0")]
    Q8_0,
}

impl BackendOptions {
    /// Opens the CPU backend.
    ///
    /// # Errors
    /// None so far; the same shape as [`BackendOptions::gpu`], so that commands are generic over the two.
    pub fn cpu(&self) -> Result<CpuBackend, Failure> {
        let threads = self.threads.map(usize::from);
        Ok(CpuBackend::new(CpuOptions { threads, portable: self.portable, precise: self.precise }))
    }

    /// To how many bits inputs of products are rounded because somebody asked for that.
    pub fn input_bits(&self) -> Option<u32> {
        match self.gpu_math.filter(|_| self.backend == BackendKind::Gpu) {
            Some(MathKind::Int8) => Some(8),
            Some(MathKind::F16) => Some(11),
            Some(MathKind::F32) | None => None,
        }
    }

    /// How the KV cache holds its numbers.
    pub fn kv(&self) -> KvFormat {
        match self.kv {
            None if self.precise => KvFormat::F32,
            None | Some(KvKind::F16) => KvFormat::F16,
            Some(KvKind::F32) => KvFormat::F32,
            Some(KvKind::Q8_0) => KvFormat::Q8_0,
        }
    }

    /// Opens the GPU backend on the system's preferred adapter.
    ///
    /// # Errors
    /// `no-webgpu` where there is no adapter, not even a software one.
    pub fn gpu(&self) -> Result<GpuBackend, Failure> {
        Ok(pollster::block_on(GpuBackend::new(self.gpu_options()))?)
    }

    /// As [`BackendOptions::gpu`], with a clock if the adapter has one.
    ///
    /// # Errors
    /// The same.
    pub fn gpu_with_clock(&self) -> Result<GpuBackend, Failure> {
        let options = GpuOptions { timestamps: true, ..self.gpu_options() };
        Ok(pollster::block_on(GpuBackend::new(options))?)
    }

    /// As [`BackendOptions::gpu`], with kernels of which none was tried before: whoever compares a model's results tries them
    /// all, and one that is wrong is not to be replaced before that shows. Products are exact, unless others are asked for.
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
