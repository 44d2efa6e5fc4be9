//! Where things are: the workspace's root, its target folder, its built artifacts.

use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// The workspace that this xtask was built from.
pub struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target folder, wherever the user's settings put it.
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub fn find() -> Result<Self> {
        let mut cargo = Command::new(native_cargo());
        cargo.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]);
        cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let metadata: Value = serde_json::from_str(&process::output(&mut cargo)?)?;
        let path = |key: &str| -> Result<PathBuf> {
            Ok(metadata[key].as_str().with_context(|| format!("cargo metadata without {key}"))?.into())
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")? })
    }

    /// `cargo SUBCOMMAND` of the native toolchain, run at the root.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = Command::new(native_cargo());
        cargo.arg(subcommand).current_dir(&self.root);
        cargo
    }

    /// The reference results: the variable `LINNET_REFERENCE`, else the whole set beside the workspace, else the part in it.
    pub fn reference(&self) -> PathBuf {
        let beside = self.root.join("../shared/reference");
        let found = || if beside.is_dir() { beside } else { self.root.join("tests/fixtures") };
        std::env::var_os("LINNET_REFERENCE").map_or_else(found, PathBuf::from)
    }

    /// The target folder of everything compiled to wasm. Its own, so that neither toolchain undoes the other's work.
    pub fn wasm_target(&self) -> PathBuf {
        self.target.join("wasm")
    }
}

/// The cargo that started this program, else the one on the path.
fn native_cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
