//! `cargo xtask bench --ops`: measures each kernel alone, natively and as wasm in Node, with and without relaxed SIMD,
//! and the machine's read bandwidth.
//!
//! All of them run the same source, `linnet-bench`; the modules are built like the page's.

use crate::build::wasm::{self, Kind, PageCrate};
use crate::machine::process;
use crate::machine::toolchain::{self, WasmToolchain};
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The script that measures in Node. Its arguments are the module and the number of additional threads.
const DRIVER: &str = r#"
import { readFileSync } from 'node:fs';
import { exit, versions } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { initSync, measure } from './linnet.js';

// In these versions relaxed SIMD is experimental.
if (parseInt(versions.node) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
const [file, workers] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(new URL(file, import.meta.url)));
const shared = Number(workers) > 0 ? { maximum: 65536, shared: true } : {};
const memory = new WebAssembly.Memory({ initial: 64, ...shared });
initSync({ module, memory });
await Promise.all(Array.from({ length: Number(workers) }, () => {
  const worker = new Worker(new URL('thread.js', import.meta.url), { workerData: { module, memory } });
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}));
const report = measure(readFileSync(new URL('cases.json', import.meta.url), 'utf8'));
process.stdout.write(report, () => exit(0));
"#;

/// A thread of the pool.
const THREAD: &str = r#"
import { parentPort, workerData } from 'node:worker_threads';
import { initSync, takeSlot, work } from './linnet.js';

initSync(workerData);
const slot = takeSlot();
parentPort.postMessage('ready');
work(slot);
"#;

/// A row of a table: a label, then the speed of each column.
type Row = (String, Vec<f64>);

/// Measures with the shapes of a model, or with the default ones, with one thread and with all of them. Prints tables
/// and returns the reports.
pub fn run(modules: &Modules, linnet: &Path, model: Option<&Path>) -> Result<Vec<Value>> {
    let cores = std::thread::available_parallelism()?.get().min(8);
    let mut reports = Vec::new();
    for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
        eprintln!("kernels, native, {threads} of {cores} threads");
        let mut command = Command::new(linnet);
        command.args(["bench", "--ops", "--json", "--threads", &threads.to_string()]).args(model);
        let native: Value = serde_json::from_str(&process::output(&mut command)?)?;
        let measure = |relaxed| {
            let kind = Kind { threads: threads > 1, relaxed };
            eprintln!("kernels, {}, {threads} of {cores} threads", kind.file());
            modules.measure(&native["cases"], kind, threads)
        };
        let (wasm, relaxed) = (measure(false)?, measure(true)?);
        if let Some(model) = model {
            println!("\n{}", model.display());
        }
        print(threads, &[&native, &wasm, &relaxed])?;
        let model = model.map(|model| model.display().to_string());
        let reported =
            json!({ "model": model, "threads": threads, "native": native, "wasm": wasm, "relaxed": relaxed });
        reports.push(reported);
    }
    Ok(reports)
}

/// The example `ops` of `linnet-bench`, built like the page's modules.
pub struct Modules {
    folder: PathBuf,
}

