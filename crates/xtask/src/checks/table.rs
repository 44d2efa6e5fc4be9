//! The steps, in the order in which they start. `native-build` and `gpu-tests` take the longest, so they start early.

use crate::build::{self, licences};
use crate::checks::step::{Context, Load, Need, Step, Tier};
use crate::checks::tally::{self, Tally};
use crate::checks::{advisories, native_tests, wasm_tests};
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use crate::machine::{model, npm, process, programs};
use crate::size;
use crate::structure;
use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates whose modules run in a page or, in benchmarks, in Node. clippy also checks them for wasm.
const WASM_CRATES: [&str; 6] =
    ["linnet-bench", "linnet-constraint-wasm", "linnet-cpu", "linnet-gpu", "linnet-engine", "linnet-wasm"];

const RUST: &[&str] = &[
    "crates/",
    "shaders/",
    "tests/src/",
    "tests/tests/",
    "tests/Cargo.toml",
    "Cargo.",
    "rust-toolchain.toml",
];
/// The sources of the CPU's kernels and of their tests.
const ARM_PATHS: &[&str] =
    &["crates/cpu/", "crates/graph/", "crates/quant/", "shaders/", "tests/src/", "Cargo."];
const TYPESCRIPT: &[&str] = &["web/", "www/", "tests/browser/", "package", "biome.jsonc"];
/// What the package's unit tests read. They follow the links of every Markdown page.
const PACKAGE: &[&str] =
    &["web/", "package", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "crates/", "tests/"];
const ANYTHING: &[&str] = &[""];

const NODE: Need = Need::Program(&programs::NODE);
const ARM: Need = Need::Program(&programs::ARM);
const VULKAN: Need = Need::Program(&programs::VULKAN);
const BROWSERS: [Need; 5] = [
    Need::Program(&programs::CHROMIUM),
    Need::Program(&programs::FIREFOX),
    Need::Program(&programs::WEBKIT),
    Need::Program(&programs::DISPLAY),
    Need::Program(&programs::FONT),
];
const IN_BROWSERS: &[Need] =
    &[NODE, Need::Packages, Need::Models, BROWSERS[0], BROWSERS[1], BROWSERS[2], BROWSERS[3], BROWSERS[4]];

/// The browser suites that measure times. They run alone.
const MEASURING_SUITES: [&str; 6] = ["element-text", "keyboard", "losses", "phone", "requests", "threads"];

/// The browser suites that take the longest. They start first, so that none of them runs alone in the end.
const LONG_SUITES: [&str; 6] = ["guides", "modules", "load", "architectures", "storage", "soak"];

/// The reference results of models, and whether the models are so small that compiling their kernels takes most of the
/// time. Others do not depend on the backend.
const WITH_MODELS: [(&str, bool); 3] = [("quants", true), ("real", false), ("tiny", true)];

/// The time limit of a browser suite, in milliseconds: a browser that no longer answers must not hold up the rest.
const SUITE_LIMIT: u32 = 900_000;

