//! Cargo's runner for wasm test binaries. It runs the `#[wasm_bindgen_test]`s in Node as three of the modules that a
//! page may load: with threads, without threads, and with threads and relaxed SIMD. All of them must compute the same
//! digest.
//!
//! It uses the context that `wasm-bindgen-test` exports. That interface is private to wasm-bindgen and may change with
//! its version, which the lock file pins. A change would not go unnoticed: `cargo xtask test` fails if no wasm test
//! ran. See crates/decisions/own-wasm-test-runner.md.

use crate::build::wasm::{Kind, PROFILE};
use crate::checks::tally::{self, Tally};
use crate::machine::process;
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

/// Shows a test's console output only if it fails (the context does that), runs every exported test, and writes what
/// the export `digest` returns to a file next to the module. Its arguments are the module and the number of additional
/// threads.
const DRIVER: &str = r#"
import { readFileSync, writeFileSync } from 'node:fs';
import { exit, versions } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import * as tests from './tests.js';

// In these versions relaxed SIMD is experimental.
if (parseInt(versions.node) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
const { log, error } = console;
globalThis.__wbgtest_og_console_log = log;
globalThis.__wbgtest_og_console_error = error;
globalThis.__wbg_test_invoke = (test) => test();
const [file, workers] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(new URL(file, import.meta.url)));
const shared = Number(workers) > 0 ? { maximum: 65536, shared: true } : {};
const memory = new WebAssembly.Memory({ initial: 1024, ...shared });
const wasm = tests.initSync({ module, memory });
const url = new URL(`${file}.digest`, import.meta.url);
const names = Object.keys(wasm).filter((name) => name.startsWith('__wbgt_'));
if (names.length === 0) {
  log('this binary holds no #[wasm_bindgen_test]');
  exit(0);
}
if (wasm.expect_workers) {
  const started = Array.from({ length: Number(workers) }, () => {
    const worker = new Worker(new URL('thread.js', import.meta.url), { workerData: { module, memory } });
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  await Promise.all(started);
  wasm.expect_workers(started.length);
}
for (const method of ['debug', 'log', 'info', 'warn', 'error']) {
  console[method] = (...values) => tests[`__wbgtest_console_${method}`](values);
}
const context = new tests.WasmBindgenTestContext(false);
context.include_ignored(false);
context.filtered_count(0);
context.run(names.map((name) => wasm[name])).then(
  (ok) => {
    if (ok) writeFileSync(url, String(wasm.digest?.()));
    exit(ok ? 0 : 1);
  },
  (why) => { error(why); exit(1); },
);
"#;

/// A thread of the tests' pool.
const THREAD: &str = r#"
import { parentPort, workerData } from 'node:worker_threads';
import { initSync } from './tests.js';

const wasm = initSync(workerData);
const slot = wasm.take_slot();
parentPort.postMessage('ready');
wasm.work(slot);
"#;

/// The module, and the number of additional threads. One module with relaxed SIMD suffices.
const RUNS: [(Kind, &str); 3] = [
    (Kind { threads: true, relaxed: false }, "2"),
    (Kind { threads: false, relaxed: false }, "0"),
    (Kind { threads: true, relaxed: true }, "2"),
];

/// Runs the tests of the kernels, with this program as the runner of the test binaries.
pub fn all(workspace: &Workspace) -> Result<Tally> {
    let mut cargo = WasmToolchain::ensure()?.cargo(workspace, "test");
    // Integration tests only: the unit tests of a library do not link wasm-bindgen, and run natively.
    cargo.args(["--package", "linnet-cpu", "--test", "*"]);
    // In the module's profile, so that the standard library is not compiled again. Its panics abort.
    cargo.args(["--profile", PROFILE, "-Zpanic-abort-tests"]);
    let runner = format!("{} wasm-test-runner", std::env::current_exe()?.display());
    let run = process::transcript(cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner))?;
    let tally = tally::of_result_lines(&run.text);
    if tally.is_empty() {
        bail!("no wasm test ran");
    }
    Ok(tally.judged(run.success))
}

/// Runs the binary in the first argument. Further arguments (cargo passes those after `--`) are rejected.
pub fn run(arguments: &[OsString]) -> Result<()> {
    let [binary, rest @ ..] = arguments else { bail!("the path of the test binary is missing") };
    if !rest.is_empty() {
        bail!("unknown arguments {rest:?}: the wasm tests cannot be filtered");
    }
    let folder = std::path::Path::new(binary).with_extension("node");
    let mut bindgen = Bindgen::new();
    bindgen.input_path(binary).out_name("tests").web(true)?.emit_start(false).typescript(false);
    bindgen.generate(&folder).context("wasm-bindgen failed")?;
    let bound = fs::read(folder.join("tests_bg.wasm"))?;
    // Independent of the package.json around the target folder.
    fs::write(folder.join("package.json"), r#"{"type":"module"}"#)?;
    fs::write(folder.join("thread.js"), THREAD)?;
    let driver = folder.join("driver.js");
    fs::write(&driver, DRIVER)?;
    let mut digests = Vec::new();
    for (kind, workers) in RUNS {
        fs::write(folder.join(kind.file()), kind.of(&bound)?)?;
        let digest = folder.join(format!("{}.digest", kind.file()));
        fs::write(&digest, "no test")?;
        eprintln!("as {}", kind.file());
        let mut node = Command::new("node");
        if kind.relaxed {
            // Node 20's baseline compiler does not implement the final relaxed SIMD.
            node.arg("--no-liftoff");
        }
        process::run(node.arg(&driver).args([kind.file(), workers]))?;
        digests.push(fs::read_to_string(digest)?);
    }
    ensure!(digests.iter().all(|digest| *digest == digests[0]), "the modules' results differ: {digests:?}");
    Ok(())
}
