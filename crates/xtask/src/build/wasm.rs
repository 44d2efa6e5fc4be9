//! Compiles, binds and optimizes the page's wasm modules. A stage whose input has not changed is skipped.

use crate::build::relaxed;
use crate::build::single_thread;
use crate::machine::process;
use crate::machine::toolchain::{self, WasmToolchain};
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use walrus::ModuleConfig;
use wasm_bindgen_cli_support::Bindgen;
use wasmparser::{Validator, WasmFeatures};

/// The cargo profile of the module in the page.
pub const PROFILE: &str = "wasm";

/// Features that rustc emits and every engine with simd128 has. wasm-opt must not use others.
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

/// A function with a single call is not inlined: JavaScript engines keep the sums of a loop in registers if its
/// function is short, and in memory if it is long.
const ONLY_SMALL_INLINED: &str = "--one-caller-inline-max-function-size=16";

/// A crate whose wasm a page loads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PageCrate {
    /// The engine: several modules from one compilation.
    Engine,
    /// What holds answers to a form. It is a module of its own, because few pages load it.
    Constraint,
}

impl PageCrate {
    /// All of them. Each is compiled alone, so that none gets features that another one asks for.
    pub const ALL: [PageCrate; 2] = [PageCrate::Engine, PageCrate::Constraint];

    /// How the names of its files in the package begin.
    fn name(self) -> &'static str {
        match self {
            PageCrate::Engine => "linnet",
            PageCrate::Constraint => "constraint",
        }
    }

    /// The name of the crate.
    pub fn package(self) -> &'static str {
        match self {
            PageCrate::Engine => "linnet-wasm",
            PageCrate::Constraint => "linnet-constraint-wasm",
        }
    }

    /// Compiles the crate and returns the path of rustc's module.
    pub fn compile(self, workspace: &Workspace, toolchain: &WasmToolchain) -> Result<PathBuf> {
        let mut cargo = match self {
            PageCrate::Engine => toolchain.cargo(workspace, "build"),
            PageCrate::Constraint => toolchain.cargo_for_one_thread(workspace, "build"),
        };
        process::run(cargo.args(["--package", self.package(), "--lib", "--profile", PROFILE]))?;
        let file = format!("{}.wasm", self.package().replace('-', "_"));
        Ok(toolchain::artifacts(workspace, PROFILE).join(file))
    }

    /// The folder for wasm-bindgen's output.
    pub fn bound(self, workspace: &Workspace) -> PathBuf {
        workspace.wasm_target().join("bound").join(self.name())
    }

    /// The file of wasm-bindgen's module.
    pub fn module(self) -> String {
        format!("{}_bg.wasm", self.name())
    }

    /// Makes the crate's part of `web/wasm/` from the compiled module: the glue, its types, and the modules.
    pub fn pack(self, workspace: &Workspace, compiled: &Path) -> Result<()> {
        let out = workspace.root.join("web/wasm");
        let stamp = out.join(format!(".{}-made-from", self.name()));
        let made_from = fingerprint(workspace, compiled)?;
        if fs::read_to_string(&stamp).is_ok_and(|before| before == made_from) {
            eprintln!("{} in web/wasm is up to date", self.name());
            return Ok(());
        }
        let bound = self.bound(workspace);
        self.bind(compiled, &bound)?;
        fs::create_dir_all(&out)?;
        match self {
            PageCrate::Engine => make_all(workspace, &bound, |kind| out.join(kind.file()))?,
            PageCrate::Constraint => self.make(workspace, &bound, &out.join(self.module()), &[])?,
        }
        for ending in [".js", ".d.ts", "_bg.wasm.d.ts"] {
            let file = format!("{}{ending}", self.name());
            fs::copy(bound.join(&file), out.join(&file))
                .with_context(|| format!("wasm-bindgen did not write {file}"))?;
        }
        Ok(fs::write(stamp, made_from)?)
    }

    /// Runs wasm-bindgen as a library into the folder `out`. It keeps names (wasm-opt drops them), so that `size` can
    /// attribute the bytes to crates.
    pub fn bind(self, compiled: &Path, out: &Path) -> Result<()> {
        fs::remove_dir_all(out).or_else(missing_is_fine)?;
        let mut bindgen = Bindgen::new();
        match self {
            PageCrate::Engine => bindgen.input_path(compiled),
            PageCrate::Constraint => {
                bindgen.input_bytes(self.name(), without_c_functions(&fs::read(compiled)?)?)
            }
        };
        bindgen
            .out_name(self.name())
            .web(true)?
            .typescript(true)
            // After a trap the worker starts the module again.
            .reset_state_function(self == PageCrate::Constraint)
            .remove_producers_section(true);
        bindgen.generate(out).context("wasm-bindgen failed")
    }

    /// Makes the module that every page can load from wasm-bindgen's output in the folder `bound`. `more` are further
    /// arguments for wasm-opt.
    pub fn make(self, workspace: &Workspace, bound: &Path, to: &Path, more: &[&str]) -> Result<()> {
        if self == PageCrate::Engine {
            return make(workspace, Kind::ALL[0], bound, to, more);
        }
        optimize(workspace, &bound.join(self.module()), to, more)?;
        validate(to, WasmFeatures::WASM2)
    }
}

