//! `cargo xtask bench --ops`: each kernel by itself, natively and as wasm in Node, beside how fast the machine reads memory.
//!
//! Both sides are the same source, `linnet-bench`; the modules are made as the page's are.

use crate::process;
use crate::toolchain::{self, WasmToolchain};
use crate::wasm::{self, Kind};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Measures in Node. Its arguments are the module and the number of threads to start beside its own.
const DRIVER: &str = r#"
import { readFileSync } from 'node:fs';
import { exit } from 'node:process';
import { Worker } from 'node:worker_threads';
import { initSync, measure } from './linnet.js';

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
import { initSync, takeSeat, work } from './linnet.js';

initSync(workerData);
const seat = takeSeat();
parentPort.postMessage('ready');
work(seat);
"#;

/// What was measured of one thing: a label, then the speeds in the order of the table's columns.
type Row = (String, Vec<f64>);

/// Measures at the shapes of a model, or at the usual ones, with one thread and with as many as there are. Prints tables;
/// returns all reports.
pub fn run(modules: &Modules, linnet: &Path, model: Option<&Path>) -> Result<Vec<Value>> {
    let cores = std::thread::available_parallelism()?.get().min(8);
    let mut reports = Vec::new();
    for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
        eprintln!("kernels, native, {threads} of {cores} threads");
        let mut command = Command::new(linnet);
        command.args(["bench", "--ops", "--json", "--threads", &threads.to_string()]).args(model);
        let native: Value = serde_json::from_str(&process::output(&mut command)?)?;
        eprintln!("kernels, wasm, {threads} of {cores} threads");
        let wasm = modules.measure(&native["cases"], threads)?;
        if let Some(model) = model {
            println!("\n{}", model.display());
        }
        print(threads, &native, &wasm)?;
        let model = model.map(|model| model.display().to_string());
        reports.push(json!({ "model": model, "threads": threads, "native": native, "wasm": wasm }));
    }
    Ok(reports)
}

/// The example `ops` of `linnet-bench`, as the page's modules are made.
pub struct Modules {
    folder: PathBuf,
}

impl Modules {
    /// Compiles and optimises them.
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
        wasm::bind(&compiled, &folder)?;
        for kind in Kind::ALL {
            wasm::make(workspace, kind, &folder, &folder.join(file(kind)), &[])?;
        }
        // Whatever the package around the target folder says of itself.
        fs::write(folder.join("package.json"), r#"{"type":"module"}"#)?;
        fs::write(folder.join("thread.js"), THREAD)?;
        fs::write(folder.join("driver.js"), DRIVER)?;
        Ok(Self { folder })
    }

    fn measure(&self, cases: &Value, threads: usize) -> Result<Value> {
        fs::write(self.folder.join("cases.json"), cases.to_string())?;
        let kind = if threads > 1 { Kind::Threads } else { Kind::Single };
        let mut node = Command::new("node");
        // A model runs long enough for the compiler that optimises; here its code is wanted from the first run on.
        node.arg("--no-liftoff").arg(self.folder.join("driver.js"));
        node.args([file(kind), &(threads - 1).to_string()]);
        let report: Value = serde_json::from_str(&process::output(&mut node)?)?;
        let came = report["threads"].as_u64();
        ensure!(came == Some(threads as u64), "{threads} threads were to compute, not {came:?}");
        Ok(report)
    }
}

/// The optimised module's file, beside what wasm-bindgen left.
fn file(kind: Kind) -> &'static str {
    match kind {
        Kind::Single => "single.wasm",
        Kind::Threads => "threads.wasm",
    }
}

fn print(threads: usize, native: &Value, wasm: &Value) -> Result<()> {
    let number = |value: &Value, what: &str| value[what].as_f64().with_context(|| format!("no {what}"));
    let read = |report: &Value| number(report, "read_gb_per_s");
    let feature = |report: &Value| report["features"][0].as_str().unwrap_or_default().to_owned();
    println!(
        "\nthreads {threads}; native ({}) | wasm ({}) in Node | wasm / native",
        feature(native),
        feature(wasm)
    );
    println!("reading memory, GB/s {:>19.1} | {:.1}", read(native)?, read(wasm)?);

    let products = |report: &Value| -> Result<Vec<Row>> {
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
    };
    let columns = ["decode GMAC/s", "decode GB/s", "in caches GMAC/s", "prefill GMAC/s"];
    table("product", &columns, &products(native)?, &products(wasm)?);

    let attentions = |report: &Value| -> Result<Vec<Row>> {
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
    };
    let columns = ["decode GMAC/s", "decode GB/s", "prefill GMAC/s"];
    table("attention: heads, KV, context", &columns, &attentions(native)?, &attentions(wasm)?);

    let rows = |report: &Value| -> Result<Vec<Row>> {
        let row = |speed: &Value| {
            let name = format!("{} {}", text(&speed["op"]), speed["width"]);
            Ok((name, vec![number(speed, "decode")?, number(speed, "prefill")?]))
        };
        items(report, "rows").iter().map(row).collect()
    };
    table("rows, 10^9 values per second", &["decode", "prefill"], &rows(native)?, &rows(wasm)?);
    Ok(())
}

fn items<'a>(report: &'a Value, what: &str) -> &'a [Value] {
    report[what].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// In each cell native, wasm, and their ratio.
fn table(title: &str, columns: &[&str], native: &[Row], wasm: &[Row]) {
    let cells: Vec<String> = columns.iter().map(|column| format!("{column:>24}")).collect();
    println!("\n{title:<30}{}", cells.concat());
    for ((name, native), (_, wasm)) in native.iter().zip(wasm) {
        let pairs = native.iter().zip(wasm);
        let cells: Vec<String> = pairs
            .map(|(native, wasm)| {
                format!("{:>24}", format!("{native:.1} | {wasm:.1} | {:.2}", wasm / native))
            })
            .collect();
        println!("{name:<30}{}", cells.concat());
    }
}
