//! `cargo xtask test`: every check of the workspace, in one sum.

use crate::native_tests::{self, NativeTests};
use crate::process::{self, seconds};
use crate::tally::{self, Tally};
use crate::toolchain::WasmToolchain;
use crate::workspace::Workspace;
use crate::{advisories, build, doctor, licences, model, npm, size};
use anyhow::{Result, bail};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// The crates of the modules that run in a page or, for measuring, in Node, which clippy also judges as wasm.
const WASM_CRATES: [&str; 5] = ["linnet-bench", "linnet-cpu", "linnet-gpu", "linnet-engine", "linnet-wasm"];

/// What to check.
#[derive(clap::Args)]
pub struct Options {
    /// Only the steps whose name contains this, such as `clippy` or `browser`
    step: Option<String>,
}

/// Runs everything, goes on past what fails, and fails at the end if anything did.
pub fn run(options: &Options) -> Result<ExitCode> {
    let browsers = [&doctor::CHROMIUM, &doctor::FIREFOX, &doctor::WEBKIT, &doctor::DISPLAY, &doctor::FONT];
    doctor::ensure(&[[&doctor::NODE, &doctor::VULKAN].as_slice(), &browsers].concat())?;
    let workspace = Workspace::find()?;
    let toolchain = WasmToolchain::ensure()?;
    let model = model::ensure_default(&workspace)?;
    if let Err(why) = model::ensure_gemma(&workspace) {
        eprintln!("without Gemma, so that its cases are skipped: {why:#}");
    }
    npm::install(&workspace)?;

    let mut checks = Checks { only: options.step.clone().unwrap_or_default(), done: Vec::new() };
    let held = |command: &mut Command| process::run(command).map(|()| Tally::one(true));
    checks.step("formatting", || held(workspace.cargo("fmt").args(["--all", "--check"])));
    checks.step("licences", || licences::check(&workspace).map(|()| Tally::one(true)));
    checks.step("advisories", || advisories::check(&workspace));
    checks.step("clippy, native", || {
        held(&mut clippy(workspace.cargo("clippy"), &["--workspace", "--all-targets"]))
    });
    checks.step("clippy, wasm", || {
        let packages = WASM_CRATES.iter().flat_map(|name| ["--package", *name]);
        let packages: Vec<&str> = packages.chain(["--lib", "--examples"]).collect();
        held(&mut clippy(toolchain.cargo(&workspace, "clippy"), &packages))
    });

    let mut gpu = Tally::default();
    checks.step("native tests", || {
        let NativeTests { all, gpu: on_gpu } = native_tests::run(&workspace)?;
        gpu = on_gpu;
        Ok(all)
    });
    checks.step("GPU tests ran", || ran(gpu));
    checks.step("doc tests", || native_tests::doc(&workspace));
    checks.step("wasm tests", || wasm_tests(&workspace, &toolchain));

    checks.step("build", || build::build(&workspace, &toolchain).map(|()| Tally::one(true)));
    checks.step("size", || size::check(&workspace).map(|()| Tally::one(true)));
    checks.step("TypeScript types", || held(&mut npm::command(&workspace, &["run", "--silent", "check"])));
    for (name, folder) in [("TypeScript tests", "web"), ("TypeScript tests of the site", "www")] {
        checks.step(name, || {
            let run = npm::transcript(&workspace, folder, "test", &[])?;
            Ok(tally::of_node(&run.text).judged(run.success))
        });
    }

    let mut native = None;
    checks.step("release build of linnet", || {
        native = Some(build::native(&workspace)?);
        Ok(Tally::one(true))
    });
    let folder = model.parent().map_or_else(|| PathBuf::from("."), PathBuf::from);
    for backend in ["cpu", "gpu"] {
        checks.step(&format!("linnet verify, {backend}"), || {
            verify(&workspace, native.as_ref(), &folder, backend)
        });
    }
    let mut browser = Tally::default();
    checks.step("browser tests", || {
        let native = native.as_ref().map_or(OsStr::new(""), |path| path.as_os_str());
        let variables = [("LINNET_NATIVE", native), ("LINNET_MODELS", folder.as_os_str())];
        let run = npm::transcript(&workspace, "tests/browser", "test", &variables)?;
        browser = tally::of_node(&run.text);
        Ok(browser.judged(run.success))
    });
    checks.step("browser tests ran", || ran(browser));
    Ok(checks.close())
}

/// What was checked so far.
struct Checks {
    /// Part of the names of those that are wanted.
    only: String,
    done: Vec<(String, Tally)>,
}

impl Checks {
    /// Does one step, says how it went; an error is a failure of the step and stops nothing else.
    fn step(&mut self, name: &str, check: impl FnOnce() -> Result<Tally>) {
        if !name.contains(&self.only) {
            return;
        }
        println!("\n=== {name}");
        let start = Instant::now();
        let tally = check().unwrap_or_else(|error| {
            println!("{error:#}");
            Tally::one(false)
        });
        println!("=== {name}: {tally} ({})", seconds(start.elapsed()));
        self.done.push((name.to_owned(), tally));
    }

    /// Prints the sum as the last line, and ends the program by it.
    fn close(self) -> ExitCode {
        println!();
        for (name, tally) in &self.done {
            println!("{} {name}: {tally}", if tally.failed == 0 { "ok  " } else { "FAIL" });
        }
        let sum: Tally = self.done.iter().map(|(_, tally)| *tally).sum();
        println!("{sum}");
        if sum.failed > 0 || sum.passed == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// A group of tests that must not be skipped as a whole.
fn ran(tally: Tally) -> Result<Tally> {
    println!("{tally}");
    Ok(Tally::one(tally.passed + tally.failed > 0))
}

fn clippy(mut clippy: Command, what: &[&str]) -> Command {
    clippy.args(what).args(["--", "--deny", "warnings"]);
    clippy
}

/// The kernels as wasm, in Node: this program is what cargo runs the test binaries with.
fn wasm_tests(workspace: &Workspace, toolchain: &WasmToolchain) -> Result<Tally> {
    let mut cargo = toolchain.cargo(workspace, "test");
    // Integration tests only: a library's own tests link no wasm-bindgen, and are run natively.
    cargo.args(["--package", "linnet-cpu", "--test", "*"]);
    let runner = format!("{} wasm-test-runner", std::env::current_exe()?.display());
    let run = process::transcript(cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner))?;
    let tally = tally::of_result_lines(&run.text);
    if tally.is_empty() {
        bail!("no wasm test ran");
    }
    Ok(tally.judged(run.success))
}

fn verify(
    workspace: &Workspace,
    native: Option<&PathBuf>,
    models: &std::path::Path,
    backend: &str,
) -> Result<Tally> {
    let Some(native) = native else { bail!("there is no linnet to run") };
    let mut linnet = Command::new(native);
    process::without_display(&mut linnet);
    linnet.arg("verify").arg(workspace.reference()).args(["--backend", backend, "--models"]).arg(models);
    let run = process::transcript(&mut linnet)?;
    Ok(tally::of_plain_line(&run.text).judged(run.success))
}
