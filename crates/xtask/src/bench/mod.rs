//! `cargo xtask bench`: measures Linnet in Chromium and natively, wllama, and llama.cpp on the same files in turns
//! (`tests/browser/bench`), or each kernel alone (`ops`).

pub mod callgrind;
pub mod instructions;
mod ops;

use crate::build;
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use crate::machine::{model, npm, process, programs};
use anyhow::{Result, ensure};
use std::fs;
use std::path::{self, Path, PathBuf};
use std::process::Command;

/// The stored results of a run, relative to the root: a table, JSON and a chart.
const KEPT: [&str; 3] = ["benches/speed.txt", "benches/speed.json", "benches/speed.svg"];

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Measures only each kernel alone, natively and as wasm in Node
    #[arg(
        long,
        conflicts_with_all = [
            "native", "browser", "runs", "wllama_runs", "prompts", "tokens", "threads", "parts", "keep",
        ]
    )]
    ops: bool,
    /// A GGUF file; may be given several times [default: SmolLM2-135M Q4_1 and Gemma 3 270M Q4_K_M; with --ops: the
    /// shapes of SmolLM2 in every block format]
    #[arg(long, value_name = "FILE")]
    model: Vec<PathBuf>,
    /// Measure only the native programs
    #[arg(long, conflicts_with = "browser")]
    native: bool,
    /// Measure only in Chromium
    #[arg(long)]
    browser: bool,
    /// Number of runs; the median is reported
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Number of runs with wllama, which takes ten times as long as the others
    #[arg(long, value_name = "N", default_value = "5")]
    wllama_runs: u32,
    /// Lengths of the prompts, in tokens
    #[arg(long, value_name = "N,N,...", default_value = "40,250,900")]
    prompts: String,
    /// Tokens to decode after each prompt
    #[arg(long, value_name = "N", default_value = "96", value_parser = clap::value_parser!(u32).range(2..))]
    tokens: u32,
    /// Numbers of threads [default: 1 and the number of cores, at most 8]
    #[arg(long, value_name = "N,N,...")]
    threads: Option<String>,
    /// What to measure: prefill and decode, decode with a long context, loading and memory
    #[arg(long, value_name = "PART,...", default_value = "speed,context,load")]
    parts: String,
    /// Write the results as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write table, JSON and chart to benches/speed.*
    #[arg(long, conflicts_with = "json")]
    keep: bool,
}

/// Builds and measures everything, and prints the tables.
pub fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    if options.ops {
        return run_ops(&workspace, options);
    }
    let node =
        if options.native { vec![&programs::NODE] } else { vec![&programs::NODE, &programs::CHROMIUM] };
    programs::ensure(&node)?;
    let models = if options.model.is_empty() {
        vec![model::ensure_default(&workspace)?, model::ensure_gemma(&workspace)?]
    } else {
        options.model.clone()
    };
    // The browser's part shares helpers with the tests, which need the built page.
    build::build(&workspace, &WasmToolchain::ensure()?)?;
    let mut node = Command::new("node");
    node.arg(workspace.root.join("tests/browser/bench/run.mjs"));
    for model in &models {
        ensure!(model.is_file(), "there is no {}", model.display());
        node.arg("--model").arg(path::absolute(model)?);
    }
    if options.native {
        node.arg("--no-browser");
    }
    if !options.browser {
        node.arg("--linnet").arg(build::native(&workspace)?);
        if let Some(peer) = process::which("llama-bench") {
            node.arg("--llama-bench").arg(peer);
        }
    }
    let cores = std::thread::available_parallelism()?.get().min(8);
    let threads = if cores > 1 { format!("1,{cores}") } else { "1".to_owned() };
    for (option, value) in [
        ("--threads", options.threads.as_ref().unwrap_or(&threads)),
        ("--runs", &options.runs.to_string()),
        ("--wllama-runs", &options.wllama_runs.to_string()),
        ("--prompts", &options.prompts),
        ("--tokens", &options.tokens.to_string()),
        ("--parts", &options.parts),
    ] {
        node.arg(option).arg(value);
    }
    if options.keep {
        for (option, file) in ["--text", "--json", "--svg"].iter().zip(KEPT) {
            node.arg(option).arg(workspace.root.join(file));
        }
    } else if let Some(json) = &options.json {
        node.arg("--json").arg(path::absolute(json)?);
    }
    process::run(&mut node)
}

fn run_ops(workspace: &Workspace, options: &Options) -> Result<()> {
    programs::ensure(&[&programs::NODE])?;
    npm::install(workspace)?;
    let (linnet, toolchain) = (build::native(workspace)?, WasmToolchain::ensure()?);
    let modules = ops::Modules::make(workspace, &toolchain)?;
    let models: Vec<Option<&Path>> = match &options.model[..] {
        [] => vec![None],
        models => models.iter().map(|model| Some(model.as_path())).collect(),
    };
    let mut reports = Vec::new();
    for model in models {
        reports.extend(ops::run(&modules, &linnet, model)?);
    }
    if let Some(json) = &options.json {
        fs::write(json, format!("{:#}\n", serde_json::Value::Array(reports)))?;
    }
    Ok(())
}
