//! Checks the licences of all dependencies (Rust crates, npm packages, listed models) against the list in `deny.toml`,
//! and writes the notices with their texts that are shipped with the package and the site.
//!
//! This is our own check because `cargo deny` takes longer to compile than most of the tests, and does not read npm
//! packages.

use crate::build::wasm::PageCrate;
use crate::machine::process;
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Further licences allowed for build tools whose code is not shipped: a bundler's CSS parser, browser table and file
/// reader.
const TOOLS_ONLY: [&str; 3] = ["MPL-2.0", "CC-BY-4.0", "BlueOak-1.0.0"];

/// Fails with the list of dependencies whose licences are not allowed.
pub fn check(workspace: &Workspace) -> Result<()> {
    let allowed = allowed(&fs::read_to_string(workspace.root.join("deny.toml"))?)?;
    let mut tools = allowed.clone();
    for licence in TOOLS_ONLY {
        tools.push(requirement(licence)?);
    }
    let mut refused = Vec::new();
    let mut count = 0;
    let mut judge = |what: String, licence: Option<&str>, allowed: &[LicenseReq]| {
        count += 1;
        if !licence.is_some_and(|licence| satisfies(licence, allowed)) {
            refused.push(format!("{what}: {}", licence.unwrap_or("no licence is named")));
        }
    };
    for package in crates(workspace, &[])? {
        let what = format!("crate {} {}", package.name, package.version);
        judge(what.clone(), package.licence.as_deref(), &allowed);
        if package
            .source
            .is_some_and(|source| !source.starts_with("registry+") && !source.starts_with("sparse+"))
        {
            bail!("{what} is not from a registry");
        }
    }
    let lock: Value = serde_json::from_str(&fs::read_to_string(workspace.root.join("package-lock.json"))?)?;
    for (path, package) in lock["packages"].as_object().context("package-lock.json without packages")? {
        // All other entries are our own folders and links to them.
        if path.contains("node_modules/") && package["link"] != true {
            let allowed = if package["dev"] == true { &tools } else { &allowed };
            judge(format!("npm package {path}"), package["license"].as_str(), allowed);
        }
    }
    let models: Value =
        serde_json::from_str(&fs::read_to_string(workspace.root.join("web/src/models/models.json"))?)?;
    for model in models.as_array().context("web/src/models/models.json is not a list")? {
        judge(format!("model {}", model["id"]), model["license"].as_str(), &allowed);
    }
    if !refused.is_empty() {
        bail!("licences that deny.toml does not allow:\n{}", refused.join("\n"));
    }
    println!("{count} crates, packages and models have licences that deny.toml allows");
    Ok(())
}

/// Names, versions, licences and licence texts of the crates that the page's modules contain.
pub fn notices(workspace: &Workspace) -> Result<String> {
    let target = ["--filter-platform", "wasm32-unknown-unknown"];
    let mut text = String::from(
        "Linnet is licensed under MIT OR Apache-2.0. Its WebAssembly modules contain the following Rust crates.\n",
    );
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in
        crates(workspace, &target)?.iter().filter(|package| package.shipped && package.source.is_some())
    {
        let licence = package.licence.as_deref().unwrap_or("no licence is named");
        writeln!(text, "{} {} ({licence})", package.name, package.version)?;
        for licence_text in licence_texts(&package.folder)? {
            texts.entry(licence_text).or_default().push(package.name.clone());
        }
    }
    for (licence_text, names) in texts {
        write!(text, "\n{}\n{}:\n\n{}\n", "-".repeat(80), names.join(", "), licence_text.trim_end())?;
    }
    Ok(text)
}

struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    /// `None` for the crates of this workspace.
    source: Option<String>,
    folder: std::path::PathBuf,
    /// The crates linked into the page's modules: their normal dependencies, except procedural macros.
    shipped: bool,
}

