//! The runner that cargo starts a wasm test binary with: binds it and runs its `#[wasm_bindgen_test]`s in Node, once as the
//! module for several threads, with threads, and once as the module for one.
//!
//! It speaks to the context that `wasm-bindgen-test` exports. That contract is private to wasm-bindgen and may change with its
//! version, which the lock file holds still; a change would show: `cargo xtask test` fails where no wasm test ran.

use crate::process;
use crate::single_thread;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

/// Shows a test's console output only where it fails (the context does that) and runs every exported test. Its arguments
/// are the module and the number of threads to start beside its own.
const DRIVER: &str = r#"
import { readFileSync } from 'node:fs';
import { exit } from 'node:process';
import { Worker } from 'node:worker_threads';
import * as tests from './tests.js';

const { log, error } = console;
globalThis.__wbgtest_og_console_log = log;
globalThis.__wbgtest_og_console_error = error;
globalThis.__wbg_test_invoke = (test) => test();
const [file, workers] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(new URL(file, import.meta.url)));
const shared = Number(workers) > 0 ? { maximum: 65536, shared: true } : {};
const memory = new WebAssembly.Memory({ initial: 1024, ...shared });
const wasm = tests.initSync({ module, memory });
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
  (ok) => exit(ok ? 0 : 1),
  (why) => { error(why); exit(1); },
);
"#;

/// A thread of the tests' pool.
const THREAD: &str = r#"
import { parentPort, workerData } from 'node:worker_threads';
import { initSync } from './tests.js';

const wasm = initSync(workerData);
const seat = wasm.take_seat();
parentPort.postMessage('ready');
wasm.work(seat);
"#;

/// The module, and how many threads are started beside its own.
const RUNS: [(&str, &str); 2] = [("tests_bg.wasm", "2"), ("single.wasm", "0")];

/// Runs the binary, the first argument. Further ones (cargo passes those behind `--` on) have no meaning here.
pub fn run(arguments: &[OsString]) -> Result<()> {
    let [binary, rest @ ..] = arguments else { bail!("cargo gives a runner the binary's path") };
    if !rest.is_empty() {
        bail!("the wasm tests run all or none: {rest:?} is not understood");
    }
    let folder = std::path::Path::new(binary).with_extension("node");
    let mut bindgen = Bindgen::new();
    bindgen.input_path(binary).out_name("tests").web(true)?.emit_start(false).typescript(false);
    bindgen.generate(&folder).context("wasm-bindgen failed")?;
    let bound = fs::read(folder.join("tests_bg.wasm"))?;
    fs::write(folder.join("single.wasm"), single_thread::lowered(&bound)?)?;
    // Whatever the package around the target folder says of itself.
    fs::write(folder.join("package.json"), r#"{"type":"module"}"#)?;
    fs::write(folder.join("thread.js"), THREAD)?;
    let driver = folder.join("driver.js");
    fs::write(&driver, DRIVER)?;
    for (module, workers) in RUNS {
        process::run(Command::new("node").arg(&driver).args([module, workers]))?;
    }
    Ok(())
}