/// Every step. There is one step for each browser suite in `tests/browser/suites`.
pub fn steps(workspace: &Workspace) -> Result<Vec<Step>> {
    let mut steps = vec![
        step("formatting", Tier::Both, RUST, &[], &[], |context| {
            held(context.workspace.cargo("fmt").args(["--all", "--check"]))
        }),
        step("structure", Tier::Both, ANYTHING, &[], &[], |context| {
            structure::check(&context.workspace).map(|()| Tally::one(true))
        }),
        step("licences", Tier::Full, ANYTHING, &[], &[], |context| {
            licences::check(&context.workspace).map(|()| Tally::one(true))
        }),
        step("advisories", Tier::Full, ANYTHING, &[NODE], &[], |context| {
            advisories::check(&context.workspace)
        }),
        step("build", Tier::Full, ANYTHING, &[Need::WasmToolchain, NODE, Need::Packages], &[], |context| {
            build::build(&context.workspace, &WasmToolchain::ensure()?).map(|()| Tally::one(true))
        }),
        step("native-build", Tier::Full, RUST, &[], &[], |context| {
            native_tests::build(&context.workspace).map(|()| Tally::one(true))
        }),
        step("gpu-tests", Tier::Full, RUST, &[VULKAN, Need::Models], &["native-build"], |context| {
            native_tests::on_gpu(&context.workspace)
        }),
        step("clippy", Tier::Both, RUST, &[], &[], native_tests::clippy),
        step("unit-tests", Tier::Check, RUST, &[], &[], native_tests::unit),
        step("native-tests", Tier::Full, RUST, &[Need::Models], &["native-build"], |context| {
            native_tests::without_gpu(&context.workspace)
        }),
        step("doc-tests", Tier::Full, RUST, &[], &[], |context| native_tests::doc(&context.workspace)),
        step("clippy-wasm", Tier::Full, RUST, &[Need::WasmToolchain], &[], clippy_wasm),
        step("wasm-tests", Tier::Full, RUST, &[Need::WasmToolchain, NODE], &[], |context| {
            wasm_tests::all(&context.workspace)
        }),
        step("arm-tests", Tier::Full, ARM_PATHS, &[Need::WasmToolchain, ARM], &[], arm_tests),
        step("size", Tier::Full, ANYTHING, &[NODE], &["build"], |context| {
            size::check(&context.workspace).map(|()| Tally::one(true))
        }),
        step("lint", Tier::Both, TYPESCRIPT, &[NODE, Need::Packages], &[], |context| {
            held(&mut npm::command(&context.workspace, &["run", "--silent", "lint"]))
        }),
        step("types", Tier::Both, TYPESCRIPT, &[NODE, Need::Packages], &["build"], types),
        step("web-tests", Tier::Both, PACKAGE, &[NODE, Need::Packages], &["build"], |context| {
            node_tests(context, "web")
        }),
        step("www-tests", Tier::Both, TYPESCRIPT, &[NODE, Need::Packages], &["build"], |context| {
            node_tests(context, "www")
        }),
        step("verify-gpu", Tier::Full, RUST, &[VULKAN, Need::Models], &["native-build"], verify_gpu),
        step("verify-cpu", Tier::Full, RUST, &[Need::Models], &["native-build"], |context| {
            verify(verifier(context, "cpu").arg(context.workspace.reference()))
        }),
    ];
    for (suite, path) in suites(workspace)? {
        let load = if MEASURING_SUITES.contains(&suite.as_str()) { Load::Alone } else { Load::Waiting };
        let run = move |context: &Context| browser_suite(context, &path);
        let step = step(
            &format!("browser-{suite}"),
            Tier::Full,
            ANYTHING,
            IN_BROWSERS,
            &["build", "native-build"],
            run,
        );
        steps.push(Step { load, ..step });
    }
    Ok(steps)
}

fn step(
    name: &str,
    tier: Tier,
    paths: &'static [&'static str],
    needs: &'static [Need],
    after: &'static [&'static str],
    run: impl Fn(&Context) -> Result<Tally> + 'static,
) -> Step {
    Step { name: name.to_owned(), tier, load: Load::Computing, paths, needs, after, run: Box::new(run) }
}

/// A single check that passes if the command succeeds.
fn held(command: &mut Command) -> Result<Tally> {
    process::run(command).map(|()| Tally::one(true))
}

/// The files `tests/browser/suites/FOLDER/NAME.test.mjs`, relative to `tests/browser`, sorted by name after the long
/// ones.
fn suites(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>> {
    let browser = workspace.root.join("tests/browser");
    let mut suites = Vec::new();
    for room in entries(&browser.join("suites"))? {
        for file in entries(&room)? {
            let name =
                file.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_suffix(".test.mjs"));
            if let Some(name) = name {
                suites.push((name.to_owned(), file.strip_prefix(&browser)?.to_owned()));
            }
        }
    }
    suites.sort();
    suites.sort_by_key(|(name, _)| !LONG_SUITES.contains(&name.as_str()));
    Ok(suites)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}

/// Type-checks all TypeScript, which imports the declarations that the build generates.
fn types(context: &Context) -> Result<Tally> {
    for built in ["web/wasm/linnet.d.ts", "web/dist/index.d.ts"] {
        if !context.workspace.root.join(built).exists() {
            println!("skipped: {built} is missing; run `cargo xtask build`");
            return Ok(Tally { skipped: 1, ..Tally::default() });
        }
    }
    held(&mut npm::command(&context.workspace, &["run", "--silent", "check"]))
}

/// Runs clippy on the crates of the modules, compiled for a page.
fn clippy_wasm(context: &Context) -> Result<Tally> {
    let mut clippy = WasmToolchain::ensure()?.cargo(&context.workspace, "clippy");
    clippy.args(WASM_CRATES.iter().flat_map(|name| ["--package", *name])).args(["--lib", "--examples"]);
    held(clippy.args(["--", "--deny", "warnings"]))
}