fn crates(workspace: &Workspace, more: &[&str]) -> Result<Vec<Package>> {
    let mut cargo = workspace.cargo("metadata");
    let metadata: Value =
        serde_json::from_str(&process::output(cargo.args(["--format-version=1"]).args(more))?)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let is_macro =
        |package: &Value| list(&package["targets"]).iter().any(|target| target["kind"][0] == "proc-macro");
    let macros: BTreeSet<&str> =
        packages.iter().filter(|p| is_macro(p)).filter_map(|p| p["id"].as_str()).collect();

    let nodes = list(&metadata["resolve"]["nodes"]);
    let nodes: BTreeMap<&str, &Value> =
        nodes.iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let mut shipped = BTreeSet::new();
    let is_root = |package: &&Value| PageCrate::ALL.iter().any(|part| package["name"] == part.package());
    let mut next: Vec<&str> =
        packages.iter().filter(is_root).filter_map(|package| package["id"].as_str()).collect();
    while let Some(id) = next.pop() {
        if macros.contains(id) || !shipped.insert(id) {
            continue;
        }
        let dependencies = nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let normal = dependencies.filter(|dependency| {
            dependency["dep_kinds"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
        });
        next.extend(normal.filter_map(|dependency| dependency["pkg"].as_str()));
    }

    let text = |value: &Value| value.as_str().map(str::to_owned);
    let described = packages.iter().map(|package| {
        let folder = package["manifest_path"].as_str().and_then(|path| Path::new(path).parent());
        Ok(Package {
            name: text(&package["name"]).context("a crate without a name")?,
            version: text(&package["version"]).context("a crate without a version")?,
            licence: text(&package["license"]),
            source: text(&package["source"]),
            folder: folder.context("a crate without a manifest")?.to_owned(),
            shipped: package["id"].as_str().is_some_and(|id| shipped.contains(id)),
        })
    });
    described.collect()
}

/// The files of a crate with licence texts and notices.
fn licence_texts(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let is_text = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_text && entry.file_type()?.is_file() {
            texts.push(String::from_utf8_lossy(&fs::read(entry.path())?).replace("\r\n", "\n"));
        }
    }
    texts.sort();
    Ok(texts)
}

/// The `[licenses] allow` of a `deny.toml`.
fn allowed(deny: &str) -> Result<Vec<LicenseReq>> {
    let deny: toml::Table = deny.parse().context("deny.toml")?;
    let list =
        deny.get("licenses").and_then(|licenses| licenses.get("allow")).and_then(toml::Value::as_array);
    let list = list.context("deny.toml without [licenses] allow")?;
    list.iter().map(|name| requirement(name.as_str().context("a licence that is not a string")?)).collect()
}

fn requirement(name: &str) -> Result<LicenseReq> {
    let expression = Expression::parse(name).with_context(|| format!("`{name}` is not an SPDX licence"))?;
    let found = expression.requirements().next().map(|requirement| requirement.req.clone());
    found.with_context(|| format!("`{name}` does not name a licence"))
}

/// Whether these licences satisfy an SPDX expression.
fn satisfies(licence: &str, allowed: &[LicenseReq]) -> bool {
    // Old crates write `MIT/Apache-2.0`.
    Expression::parse_mode(licence, ParseMode::LAX)
        .is_ok_and(|expression| expression.evaluate(|wanted| allowed.contains(wanted)))
}

#[cfg(test)]
mod tests {
    use super::{allowed, satisfies};

    #[test]
    fn expressions_are_held_to_the_list() {
        let list = allowed("[licenses]\nallow = [\"MIT\", \"Apache-2.0 WITH LLVM-exception\"]").unwrap();
        for held in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "Apache-2.0 WITH LLVM-exception AND MIT"] {
            assert!(satisfies(held, &list), "{held}");
        }
        for refused in ["Apache-2.0", "GPL-3.0-only", "MIT AND Zlib", "SEE LICENSE IN x", ""] {
            assert!(!satisfies(refused, &list), "{refused}");
        }
    }

    #[test]
    fn a_list_with_an_unknown_licence_is_an_error() {
        assert!(allowed("[licenses]\nallow = [\"MTI\"]").is_err());
        assert!(allowed("[licenses]").is_err());
    }
}
