//! `cargo xtask bench`: Linnet in Chromium beside wllama on the same file and prompts, then the native engine beside llama.cpp;
//! or each kernel by itself.

use crate::toolchain::WasmToolchain;
use crate::workspace::Workspace;
use crate::{build, doctor, model, native_bench, npm, ops};
use anyhow::Result;
use std::fs;
use std::path::PathBuf;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Each kernel by itself, natively and as wasm in Node, and nothing else
    #[arg(long)]
    ops: bool,
    /// A GGUF file whose shapes the kernels are measured at [default: those of SmolLM2, in every block format]
    #[arg(long, value_name = "FILE", requires = "ops")]
    model: Option<PathBuf>,
    /// Where to write what was measured
    #[arg(long, value_name = "FILE", requires = "ops")]
    json: Option<PathBuf>,
}

/// Builds what is measured, measures it, prints the tables.
pub fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    if options.ops {
        doctor::ensure(&[&doctor::NODE])?;
        npm::install(&workspace)?;
        let linnet = build::native(&workspace)?;
        let reports = ops::run(&workspace, &WasmToolchain::ensure()?, &linnet, options.model.as_deref())?;
        if let Some(json) = &options.json {
            fs::write(json, format!("{reports:#}\n"))?;
        }
        return Ok(());
    }
    doctor::ensure(&[&doctor::NODE, &doctor::CHROMIUM])?;
    let model = model::ensure_default(&workspace)?;
    build::build(&workspace, &WasmToolchain::ensure()?)?;
    let linnet = build::native(&workspace)?;
    npm::run(&workspace, "tests/browser", "bench")?;
    native_bench::run(&linnet, &model)
}
