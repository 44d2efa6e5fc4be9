//! `cargo xtask bench`: Linnet in Chromium beside wllama on the same file and prompts, then the native engine beside llama.cpp.

use crate::toolchain::WasmToolchain;
use crate::workspace::Workspace;
use crate::{build, doctor, model, native_bench, npm};
use anyhow::Result;

/// Builds what is measured, measures it, prints the tables.
pub fn run() -> Result<()> {
    doctor::ensure(&[&doctor::NODE, &doctor::CHROMIUM])?;
    let workspace = Workspace::find()?;
    let model = model::ensure_default(&workspace)?;
    build::build(&workspace, &WasmToolchain::ensure()?)?;
    let linnet = build::native(&workspace)?;
    npm::run(&workspace, "tests/browser", "bench")?;
    native_bench::run(&linnet, &model)
}
