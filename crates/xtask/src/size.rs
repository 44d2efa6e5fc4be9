//! `cargo xtask size`: what a page loads before the model, raw and compressed, and the size of each crate in the wasm.

use crate::build::{self, wasm::PageCrate};
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use crate::machine::{process, programs};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmparser::{KnownCustom, Name, Parser, Payload};

/// Maximum number of bytes, under brotli, that a page may load before the model.
const LIMIT: u64 = 911_000;

/// How the name of the module begins that a page fetches with its first answer of a given form.
const CONSTRAINT: &str = "constraint_bg";
/// Maximum number of bytes of it, under brotli.
const CONSTRAINT_LIMIT: u64 = 500_000;

/// The kinds of pages, and the prefixes of the files that each does not load before the model, besides [`CONSTRAINT`].
const PAGES: [(&str, &[&str]); 4] = [
    ("what a page loads", &["linnet_threads_bg", "linnet_relaxed", "thread-"]),
    ("what an isolated page loads", &["linnet_bg", "linnet_relaxed"]),
    ("with relaxed SIMD", &["linnet_bg", "linnet_threads_bg", "linnet_relaxed_threads_bg", "thread-"]),
    ("with relaxed SIMD, isolated", &["linnet_bg", "linnet_threads_bg", "linnet_relaxed_bg"]),
];

/// Node has both compressors: `[path, raw, gzip, brotli]` for each argument.
const COMPRESS: &str = "const z = require('node:zlib'), { readFileSync } = require('node:fs');
console.log(JSON.stringify(process.argv.slice(1).map((path) => {
  const raw = readFileSync(path);
  return [path, raw.length, z.gzipSync(raw, { level: 9 }).length, z.brotliCompressSync(raw).length];
})));";

/// What to print.
#[derive(clap::Args)]
pub struct Options {
    /// Print only the totals of the last build; fail above the limits under brotli
    #[arg(long)]
    check: bool,
}

/// Builds (unless `--check` is given) and prints the sizes.
pub fn run(options: &Options) -> Result<()> {
    programs::ensure(&[&programs::NODE])?;
    let workspace = Workspace::find()?;
    if options.check {
        return check(&workspace);
    }
    let toolchain = WasmToolchain::ensure()?;
    build::build(&workspace, &toolchain)?;
    let within = check(&workspace);

    for part in PageCrate::ALL {
        // The same module, optimized in the same way, but with names.
        let compiled = part.compile(&workspace, &toolchain)?;
        let bound = part.bound(&workspace);
        part.bind(&compiled, &bound)?;
        let named = workspace.wasm_target().join("named.wasm");
        part.make(&workspace, &bound, &named, &["--debuginfo"])?;
        let (rows, sum) = by_crate(&fs::read(named)?)?;
        println!("\n{:>10} {:>6}  wasm of {}", "bytes", "%", part.module());
        for (name, bytes) in rows {
            println!("{bytes:>10} {:>6.1}  {name}", bytes as f64 * 100.0 / sum as f64);
        }
    }
    within
}

