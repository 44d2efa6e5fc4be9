//! The runner that cargo starts a wasm test binary with: binds it for Node and runs its `#[wasm_bindgen_test]`s there.
//!
//! It speaks to the context that `wasm-bindgen-test` exports. That contract is private to wasm-bindgen and may change with its
//! version, which the lock file holds still; a change would show: `cargo xtask test` fails where no wasm test ran.

use crate::process;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

/// Shows a test's console output only where it fails (the context does that) and runs every exported test.
const DRIVER: &str = r#"
const { exit } = require('node:process');
const wasm = require('./tests.js');

const log = console.log, error = console.error;
global.__wbgtest_og_console_log = log;
global.__wbgtest_og_console_error = error;
global.__wbg_test_invoke = (test) => test();
const names = Object.keys(wasm.__wasm).filter((name) => name.startsWith('__wbgt_'));
if (names.length === 0) {
  log('this binary holds no #[wasm_bindgen_test]');
  exit(0);
}
for (const method of ['debug', 'log', 'info', 'warn', 'error']) {
  console[method] = (...values) => wasm[`__wbgtest_console_${method}`](values);
}
const context = new wasm.WasmBindgenTestContext(false);
context.include_ignored(false);
context.filtered_count(0);
context.run(names.map((name) => wasm.__wasm[name])).then(
  (ok) => exit(ok ? 0 : 1),
  (why) => { error(why); exit(1); },
);
"#;

/// Runs the binary, the first argument. Further ones (cargo passes those behind `--` on) have no meaning here.
pub fn run(arguments: &[OsString]) -> Result<()> {
    let [binary, rest @ ..] = arguments else { bail!("cargo gives a runner the binary's path") };
    if !rest.is_empty() {
        bail!("the wasm tests run all or none: {rest:?} is not understood");
    }
    let folder = std::path::Path::new(binary).with_extension("node");
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(binary)
        .out_name("tests")
        .nodejs(true)?
        .export_wasm(true)
        .emit_start(false)
        .typescript(false);
    bindgen.generate(&folder).context("wasm-bindgen failed")?;
    // What wasm-bindgen writes for Node is CommonJS, whatever the package around the target folder says of itself.
    fs::write(folder.join("package.json"), r#"{"type":"commonjs"}"#)?;
    let driver = folder.join("driver.cjs");
    fs::write(&driver, DRIVER)?;
    process::run(Command::new("node").arg(driver))
}
