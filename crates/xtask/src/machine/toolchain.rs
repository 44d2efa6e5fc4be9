//! Selects the Rust toolchain for wasm32: rustup's if it has the standard library's source, else Debian's.
//!
//! The standard library is built from source, once per target folder: threads need one with atomic instructions, which
//! is not distributed for wasm32-unknown-unknown. Cargo's flag for that is unstable, so unstable flags are enabled.

use crate::machine::process;
use crate::machine::programs;
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// For all code of the module. SIMD: every browser with WebGPU has it, and so has every browser since 2021 (Safari:
/// 2023); the package checks this before it loads the module. Atomics: `single_thread` removes them for pages without
/// threads. The page creates the memory, no larger than needed, so the module allows the maximum.
const FLAGS: [&str; 9] = [
    "-Ctarget-feature=+simd128,+atomics,+bulk-memory,+mutable-globals",
    "-Clink-arg=--shared-memory",
    "-Clink-arg=--import-memory",
    "-Clink-arg=--max-memory=4294967296",
    "-Clink-arg=--export=__wasm_init_tls",
    "-Clink-arg=--export=__tls_size",
    "-Clink-arg=--export=__tls_align",
    "-Clink-arg=--export=__tls_base",
    "-Clink-arg=--export=__heap_base",
];
/// For modules of one thread with a memory of their own. 256 MiB hold the largest vocabulary many times, and bound what
/// a hostile schema can use.
const FLAGS_FOR_ONE_THREAD: [&str; 2] = ["-Ctarget-feature=+simd128", "-Clink-arg=--max-memory=268435456"];
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];

/// A Rust toolchain that can compile for wasm32.
pub enum WasmToolchain {
    /// The native toolchain, with the standard library's source installed.
    Native,
    /// Debian's rustc.
    Debian {
        /// The linker `rust-lld`: the native toolchain's, or the one on `PATH`.
        linker: PathBuf,
    },
}

impl WasmToolchain {
    /// Finds or installs a toolchain: first through rustup, then, on Debian, through apt.
    pub fn ensure() -> Result<Self> {
        if native_has_source() {
            return Ok(Self::Native);
        }
        if let Some(debian) = debian() {
            return Ok(debian);
        }
        eprintln!(
            "missing: the source of Rust's standard library, which is compiled into the engine in the page"
        );
        let add = process::run(Command::new("rustup").args(["component", "add", "rust-src"]));
        if add.is_ok() && native_has_source() {
            return Ok(Self::Native);
        }
        if !programs::is_debian() {
            bail!("run: rustup component add rust-src");
        }
        eprintln!("rustup cannot add it here; using Debian's package instead");
        programs::install_debian(&DEBIAN_PACKAGES)?;
        if native_lld().is_none() && process::which("rust-lld").is_none() {
            programs::install_debian(&["rust-web-llvm"])?;
        }
        debian().context("Debian's packages are installed, but they contain no usable compiler for wasm32")
    }

    /// `cargo SUBCOMMAND --target wasm32-unknown-unknown`, at the root, into the wasm target folder.
    pub fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        self.cargo_with(workspace, subcommand, &FLAGS)
    }

    /// The same for modules of one thread, whose memory is their own.
    pub fn cargo_for_one_thread(&self, workspace: &Workspace, subcommand: &str) -> Command {
        self.cargo_with(workspace, subcommand, &FLAGS_FOR_ONE_THREAD)
    }

    fn cargo_with(&self, workspace: &Workspace, subcommand: &str, flags: &[&str]) -> Command {
        let mut cargo = self.with_std(workspace, subcommand);
        if let Self::Debian { linker } = self {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        // They replace the flags for this target in .cargo/config.toml, with which plain cargo compiles for one thread.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        cargo.arg("-Zbuild-std=std,panic_abort");
        cargo.args(["--target", TARGET, "--target-dir"]).arg(workspace.wasm_target());
        cargo
    }

    /// `cargo SUBCOMMAND --target aarch64-unknown-linux-gnu`, at the root, into its own target folder. The programs run
    /// in qemu.
    pub fn cargo_for_arm(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut cargo = self.with_std(workspace, subcommand);
        cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64 -L /usr/aarch64-linux-gnu");
        cargo.args(["-Zbuild-std", "--target", "aarch64-unknown-linux-gnu", "--target-dir"]);
        cargo.arg(workspace.target.join("aarch64"));
        cargo
    }

    /// `cargo SUBCOMMAND` of the toolchain that has the standard library's source.
    fn with_std(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut cargo = match self {
            Self::Native => workspace.cargo(subcommand),
            Self::Debian { .. } => {
                // `cargo clippy` would look for cargo-clippy on the path and find rustup's.
                let program = if subcommand == "clippy" { "/usr/bin/cargo-clippy" } else { "/usr/bin/cargo" };
                let mut cargo = Command::new(program);
                cargo.arg(subcommand).current_dir(&workspace.root);
                cargo.env("CARGO", "/usr/bin/cargo").env("RUSTC", "/usr/bin/rustc");
                // rustup points these at its own compiler.
                cargo.env_remove("LD_LIBRARY_PATH").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTDOC");
                cargo
            }
        };
        cargo.env("RUSTC_BOOTSTRAP", "1");
        cargo
    }

    /// A description of the selected toolchain.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Native => "the native toolchain",
            Self::Debian { .. } => "Debian's rustc-web",
        }
    }
}

/// The folder of a profile's artifacts in the wasm target folder.
pub fn artifacts(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace.wasm_target().join(TARGET).join(profile)
}

fn native_has_source() -> bool {
    let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]));
    sysroot.is_ok_and(|folder| Path::new(folder.trim()).join("lib/rustlib/src/rust/library/std").is_dir())
}

fn debian() -> Option<WasmToolchain> {
    let programs = ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/bin/cargo-clippy"];
    let sources = Path::new("/usr/lib/rustlib/src/rust/library/std");
    if !programs.iter().all(|program| Path::new(program).exists()) || !sources.exists() {
        return None;
    }
    // An earlier package of Debian 12 is too old for this workspace.
    let version = process::output(Command::new("/usr/bin/rustc").arg("--version")).ok()?;
    let mut numbers = version.strip_prefix("rustc ")?.split('.').map(|number| number.parse::<u32>().ok());
    if (numbers.next()??, numbers.next()??) < minimum_version()? {
        return None;
    }
    Some(WasmToolchain::Debian { linker: native_lld().or_else(|| process::which("rust-lld"))? })
}

/// The workspace's `rust-version`, as major and minor.
fn minimum_version() -> Option<(u32, u32)> {
    let (major, minor) = env!("CARGO_PKG_RUST_VERSION").split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

/// rustup includes a linker for every target.
fn native_lld() -> Option<PathBuf> {
    let libdir = process::output(Command::new("rustc").args(["--print", "target-libdir"])).ok()?;
    let lld = Path::new(libdir.trim()).parent()?.join("bin/rust-lld");
    lld.exists().then_some(lld)
}
