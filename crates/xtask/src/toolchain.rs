//! Which Rust compiles to wasm32: rustup's target where there is one, else Debian's compiler with a standard library built from source.

use crate::doctor;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// A Rust toolchain that can compile to wasm32.
pub enum WasmToolchain {
    /// The native toolchain, with the target's standard library installed.
    Native,
    /// Debian's rustc: its standard library is built from source (once per target folder), since Debian ships none for wasm32.
    Debian {
        /// The `rust-lld` that links: the native toolchain's, or one on the path.
        linker: PathBuf,
    },
}

impl WasmToolchain {
    /// Finds one, or installs one: first through rustup, then, on Debian, through apt.
    pub fn ensure() -> Result<Self> {
        if native_has_target() {
            return Ok(Self::Native);
        }
        if let Some(debian) = debian() {
            return Ok(debian);
        }
        eprintln!(
            "missing: Rust's standard library for {TARGET}, which the engine in the page is compiled with"
        );
        if process::run(Command::new("rustup").args(["target", "add", TARGET])).is_ok() && native_has_target()
        {
            return Ok(Self::Native);
        }
        if !doctor::is_debian() {
            bail!("run: rustup target add {TARGET}");
        }
        eprintln!("rustup cannot add it here; Debian's compiler can build it from source");
        doctor::install_debian(&DEBIAN_PACKAGES)?;
        if native_lld().is_none() && which("rust-lld").is_none() {
            doctor::install_debian(&["rust-web-llvm"])?;
        }
        debian().context("Debian's packages are installed, yet no usable compiler for wasm32 came with them")
    }

    /// `cargo SUBCOMMAND --target wasm32-unknown-unknown`, at the root, into the wasm target folder.
    pub fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut cargo = match self {
            Self::Native => workspace.cargo(subcommand),
            Self::Debian { linker } => {
                // `cargo clippy` would look for cargo-clippy on the path and find rustup's.
                let program = if subcommand == "clippy" { "/usr/bin/cargo-clippy" } else { "/usr/bin/cargo" };
                let mut cargo = Command::new(program);
                cargo.arg(subcommand).arg("-Zbuild-std=std,panic_abort").current_dir(&workspace.root);
                cargo
                    .env("CARGO", "/usr/bin/cargo")
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                // rustup points these at its own compiler.
                cargo.env_remove("LD_LIBRARY_PATH").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTDOC");
                cargo
            }
        };
        // It would replace the flags that .cargo/config.toml gives this target.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo.args(["--target", TARGET, "--target-dir"]).arg(workspace.wasm_target());
        cargo
    }

    /// What was chosen, in words.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Native => "the native toolchain, with its wasm32 target",
            Self::Debian { .. } => "Debian's rustc-web, with std built from source",
        }
    }
}

/// The folder below the wasm target folder in which a profile's artifacts lie.
pub fn artifacts(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace.wasm_target().join(TARGET).join(profile)
}

fn native_has_target() -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    process::output(&mut rustc).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn debian() -> Option<WasmToolchain> {
    let programs = ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/bin/cargo-clippy"];
    let sources = Path::new("/usr/lib/rustlib/src/rust/library/std");
    if !programs.iter().all(|program| Path::new(program).exists()) || !sources.exists() {
        return None;
    }
    // Debian 12 had an older one first; it does not compile this workspace.
    let version = process::output(Command::new("/usr/bin/rustc").arg("--version")).ok()?;
    let mut numbers = version.strip_prefix("rustc ")?.split('.').map(|number| number.parse::<u32>().ok());
    if (numbers.next()??, numbers.next()??) < minimum_version()? {
        return None;
    }
    Some(WasmToolchain::Debian { linker: native_lld().or_else(|| which("rust-lld"))? })
}

/// The workspace's `rust-version`, as major and minor.
fn minimum_version() -> Option<(u32, u32)> {
    let (major, minor) = env!("CARGO_PKG_RUST_VERSION").split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

/// rustup brings a linker for every target along.
fn native_lld() -> Option<PathBuf> {
    let libdir = process::output(Command::new("rustc").args(["--print", "target-libdir"])).ok()?;
    let lld = Path::new(libdir.trim()).parent()?.join("bin/rust-lld");
    lld.exists().then_some(lld)
}

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.exists())
}
