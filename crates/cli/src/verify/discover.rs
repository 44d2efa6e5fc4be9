//! Finds reference cases by the layout of their files; no model name is hard-coded.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::golden::{Golden, json};
use crate::failure::Failure;

/// Maximum depth of nested folders.
const MAX_DEPTH: usize = 8;

/// A set of cases that share files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A published model: the folder of its index, and one of its files if only that was given.
    Real(PathBuf, Option<String>),
    /// A folder with `model.gguf` and `golden.safetensors`.
    Tiny(PathBuf),
    /// `model_TYPE.gguf` and `golden_TYPE.safetensors`: their folder and TYPE.
    Quant(PathBuf, String),
    /// `TYPE.safetensors` with encoded bytes and their values.
    Dequant(PathBuf),
    /// A vocabulary with `.inp` and `.out` files next to it.
    Vocabulary(PathBuf),
    /// Texts with their tokens.
    Strings(PathBuf),
    /// `NAME.json` with the prompts that `NAME.jinja` renders.
    Template(PathBuf),
    /// `FAMILY.json` with requests and their prompts.
    Chat(PathBuf),
    /// Tool loops and their prompts by several templates.
    Loops(PathBuf),
    /// JSON schemas, grammars or expressions, and texts or tokens that fit them.
    Constraint(Constraints, PathBuf),
}

/// What a file judges constraints with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraints {
    /// Schemas as applications write them, and values.
    Schemas,
    /// A file of the JSON-Schema-Test-Suite.
    Suite,
    /// Schemas that must be refused or bounded.
    Hostile,
    /// llama.cpp's grammars, and texts.
    Gbnf,
    /// JavaScript's expressions, and texts.
    Expressions,
    /// Sets of next tokens.
    Masks,
}

/// All cases under `path`, which may be a folder at any level or a single file, sorted by path.
///
/// # Errors
/// When `path` or a folder in it cannot be read.
pub fn discover(path: &Path) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    let metadata = fs::metadata(path).map_err(Failure::file(path))?;
    if metadata.is_dir() {
        walk(path, MAX_DEPTH, &mut found).map_err(Failure::file(path))?;
    } else {
        found.extend(classify(path));
    }
    Ok(without_duplicates(found))
}

/// Removes duplicates; a single file of a published model is part of the whole model.
pub fn without_duplicates(found: Vec<Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for case in &found {
        let whole = match case {
            Found::Real(folder, Some(_)) => found.contains(&Found::Real(folder.clone(), None)),
            _ => false,
        };
        if !whole && !kept.contains(case) {
            kept.push(case.clone());
        }
    }
    kept
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<Found>) -> io::Result<()> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, found)?;
            }
        } else {
            found.extend(classify(&path));
        }
    }
    Ok(())
}