/// Prints the sizes of scripts, styles, pages and wasm in `www/dist`; an error if they exceed the limit.
pub fn check(workspace: &Workspace) -> Result<()> {
    let dist = workspace.root.join("www/dist");
    let mut files = Vec::new();
    collect(&dist, &mut files)
        .with_context(|| format!("{} is missing: run cargo xtask build", dist.display()))?;
    // Guides do not load the engine, and no page loads a guide.
    files.retain(|path| !path.starts_with(dist.join("docs")));
    files.sort();
    let sizes = process::output(Command::new("node").args(["-e", COMPRESS]).args(&files))?;
    let sizes: Vec<(PathBuf, u64, u64, u64)> = serde_json::from_str::<Vec<Value>>(&sizes)?
        .iter()
        .map(|row| {
            let number = |at: usize| row[at].as_u64().context("node printed no number");
            Ok((
                PathBuf::from(row[0].as_str().context("node printed no path")?),
                number(1)?,
                number(2)?,
                number(3)?,
            ))
        })
        .collect::<Result<_>>()?;
    println!("{:>10} {:>10} {:>10}", "raw", "gzip", "brotli");
    for (path, raw, gzip, brotli) in &sizes {
        println!("{raw:>10} {gzip:>10} {brotli:>10}  {}", path.strip_prefix(&dist).unwrap_or(path).display());
    }
    let sum = |loads: &dyn Fn(&str) -> bool| {
        let mut sum = (0, 0, 0);
        for (path, raw, gzip, brotli) in &sizes {
            if path.file_name().is_some_and(|name| loads(&name.to_string_lossy())) {
                sum = (sum.0 + raw, sum.1 + gzip, sum.2 + brotli);
            }
        }
        sum
    };
    let constraint = ("what an answer of a given form loads", sum(&|name| name.starts_with(CONSTRAINT)));
    let pages = PAGES.map(|(page, unloaded)| {
        let loads = |name: &str| !unloaded.iter().any(|begin| name.starts_with(begin));
        (page, sum(&|name| loads(name) && !name.starts_with(CONSTRAINT)))
    });
    let mut within = true;
    let limited = pages.map(|page| (page, LIMIT)).into_iter().chain([(constraint, CONSTRAINT_LIMIT)]);
    for ((what, (raw, gzip, brotli)), limit) in limited {
        println!("{raw:>10} {gzip:>10} {brotli:>10}  {what}, of at most {limit} under brotli");
        within &= (1..=limit).contains(&brotli);
    }
    if within { Ok(()) } else { bail!("a page loads more than the limit under brotli") }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|kind| ["html", "js", "css", "wasm"].iter().any(|known| kind == *known))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Bytes of code by crate and of data, largest first, and their sum.
fn by_crate(module: &[u8]) -> Result<(Vec<(String, u64)>, u64)> {
    let mut imports = 0;
    let mut bodies: Vec<u64> = Vec::new();
    let mut names: BTreeMap<u32, String> = BTreeMap::new();
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len() as u64),
            Payload::DataSection(section) => {
                *sizes.entry("(data)".into()).or_default() += section.range().len() as u64
            }
            Payload::CustomSection(section) => {
                let KnownCustom::Name(subsections) = section.as_known() else { continue };
                for subsection in subsections {
                    let Name::Function(functions) = subsection? else { continue };
                    for function in functions {
                        let function = function?;
                        names.insert(function.index, function.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    for (index, bytes) in (imports..).zip(bodies) {
        let name = names.get(&index).map_or("(no name)", String::as_str);
        *sizes.entry(crate_of(name)).or_default() += bytes;
    }
    let sum = sizes.values().sum();
    let mut rows: Vec<_> = sizes.into_iter().collect();
    rows.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok((rows, sum))
}

/// The crate of a function: for `<T as Trait>::f` the type's crate, or the trait's if the type has none.
fn crate_of(symbol: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let mut rest = name.as_str();
    loop {
        rest = rest.trim_start_matches(['<', '&', '*', '(', '[']);
        let word: &str = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest);
        let after = &rest[word.len()..];
        if after.starts_with("::") && !word.is_empty() {
            return word.to_owned();
        }
        // A primitive, a slice, `dyn`, `mut`: look at what follows.
        match after.find(|c: char| c.is_alphanumeric() || c == '_') {
            Some(next) => rest = &after[next..],
            None => return "(no crate)".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::crate_of;

    #[test]
    fn a_function_belongs_to_the_crate_that_its_name_begins_in() {
        assert_eq!(crate_of("linnet_cpu::matmul::run::h0123456789abcdef"), "linnet_cpu");
        assert_eq!(crate_of("<regex_automata::dfa::Dfa as core::fmt::Debug>::fmt"), "regex_automata");
        assert_eq!(crate_of("<&mut serde_json::Deserializer<R> as serde::Deserializer>::f"), "serde_json");
        assert_eq!(crate_of("<[u8] as alloc::slice::Join>::join"), "alloc");
        assert_eq!(crate_of("<u32 as core::fmt::Display>::fmt"), "core");
        assert_eq!(crate_of("__wbindgen_malloc"), "(no crate)");
    }
}
