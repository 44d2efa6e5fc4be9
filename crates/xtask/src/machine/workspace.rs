//! Paths: the workspace's root, its target folder, its built artifacts.

use crate::machine::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace that this xtask was built from.
pub struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target folder, as the user's settings define it.
    pub target: PathBuf,
}

/// A crate of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder relative to the root, ending in `/`.
    pub folder: String,
    /// Names of the crates of the workspace that it depends on, including for tests.
    pub uses: Vec<String>,
}

impl Package {
    fn of(metadata: &Value, root: &Path) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata lacks a field");
        let manifest = text(&metadata["manifest_path"])?;
        let folder = Path::new(&manifest).parent().and_then(|folder| folder.strip_prefix(root).ok());
        let folder = folder.context("a crate is outside the workspace's folder")?.to_string_lossy();
        let list = |key: &str| metadata[key].as_array().into_iter().flatten();
        let uses = list("dependencies").filter(|dependency| dependency["path"].is_string());
        Ok(Self {
            name: text(&metadata["name"])?,
            folder: format!("{}/", folder.replace('\\', "/")),
            uses: uses.map(|dependency| text(&dependency["name"])).collect::<Result<_>>()?,
        })
    }
}

impl Workspace {
    /// Reads cargo's metadata.
    pub fn find() -> Result<Self> {
        let metadata = metadata()?;
        let path = |key: &str| -> Result<PathBuf> {
            Ok(metadata[key].as_str().with_context(|| format!("cargo metadata has no {key}"))?.into())
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")? })
    }

    /// Its crates.
    pub fn packages(&self) -> Result<Vec<Package>> {
        let metadata = metadata()?;
        let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
        packages.iter().map(|package| Package::of(package, &self.root)).collect()
    }

    /// `cargo SUBCOMMAND` of the native toolchain, run at the root.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = Command::new(native_cargo());
        cargo.arg(subcommand).current_dir(&self.root);
        cargo
    }

    /// The reference results: `LINNET_REFERENCE`, else the complete set next to the workspace, else the part in the
    /// repository.
    pub fn reference(&self) -> PathBuf {
        let beside = self.root.join("../shared/reference");
        let found = || if beside.is_dir() { beside } else { self.root.join("tests/fixtures") };
        std::env::var_os("LINNET_REFERENCE").map_or_else(found, PathBuf::from)
    }

    /// The target folder for wasm. It is separate, so that the two toolchains do not invalidate each other's builds.
    pub fn wasm_target(&self) -> PathBuf {
        self.target.join("wasm")
    }
}

fn metadata() -> Result<Value> {
    let mut cargo = Command::new(native_cargo());
    cargo.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    Ok(serde_json::from_str(&process::output(&mut cargo)?)?)
}

/// The cargo that started this program, else the one on `PATH`.
fn native_cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
