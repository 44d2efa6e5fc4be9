//! `cargo xtask instructions`: how many instructions the native engine spends on a token, counted by callgrind.
//!
//! Unlike a time, the count does not depend on other load, so a regression of a few percent is visible. It does not
//! include waiting for memory or for other threads.

use crate::bench::callgrind::Profile;
use crate::machine::workspace::Workspace;
use crate::machine::{model, process, programs};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tokens of the prompt.
const PROMPT: usize = 8;
/// Two runs decode this many tokens and twice as many. Their difference is the cost of the second half.
const TOKENS: usize = 8;
/// Number of functions to print and store.
const FUNCTIONS: usize = 12;
/// Growth in percent at which the command fails.
const TOLERANCE: f64 = 2.0;
/// The file with the last result, relative to the root.
const KEPT: &str = "benches/instructions.json";

/// What to do with the count.
#[derive(clap::Args)]
pub struct Options {
    /// Keep the new figure instead of comparing with the old one
    #[arg(long)]
    update: bool,
}

/// Counts, prints, and compares with the stored result; an error if the count has grown.
pub fn run(options: &Options) -> Result<()> {
    programs::ensure(&[&programs::VALGRIND])?;
    let workspace = Workspace::find()?;
    let model = model::ensure_default(&workspace)?;
    let linnet = build_named(&workspace)?;
    let counted = count(&workspace, &linnet, &model)?;
    print(&counted)?;
    let kept = workspace.root.join(KEPT);
    if options.update {
        fs::write(&kept, format!("{counted:#}\n"))?;
        println!("kept in {KEPT}");
        return Ok(());
    }
    let before =
        fs::read_to_string(&kept).with_context(|| format!("{KEPT} is missing: create it with --update"))?;
    let before = serde_json::from_str(&before).with_context(|| format!("{KEPT} is not valid JSON"))?;
    let verdict = compare(&before, &counted)?;
    println!("{verdict}");
    Ok(())
}

/// Builds the release binary with symbol names that distinguish the instances of generic functions, since each kernel
/// is one. It uses its own target folder, so that other builds stay valid.
fn build_named(workspace: &Workspace) -> Result<PathBuf> {
    let target = workspace.target.join("instructions");
    let mut cargo = workspace.cargo("build");
    cargo.args(["--release", "--package", "linnet-cli", "--bin", "linnet", "--target-dir"]).arg(&target);
    process::run(cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Csymbol-mangling-version=v0"))?;
    Ok(target.join("release/linnet"))
}

/// Decodes twice under callgrind: the difference of the runs excludes loading and prefill.
fn count(workspace: &Workspace, linnet: &Path, model: &Path) -> Result<Value> {
    let folder = workspace.target.join("instructions");
    let profile = |tokens: usize| -> Result<(Profile, Value)> {
        let file = folder.join(format!("{tokens}.out"));
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--tool=callgrind", "--dump-line=no"]);
        valgrind.arg(format!("--callgrind-out-file={}", file.display()));
        valgrind.arg(linnet).arg("bench").arg(model).args(["--threads", "1", "--runs", "1", "--json"]);
        valgrind.args(["--prompt-tokens", &PROMPT.to_string(), "--tokens", &tokens.to_string()]);
        eprintln!("$ {}", process::display(&valgrind));
        let told = serde_json::from_str(&process::output(&mut valgrind)?)?;
        Ok((Profile::parse(&fs::read_to_string(file)?)?, told))
    };
    let ((few, told), (many, _)) = (profile(TOKENS)?, profile(2 * TOKENS)?);
    let decoded = many.minus(&few);
    let per_token = |count: u64| (count as f64 / TOKENS as f64).round() as u64;
    let functions: Vec<Value> =
        decoded.top(FUNCTIONS).map(|(name, count)| json!([name, per_token(count)])).collect();
    let compiler = process::output(Command::new("rustc").arg("--version"))?;
    Ok(json!({
        "what": format!(
            "instructions per token, natively with one thread: tokens {} to {} after a prompt of {PROMPT}",
            TOKENS + 1, 2 * TOKENS,
        ),
        "model": model.file_name().unwrap_or_default().to_string_lossy(),
        "features": told["features"],
        "compiler": compiler.trim(),
        "per_token": per_token(decoded.total()),
        "functions": functions,
    }))
}

fn print(counted: &Value) -> Result<()> {
    println!("{}, {}", text(&counted["what"]), text(&counted["model"]));
    let sum = per_token(counted)?;
    println!("{sum:>12}  100.0 %  {} {}", counted["features"], text(&counted["compiler"]));
    for function in counted["functions"].as_array().context("no functions")? {
        let count = function[1].as_u64().context("a function without a count")?;
        println!("{count:>12}  {:>5.1} %  {}", count as f64 * 100.0 / sum as f64, text(&function[0]));
    }
    Ok(())
}

/// Compares the new result with the old one. An error if it has grown too much, or if they measure different things.
fn compare(before: &Value, now: &Value) -> Result<String> {
    for what in ["what", "model", "features"] {
        if before[what] != now[what] {
            bail!(
                "{KEPT} is for {}, and this run is for {}: they cannot be compared",
                before[what],
                now[what]
            );
        }
    }
    let (old, new) = (per_token(before)?, per_token(now)?);
    let growth = (new as f64 / old as f64 - 1.0) * 100.0;
    if growth > TOLERANCE {
        bail!("{new} instructions per token are {growth:.1} % more than the {old} in {KEPT}");
    }
    let hint = if growth < -TOLERANCE { "; cargo xtask instructions --update keeps it" } else { "" };
    Ok(format!("{growth:+.2} % compared with the {old} in {KEPT}{hint}"))
}

fn per_token(counted: &Value) -> Result<u64> {
    counted["per_token"]
        .as_u64()
        .filter(|count| *count > 0)
        .context("the result has no instructions per token")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::compare;
    use serde_json::json;

    #[test]
    fn more_than_two_percent_more_is_an_error() {
        let of = |count: u64| json!({ "what": "w", "model": "m", "features": ["avx2"], "per_token": count });
        assert!(compare(&of(1000), &of(1019)).unwrap().starts_with("+1.90 %"));
        assert!(compare(&of(1000), &of(1021)).is_err());
        assert!(compare(&of(1000), &of(900)).unwrap().contains("--update"));
        assert!(compare(&of(0), &of(900)).is_err());
    }

    #[test]
    fn counts_of_different_things_are_not_compared() {
        let of = |feature: &str| json!({ "what": "w", "model": "m", "features": [feature], "per_token": 1 });
        assert!(compare(&of("avx2"), &of("portable")).is_err());
    }
}
