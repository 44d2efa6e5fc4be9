//! `cargo xtask build`: builds the npm package in `web/dist` and the site in `www/dist`.

pub mod licences;
pub mod relaxed;
pub mod single_thread;
pub mod wasm;

use self::wasm::PageCrate;
use crate::machine::npm;
use crate::machine::process;
use crate::machine::programs;
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use anyhow::Result;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// Installs the tools that the build needs, then builds both.
pub fn run() -> Result<()> {
    programs::ensure(&[&programs::NODE])?;
    let workspace = Workspace::find()?;
    build(&workspace, &WasmToolchain::ensure()?)
}

/// Builds both on a machine that has the tools, and prints the time of each part.
pub fn build(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<()> {
    eprintln!("wasm is compiled by {}", toolchain.describe());
    let compile = |part: PageCrate| Ok((part, part.compile(workspace, toolchain)?));
    let compiled = timed("compiled the wasm modules", || {
        PageCrate::ALL.into_iter().map(compile).collect::<Result<Vec<_>>>()
    })?;
    timed("installed npm packages", || npm::install(workspace))?;
    timed("packaged web/wasm", || {
        compiled.iter().try_for_each(|(part, compiled)| part.pack(workspace, compiled))
    })?;
    timed("built web/dist", || npm::run(workspace, "web", "build"))?;
    timed("built www/dist", || npm::run(workspace, "www", "build"))?;
    let notices = licences::notices(workspace)?;
    for dist in ["web/dist", "www/dist"] {
        fs::write(workspace.root.join(dist).join("THIRD-PARTY.txt"), &notices)?;
    }
    Ok(())
}

/// Builds the native binary `linnet` in release mode and returns its path.
pub fn native(workspace: &Workspace) -> Result<PathBuf> {
    process::run(workspace.cargo("build").args(["--release", "--package", "linnet-cli", "--bin", "linnet"]))?;
    Ok(workspace.target.join("release").join(format!("linnet{}", std::env::consts::EXE_SUFFIX)))
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let done = work()?;
    eprintln!("{what} in {}", process::seconds(start.elapsed()));
    Ok(done)
}
