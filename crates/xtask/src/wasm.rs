//! The wasm modules of the page: compiled, bound, optimised; each stage left out where its input is what it was.

use crate::process;
use crate::single_thread;
use crate::toolchain::{self, WasmToolchain};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;
use wasmparser::{Validator, WasmFeatures};

/// The cargo profile of the module in the page.
pub const PROFILE: &str = "wasm";

/// What rustc emits and every engine with simd128 has; wasm-opt is to use nothing else.
const FEATURES: [&str; 8] = [
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
    "--enable-reference-types",
];

/// Compiles `linnet-wasm`, returns the module as rustc left it.
pub fn compile(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo(workspace, "build");
    process::run(cargo.args(["--package", "linnet-wasm", "--lib", "--profile", PROFILE]))?;
    Ok(toolchain::artifacts(workspace, PROFILE).join("linnet_wasm.wasm"))
}

/// A module that a page may load. Both come from one compilation.
#[derive(Clone, Copy)]
pub enum Kind {
    /// For every page.
    Single,
    /// For pages that are isolated and may therefore share memory between threads.
    Threads,
}

impl Kind {
    /// Both.
    pub const ALL: [Kind; 2] = [Kind::Single, Kind::Threads];

    /// Its file.
    pub fn file(self) -> &'static str {
        match self {
            Kind::Single => "linnet_bg.wasm",
            Kind::Threads => "linnet_threads_bg.wasm",
        }
    }

    /// The module, given wasm-bindgen's.
    fn of(self, bound: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Kind::Single => single_thread::lowered(&bound),
            Kind::Threads => Ok(bound),
        }
    }

    /// What only engines with threads need to know.
    fn features(self) -> &'static [&'static str] {
        match self {
            Kind::Single => &[],
            Kind::Threads => &["--enable-threads"],
        }
    }

    /// Checks that an engine needs nothing that it may lack.
    fn validate(self, module: &[u8]) -> Result<()> {
        // WebAssembly 2.0 has vectors, bulk memory and reference types.
        let mut features = WasmFeatures::WASM2;
        features.set(WasmFeatures::THREADS, matches!(self, Kind::Threads));
        Validator::new_with_features(features)
            .validate_all(module)
            .map(drop)
            .with_context(|| format!("{} does not suit every engine that it is for", self.file()))
    }
}

/// Makes `web/wasm/` from the compiled module: `linnet.js`, its types, and the modules, all of which it drives.
pub fn package(workspace: &Workspace, compiled: &Path) -> Result<()> {
    let out = workspace.root.join("web/wasm");
    let stamp = out.join(".made-from");
    let made_from = fingerprint(workspace, compiled)?;
    if fs::read_to_string(&stamp).is_ok_and(|before| before == made_from) {
        eprintln!("web/wasm is up to date");
        return Ok(());
    }
    let bound = workspace.wasm_target().join("bound");
    bind(compiled, &bound)?;
    fs::remove_dir_all(&out).or_else(missing_is_fine)?;
    fs::create_dir_all(&out)?;
    // At the same time: wasm-opt uses one processor.
    std::thread::scope(|scope| {
        let (bound, out) = (&bound, &out);
        let made = Kind::ALL
            .map(|kind| scope.spawn(move || make(workspace, kind, bound, &out.join(kind.file()), &[])));
        made.into_iter().try_for_each(|made| match made.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    for file in ["linnet.js", "linnet.d.ts", "linnet_bg.wasm.d.ts"] {
        fs::copy(bound.join(file), out.join(file)).with_context(|| format!("wasm-bindgen made no {file}"))?;
    }
    Ok(fs::write(stamp, made_from)?)
}

/// wasm-bindgen, as a library, into the folder `out`: names are kept (wasm-opt drops them), so that `size` can tell whose
/// bytes they are.
pub fn bind(compiled: &Path, out: &Path) -> Result<()> {
    fs::remove_dir_all(out).or_else(missing_is_fine)?;
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(compiled)
        .out_name("linnet")
        .web(true)?
        .typescript(true)
        .remove_producers_section(true);
    bindgen.generate(out).context("wasm-bindgen failed")
}

/// Makes one of the modules of what wasm-bindgen has left in the folder `bound`. `more` is said to wasm-opt.
pub fn make(workspace: &Workspace, kind: Kind, bound: &Path, to: &Path, more: &[&str]) -> Result<()> {
    let from = workspace.wasm_target().join(kind.file());
    fs::write(&from, kind.of(fs::read(bound.join("linnet_bg.wasm"))?)?)?;
    optimise(workspace, kind, &from, to, more)?;
    kind.validate(&fs::read(to)?)
}

/// wasm-opt from the npm package binaryen.
fn optimise(workspace: &Workspace, kind: Kind, from: &Path, to: &Path, more: &[&str]) -> Result<()> {
    let mut node = Command::new("node");
    node.arg(wasm_opt(workspace)).arg("-O3").args(FEATURES).args(kind.features()).args(more);
    process::run(node.arg(from).arg("-o").arg(to))
}

fn wasm_opt(workspace: &Workspace) -> PathBuf {
    workspace.root.join("node_modules/binaryen/bin/wasm-opt")
}

/// All that `web/wasm` depends on: the module, wasm-opt's version and options, and this program, which holds wasm-bindgen.
fn fingerprint(workspace: &Workspace, compiled: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(fs::read(compiled)?);
    hash.update(fs::read(workspace.root.join("node_modules/binaryen/package.json"))?);
    hash.update(FEATURES.concat());
    hash.update(include_bytes!("wasm.rs"));
    hash.update(include_bytes!("single_thread.rs"));
    hash.update(env!("CARGO_PKG_VERSION"));
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn missing_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
