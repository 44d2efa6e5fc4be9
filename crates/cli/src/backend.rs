//! Choosing and opening a backend.

use clap::{Args, ValueEnum};
use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_gpu::{GpuBackend, GpuOptions};

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
}

impl BackendOptions {
    /// Opens the CPU backend.
    ///
    /// # Errors
    /// None so far; the same shape as [`BackendOptions::gpu`], so that commands are generic over the two.
    pub fn cpu(&self) -> Result<CpuBackend, Failure> {
        let threads = self.threads.map(usize::from);
        Ok(CpuBackend::new(CpuOptions { threads, portable: self.portable }))
    }

    /// Opens the GPU backend on the system's preferred adapter.
    ///
    /// # Errors
    /// `no-webgpu` where there is no adapter, not even a software one.
    pub fn gpu(&self) -> Result<GpuBackend, Failure> {
        let options = GpuOptions { subgroups: self.portable.then_some(false), ..GpuOptions::default() };
        Ok(pollster::block_on(GpuBackend::new(options))?)
    }
}