/// Compares the NEON kernels with the oracles in an emulator. Everything that does not depend on the processor is
/// tested natively.
fn arm_tests(context: &Context) -> Result<Tally> {
    if cfg!(target_arch = "aarch64") || !programs::is_debian() {
        println!("skipped: the native tests cover NEON on ARM; elsewhere the emulator is Debian's");
        return Ok(Tally { skipped: 1, ..Tally::default() });
    }
    let toolchain = WasmToolchain::ensure()?;
    let tests: [&[&str]; 2] =
        [&["--lib", "--test=contract"], &["--test=oracle", "--", "the_best_kernels_of_this_processor"]];
    let mut tally = Tally::default();
    for tests in tests {
        let mut cargo = toolchain.cargo_for_arm(&context.workspace, "test");
        // An emulator is slow, so only some cases run.
        cargo.env("LINNET_EVERY_NTH", "7");
        cargo.args(["--config", "profile.dev.opt-level=2", "--package", "linnet-cpu"]);
        let run = process::transcript(cargo.args(tests))?;
        tally += tally::of_result_lines(&run.text).judged(run.success);
    }
    if tally.is_empty() {
        bail!("no test ran");
    }
    Ok(tally)
}

fn node_tests(context: &Context, folder: &str) -> Result<Tally> {
    let run = npm::transcript(&context.workspace, folder, "test", &[])?;
    Ok(tally::of_node(&run.text).judged(run.success))
}

/// Compares the models with their reference results on a GPU.
fn verify_gpu(context: &Context) -> Result<Tally> {
    let mut tally = Tally::default();
    for is_small in [true, false] {
        let chosen = WITH_MODELS.into_iter().filter(|(_, small)| *small == is_small);
        let folders = chosen.map(|(folder, _)| context.workspace.reference().join(folder));
        let folders: Vec<PathBuf> = folders.filter(|folder| folder.is_dir()).collect();
        if folders.is_empty() {
            continue;
        }
        let mut linnet = verifier(context, "gpu");
        if is_small {
            process::without_optimized_kernels(&mut linnet);
        }
        tally += verify(linnet.args(folders))?;
    }
    if tally.is_empty() {
        bail!("there are no reference results of models");
    }
    Ok(tally)
}

/// `linnet verify` without the paths of the reference results.
fn verifier(context: &Context, backend: &str) -> Command {
    let mut linnet = Command::new(native_tests::linnet(&context.workspace));
    process::without_display(&mut linnet);
    linnet.args(["verify", "--backend", backend, "--models"]).arg(model::folder(&context.workspace));
    linnet
}

fn verify(linnet: &mut Command) -> Result<Tally> {
    let run = process::transcript(linnet)?;
    Ok(tally::of_plain_line(&run.text).judged(run.success))
}

fn browser_suite(context: &Context, suite: &Path) -> Result<Tally> {
    let native = native_tests::linnet(&context.workspace);
    let native = if native.exists() { native.as_os_str() } else { OsStr::new("") };
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).arg(format!("--test-timeout={SUITE_LIMIT}")).arg(suite);
    node.current_dir(context.workspace.root.join("tests/browser"));
    node.env("LINNET_NATIVE", native).env("LINNET_MODELS", model::folder(&context.workspace));
    let run = process::transcript(&mut node)?;
    let tally = tally::of_node(&run.text);
    if tally.is_empty() {
        bail!("no test ran");
    }
    Ok(tally.judged(run.success))
}

#[cfg(test)]
mod tests {
    use super::{LONG_SUITES, MEASURING_SUITES, steps};
    use crate::machine::workspace::Workspace;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_a_step_follows_those_whose_products_it_uses() {
        let steps = steps(&Workspace::find().unwrap()).unwrap();
        let mut before = HashSet::new();
        for step in &steps {
            for product in step.after {
                assert!(before.contains(product), "{} comes before {product}", step.name);
            }
            assert!(before.insert(step.name.as_str()), "{} twice", step.name);
        }
        assert!(before.contains("browser-element"), "the browser suites are steps");
        for suite in LONG_SUITES.into_iter().chain(MEASURING_SUITES) {
            assert!(before.contains(format!("browser-{suite}").as_str()), "{suite} is no suite");
        }
    }
}