/// The cases that a file belongs to.
fn classify(path: &Path) -> Vec<Found> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    match (stem, extension) {
        ("index", "json") => index(&folder),
        ("meta", "json") | ("golden", "safetensors") | ("model", "gguf") => {
            let complete = folder.join("model.gguf").is_file() && folder.join("golden.safetensors").is_file();
            complete.then_some(Found::Tiny(folder)).into_iter().collect()
        }
        (_, "safetensors") => {
            quant(&folder, stem).or_else(|| safetensors(path, &folder, &name)).into_iter().collect()
        }
        (_, "gguf") => quant(&folder, stem).or_else(|| vocabulary(path)).into_iter().collect(),
        (_, "inp" | "out") => vocabulary(&path.with_extension("")).into_iter().collect(),
        (_, "json") => of_json(path).into_iter().collect(),
        (_, "jinja") => of_json(&path.with_extension("json")).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// `model_TYPE.gguf` and `golden_TYPE.safetensors`, given one of them, if both exist.
fn quant(folder: &Path, stem: &str) -> Option<Found> {
    let dtype = stem.strip_prefix("golden_").or_else(|| stem.strip_prefix("model_"))?;
    let files = [format!("model_{dtype}.gguf"), format!("golden_{dtype}.safetensors")];
    files.iter().all(|f| folder.join(f).is_file()).then(|| Found::Quant(folder.to_owned(), dtype.to_owned()))
}

/// The cases listed in a folder's `index.json`, if there is one.
fn index(folder: &Path) -> Vec<Found> {
    let path = folder.join("index.json");
    if !path.is_file() {
        return Vec::new();
    }
    match json(&path) {
        Ok(Value::Object(index)) if index.contains_key("prompts") => {
            vec![Found::Real(folder.to_owned(), None)]
        }
        Ok(Value::Object(index)) => {
            let types = index.get("types").and_then(Value::as_array).into_iter().flatten();
            types
                .filter(|entry| entry.get("golden").is_some())
                .filter_map(|entry| {
                    Some(Found::Quant(folder.to_owned(), entry.get("type")?.as_str()?.to_owned()))
                })
                .collect()
        }
        Ok(Value::Array(formats)) => formats
            .iter()
            .filter(|entry| entry.get("block_bytes").is_some())
            .filter_map(|entry| {
                Some(Found::Dequant(folder.join(format!("{}.safetensors", entry.get("type")?.as_str()?))))
            })
            .collect(),
        Ok(_) => Vec::new(),
        // Running the case reports what is wrong with it.
        Err(_) => vec![Found::Real(folder.to_owned(), None)],
    }
}

fn safetensors(path: &Path, folder: &Path, name: &str) -> Option<Found> {
    if index(folder).contains(&Found::Real(folder.to_owned(), None)) {
        return Some(Found::Real(folder.to_owned(), Some(name.to_owned())));
    }
    // Running the case reports an unreadable file.
    let is_dequant = Golden::open(path)
        .and_then(|golden| golden.names())
        .map_or(true, |names| ["bytes", "values"].iter().all(|wanted| names.iter().any(|n| n == wanted)));
    is_dequant.then(|| Found::Dequant(path.to_owned()))
}

fn vocabulary(gguf: &Path) -> Option<Found> {
    let beside = |extension: &str| {
        let mut name = gguf.as_os_str().to_owned();
        name.push(extension);
        Path::new(&name).is_file()
    };
    (gguf.is_file() && beside(".inp") && beside(".out")).then(|| Found::Vocabulary(gguf.to_owned()))
}

fn of_json(path: &Path) -> Option<Found> {
    let content = match json(path) {
        Ok(Value::Object(content)) => content,
        Ok(Value::Array(list)) => {
            let kind = match list.first()? {
                Value::Object(first) if first.contains_key("schema_text") => Constraints::Hostile,
                Value::Object(first) if !["schema", "tests"].iter().all(|key| first.contains_key(*key)) => {
                    return None;
                }
                Value::Object(first) if first.contains_key("keywords") => Constraints::Schemas,
                Value::Object(first) if first.contains_key("description") => Constraints::Suite,
                _ => return None,
            };
            return Some(Found::Constraint(kind, path.to_owned()));
        }
        _ => return None,
    };
    let has = |keys: [&str; 2]| keys.iter().all(|key| content.contains_key(*key));
    if has(["template", "render"]) {
        return Some(Found::Chat(path.to_owned()));
    }
    if has(["families", "loops"]) {
        return Some(Found::Loops(path.to_owned()));
    }
    for (keys, kind) in [
        (["grammars", "invalid_or_hostile"], Constraints::Gbnf),
        (["regexes", "refused_or_hostile"], Constraints::Expressions),
        (["vocabulary", "pairs"], Constraints::Masks),
    ] {
        if has(keys) {
            return Some(Found::Constraint(kind, path.to_owned()));
        }
    }
    if !content.contains_key("cases") {
        return None;
    }
    if content.contains_key("tokenizer") {
        return Some(Found::Strings(path.to_owned()));
    }
    content.contains_key("template").then(|| Found::Template(path.to_owned()))
}