impl Modules {
    /// Compiles and optimizes them.
    pub fn make(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<Self> {
        let mut cargo = toolchain.cargo(workspace, "build");
        process::run(cargo.args([
            "--package",
            "linnet-bench",
            "--example",
            "ops",
            "--profile",
            wasm::PROFILE,
        ]))?;
        let compiled = toolchain::artifacts(workspace, wasm::PROFILE).join("examples/ops.wasm");
        let folder = workspace.wasm_target().join("ops");
        PageCrate::Engine.bind(&compiled, &folder)?;
        wasm::make_all(workspace, &folder, |kind| folder.join(made(kind)))?;
        // The target folder may be inside another package; this declares the files as modules.
        fs::write(folder.join("package.json"), r#"{"type":"module"}"#)?;
        fs::write(folder.join("thread.js"), THREAD)?;
        fs::write(folder.join("driver.js"), DRIVER)?;
        Ok(Self { folder })
    }

    fn measure(&self, cases: &Value, kind: Kind, threads: usize) -> Result<Value> {
        fs::write(self.folder.join("cases.json"), cases.to_string())?;
        let mut node = Command::new("node");
        // A case is short: without this, V8 would run it with its baseline compiler at first.
        node.arg("--no-liftoff").arg(self.folder.join("driver.js"));
        node.args([made(kind), (threads - 1).to_string()]);
        let report: Value = serde_json::from_str(&process::output(&mut node)?)?;
        let came = report["threads"].as_u64();
        ensure!(came == Some(threads as u64), "expected {threads} threads, got {came:?}");
        Ok(report)
    }
}

/// The file of the optimized module, next to wasm-bindgen's output.
fn made(kind: Kind) -> String {
    format!("made_{}", kind.file())
}

/// Prints the reports of the native program, the plain module and the module with relaxed SIMD.
fn print(threads: usize, reports: &[&Value; 3]) -> Result<()> {
    let number = |value: &Value, what: &str| value[what].as_f64().with_context(|| format!("no {what}"));
    let feature = |report: &Value| report["features"][0].as_str().unwrap_or_default().to_owned();
    let [native, plain, relaxed] = reports.map(feature);
    println!("\nthreads {threads}; native ({native}) | {plain} in Node, / native | {relaxed}, / native");
    let read = reports.iter().map(|report| number(report, "read_gb_per_s")).collect::<Result<Vec<_>>>()?;
    println!("reading memory, GB/s {:>19.1} | {:.1} | {:.1}", read[0], read[1], read[2]);

    let tables = |title: &str, columns: &[&str], rows: &dyn Fn(&Value) -> Result<Vec<Row>>| {
        let rows = reports.iter().map(|report| rows(report)).collect::<Result<Vec<_>>>()?;
        table(title, columns, &rows);
        anyhow::Ok(())
    };
    let columns = ["decode GMAC/s", "decode GB/s", "in caches GMAC/s", "prefill GMAC/s"];
    tables("product", &columns, &|report| {
        let row = |speed: &Value| {
            let name = format!("{} {} x {}", text(&speed["format"]), speed["rows"], speed["cols"]);
            let speeds = vec![
                number(&speed["decode"], "gmac_per_s")?,
                number(&speed["decode"], "gb_per_s")?,
                number(&speed["decode_cached"], "gmac_per_s")?,
                number(&speed["prefill"], "gmac_per_s")?,
            ];
            Ok((name, speeds))
        };
        items(report, "matrices").iter().map(row).collect()
    })?;
    let columns = ["decode GMAC/s", "decode GB/s", "prefill GMAC/s"];
    tables("attention: heads, KV, context", &columns, &|report| {
        let row = |speed: &Value| {
            let shape = format!("{}/{} x {}", speed["heads"], speed["kv_heads"], speed["head_dim"]);
            let name = format!("{shape} {} {}", text(&speed["kv"]), speed["context"]);
            let speeds = vec![
                number(&speed["decode"], "gmac_per_s")?,
                number(&speed["decode"], "gb_per_s")?,
                number(&speed["prefill"], "gmac_per_s")?,
            ];
            Ok((name, speeds))
        };
        items(report, "attentions").iter().map(row).collect()
    })?;
    tables("rows, 10^9 values per second", &["decode", "prefill"], &|report| {
        let row = |speed: &Value| {
            let name = format!("{} {}", text(&speed["op"]), speed["width"]);
            Ok((name, vec![number(speed, "decode")?, number(speed, "prefill")?]))
        };
        items(report, "rows").iter().map(row).collect()
    })
}

fn items<'a>(report: &'a Value, what: &str) -> &'a [Value] {
    report[what].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Each cell has the native speed, then the speed of each module and its ratio to the native one.
fn table(title: &str, columns: &[&str], reports: &[Vec<Row>]) {
    let cells: Vec<String> = columns.iter().map(|column| format!("{column:>33}")).collect();
    println!("\n{title:<30}{}", cells.concat());
    let [native, wasm @ ..] = reports else { return };
    for (at, (name, native)) in native.iter().enumerate() {
        let cell = |(column, native): (usize, &f64)| {
            let modules = wasm.iter().filter_map(|rows| rows.get(at)?.1.get(column));
            let modules: Vec<String> =
                modules.map(|speed| format!(" | {speed:.1} {:.2}", speed / native)).collect();
            format!("{:>33}", format!("{native:.1}{}", modules.concat()))
        };
        let cells: Vec<String> = native.iter().enumerate().map(cell).collect();
        println!("{name:<30}{}", cells.concat());
    }
}