/// A module that a page may load. All come from one compilation.
#[derive(Clone, Copy)]
pub struct Kind {
    /// For pages that are isolated and may therefore share memory between threads.
    pub threads: bool,
    /// For engines with relaxed SIMD.
    pub relaxed: bool,
}

impl Kind {
    /// All modules; those with relaxed SIMD are last.
    pub const ALL: [Kind; 4] = [
        Kind { threads: false, relaxed: false },
        Kind { threads: true, relaxed: false },
        Kind { threads: false, relaxed: true },
        Kind { threads: true, relaxed: true },
    ];

    /// The name of its file.
    pub fn file(self) -> &'static str {
        match (self.relaxed, self.threads) {
            (false, false) => "linnet_bg.wasm",
            (false, true) => "linnet_threads_bg.wasm",
            (true, false) => "linnet_relaxed_bg.wasm",
            (true, true) => "linnet_relaxed_threads_bg.wasm",
        }
    }

    /// Makes this module from wasm-bindgen's.
    pub fn of(self, bound: &[u8]) -> Result<Vec<u8>> {
        let mut module = ModuleConfig::new().strict_validate(false).parse(bound)?;
        relaxed::settle(&mut module, self.relaxed)?;
        if !self.threads {
            single_thread::lower(&mut module)?;
        }
        Ok(module.emit_wasm())
    }

    /// Features that wasm-opt may use in addition to [`FEATURES`].
    fn features(self) -> impl Iterator<Item = &'static str> {
        let threads = self.threads.then_some("--enable-threads");
        threads.into_iter().chain(self.relaxed.then_some("--enable-relaxed-simd"))
    }
}

/// The module without the functions that llguidance exports for C, which would keep a third of its code.
fn without_c_functions(compiled: &[u8]) -> Result<Vec<u8>> {
    let mut module = ModuleConfig::new().strict_validate(false).parse(compiled)?;
    let exports = module.exports.iter().filter(|export| export.name.starts_with("llg_"));
    let unused: Vec<_> = exports.map(|export| export.id()).collect();
    unused.into_iter().for_each(|export| module.exports.delete(export));
    Ok(module.emit_wasm())
}

/// Checks that a module only uses features that all of its engines have.
fn validate(module: &Path, features: WasmFeatures) -> Result<()> {
    Validator::new_with_features(features)
        .validate_all(&fs::read(module)?)
        .map(drop)
        .with_context(|| format!("{} uses a feature that some of its engines lack", module.display()))
}

/// Writes every module of the engine to its path.
pub fn make_all(workspace: &Workspace, bound: &Path, to: impl Fn(Kind) -> PathBuf + Sync) -> Result<()> {
    // Two at a time: wasm-opt uses one processor.
    for kinds in Kind::ALL.chunks(2) {
        std::thread::scope(|scope| {
            let make = |&kind: &Kind| {
                let to = &to;
                scope.spawn(move || make(workspace, kind, bound, &to(kind), &[]))
            };
            let made: Vec<_> = kinds.iter().map(make).collect();
            made.into_iter().try_for_each(|made| match made.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
    }
    Ok(())
}

/// Makes one module of the engine from wasm-bindgen's output in the folder `bound`. `more` are further arguments for
/// wasm-opt.
fn make(workspace: &Workspace, kind: Kind, bound: &Path, to: &Path, more: &[&str]) -> Result<()> {
    let from = workspace.wasm_target().join(kind.file());
    fs::write(&from, kind.of(&fs::read(bound.join(PageCrate::Engine.module()))?)?)?;
    let mut arguments: Vec<&str> = kind.features().collect();
    arguments.extend(more);
    optimize(workspace, &from, to, &arguments)?;
    // WebAssembly 2.0 has vectors, bulk memory and reference types.
    let mut features = WasmFeatures::WASM2;
    features.set(WasmFeatures::THREADS, kind.threads);
    features.set(WasmFeatures::RELAXED_SIMD, kind.relaxed);
    validate(to, features)
}

/// Runs wasm-opt from the npm package binaryen.
fn optimize(workspace: &Workspace, from: &Path, to: &Path, more: &[&str]) -> Result<()> {
    let mut node = Command::new("node");
    node.arg(wasm_opt(workspace)).args(["-O3", ONLY_SMALL_INLINED]).args(FEATURES).args(more);
    process::run(node.arg(from).arg("-o").arg(to))
}

fn wasm_opt(workspace: &Workspace) -> PathBuf {
    workspace.root.join("node_modules/binaryen/bin/wasm-opt")
}

/// A hash of everything that `web/wasm` depends on: the module, wasm-opt's version and options, and this program, which
/// contains wasm-bindgen.
fn fingerprint(workspace: &Workspace, compiled: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(fs::read(compiled)?);
    hash.update(fs::read(workspace.root.join("node_modules/binaryen/package.json"))?);
    hash.update(FEATURES.concat());
    hash.update(ONLY_SMALL_INLINED);
    hash.update(include_bytes!("wasm.rs"));
    hash.update(include_bytes!("relaxed.rs"));
    hash.update(include_bytes!("single_thread.rs"));
    hash.update(env!("CARGO_PKG_VERSION"));
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn missing_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
