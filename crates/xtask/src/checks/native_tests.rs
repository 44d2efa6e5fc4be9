//! The native tests: cargo builds them once, then each binary runs alone, so that results are known by crate and name.
//! The packages whose tests compute on a GPU are a step of their own.

use crate::checks::step::Context;
use crate::checks::tally::{self, Tally};
use crate::machine::process::{self, Transcript};
use crate::machine::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The same selection for every build of tests, so that crates are compiled once.
const WITHOUT_XTASK: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// The packages some of whose tests compute on a GPU.
const ON_GPU: [&str; 3] = ["linnet-gpu", "linnet-tests", "linnet-cli"];

/// The test binary that samples thousands of tokens on the GPU. It has few kernels, and optimizing them pays.
const SAMPLING: &str = "decode_ahead";

/// git's arguments to find the files that have a code block in their documentation.
const DOC_EXAMPLES: [&str; 6] =
    ["grep", "--untracked", "--files-with-matches", "^ *//[/!] *```", "--", "*.rs"];

/// A built test binary.
struct TestBinary {
    package: String,
    /// Whether it is an integration test, not the unit tests of a library or program.
    integration: bool,
    name: String,
    folder: PathBuf,
    executable: PathBuf,
}

impl TestBinary {
    /// Runs it in its package's folder, as cargo does, and prints the time.
    fn run(&self) -> Result<Transcript> {
        println!("--- {}: {}", self.package, self.name);
        let start = Instant::now();
        let mut command = Command::new(&self.executable);
        command.arg("--show-output").current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        if self.may_use_gpu() {
            process::without_display(&mut command);
            if self.name != SAMPLING {
                process::without_optimized_kernels(&mut command);
            }
            // One at a time, so that a test finds the pipelines of those before it in the driver's cache.
            command.arg("--test-threads=1");
        }
        let transcript = process::transcript(&mut command)?;
        println!("--- {}: {}: {}", self.package, self.name, process::seconds(start.elapsed()));
        Ok(transcript)
    }

    /// Whether some of its tests may compute on a GPU.
    fn may_use_gpu(&self) -> bool {
        ON_GPU.contains(&self.package.as_str())
    }

    /// Whether this test needs a GPU: integration tests of `linnet-gpu`, and those of `linnet-tests` with `gpu` in
    /// their name.
    fn needs_gpu(&self, test: &str) -> bool {
        match self.package.as_str() {
            "linnet-gpu" => self.integration,
            "linnet-tests" => self.integration && (test.contains("gpu") || self.name.contains("gpu")),
            _ => false,
        }
    }
}

/// Runs clippy on the workspace: cargo checks only what has changed and what depends on it. (Selecting crates would
/// change the features of their dependencies and compile all of them again.)
pub fn clippy(context: &Context) -> Result<Tally> {
    let mut clippy = context.workspace.cargo("clippy");
    let run = process::run(clippy.args(["--workspace", "--all-targets", "--", "--deny", "warnings"]));
    run.map(|()| Tally::one(true))
}

/// Runs the unit tests of the libraries and programs that have changed or depend on a change.
pub fn unit(context: &Context) -> Result<Tally> {
    let changed = context.changes.as_ref().map(|changes| changes.packages(&context.workspace)).transpose()?;
    let is_chosen = |name: &String| changed.as_ref().is_none_or(|names| names.contains(name));
    let mut binaries =
        built_by(context.workspace.cargo("test").args(WITHOUT_XTASK).args(["--lib", "--bins"]))?;
    if is_chosen(&env!("CARGO_PKG_NAME").to_owned()) {
        binaries.extend(built_by(own_tests(&context.workspace).arg("--bins"))?);
    }
    let mut tally = Tally::default();
    for binary in binaries.iter().filter(|binary| is_chosen(&binary.package)) {
        let transcript = binary.run()?;
        tally += tally::of_libtest(&transcript.text, |_| true).judged(transcript.success);
    }
    if tally.is_empty() {
        println!("skipped: no crate has changed");
        tally.skipped = 1;
    }
    Ok(tally)
}

/// Runs the tests of the packages that never compute on a GPU.
pub fn without_gpu(workspace: &Workspace) -> Result<Tally> {
    let mut all = Tally::default();
    for binary in binaries(workspace)?.iter().filter(|binary| !binary.may_use_gpu()) {
        let transcript = binary.run()?;
        all += tally::of_libtest(&transcript.text, |_| true).judged(transcript.success);
    }
    if all.is_empty() {
        bail!("no native test ran");
    }
    Ok(all)
}

/// Runs the tests of the packages that compute on a GPU. A further check is that some test did.
pub fn on_gpu(workspace: &Workspace) -> Result<Tally> {
    let (mut all, mut on_gpu) = (Tally::default(), Tally::default());
    for binary in binaries(workspace)?.iter().filter(|binary| binary.may_use_gpu()) {
        let transcript = binary.run()?;
        all += tally::of_libtest(&transcript.text, |_| true).judged(transcript.success);
        on_gpu += tally::of_libtest(&transcript.text, |name| binary.needs_gpu(name));
    }
    println!("on a GPU: {on_gpu}");
    all += Tally::one(on_gpu.passed + on_gpu.failed > 0);
    Ok(all)
}

/// Compiles all test binaries, and the program `linnet`, which tests start.
pub fn build(workspace: &Workspace) -> Result<()> {
    binaries(workspace).map(drop)
}

/// Where [`build`] puts the program.
pub fn linnet(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug").join(format!("linnet{}", std::env::consts::EXE_SUFFIX))
}

fn binaries(workspace: &Workspace) -> Result<Vec<TestBinary>> {
    let mut binaries = built_by(workspace.cargo("test").args(WITHOUT_XTASK).arg("--tests"))?;
    binaries.extend(built_by(own_tests(workspace).arg("--tests"))?);
    Ok(binaries)
}

/// Runs the examples in the documentation. Compiling every crate takes minutes, so it looks for examples first.
pub fn doc(workspace: &Workspace) -> Result<Tally> {
    let found = Command::new("git").args(DOC_EXAMPLES).current_dir(&workspace.root).output()?;
    if found.stdout.is_empty() && found.status.code() == Some(1) {
        println!("skipped: no documentation of a crate has an example");
        return Ok(Tally { skipped: 1, ..Tally::default() });
    }
    let run =
        process::transcript(workspace.cargo("test").args(WITHOUT_XTASK).args(["--doc", "--no-fail-fast"]))?;
    Ok(tally::of_result_lines(&run.text).judged(run.success))
}

/// This program is already compiled, in its own profile, so its tests compile only one more crate.
fn own_tests(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo("test");
    cargo.args(["--package", env!("CARGO_PKG_NAME"), "--profile", "xtask"]);
    cargo
}

fn built_by(cargo: &mut Command) -> Result<Vec<TestBinary>> {
    cargo.args(["--no-run", "--message-format=json-render-diagnostics"]);
    eprintln!("$ {}", process::display(cargo));
    let output = cargo.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| test_binary(&message).transpose()).collect()
}

/// The test binary that a message of cargo reports, if it reports one.
fn test_binary(message: &Value) -> Result<Option<TestBinary>> {
    let (Some(executable), Some(true)) =
        (message["executable"].as_str(), message["profile"]["test"].as_bool())
    else {
        return Ok(None);
    };
    let text = |value: &Value| {
        Ok::<_, anyhow::Error>(value.as_str().context("a message of cargo lacks a field")?.to_owned())
    };
    let manifest = PathBuf::from(text(&message["manifest_path"])?);
    let package = text(&message["package_id"])?;
    Ok(Some(TestBinary {
        package: package_name(&package).to_owned(),
        integration: message["target"]["kind"][0] == "test",
        name: text(&message["target"]["name"])?,
        folder: manifest.parent().unwrap_or(Path::new(".")).to_owned(),
        executable: executable.into(),
    }))
}

/// `path+file:///home/x/crates/gpu#linnet-gpu@0.1.0` or, where the folder has the package's name,
/// `...crates/xtask#0.1.0`.
fn package_name(id: &str) -> &str {
    let (path, fragment) = id.rsplit_once('#').unwrap_or(("", id));
    match fragment.split_once('@') {
        Some((name, _)) => name,
        None => path.rsplit('/').next().unwrap_or(path),
    }
}

#[cfg(test)]
mod tests {
    use super::{package_name, test_binary};

    #[test]
    fn both_forms_of_a_package_id_give_its_name() {
        assert_eq!(package_name("path+file:///x/crates/gpu#linnet-gpu@0.1.0"), "linnet-gpu");
        assert_eq!(package_name("path+file:///x/crates/xtask#0.1.0"), "xtask");
    }

    #[test]
    fn only_test_binaries_are_taken() {
        let message = serde_json::json!({
            "reason": "compiler-artifact", "package_id": "path+file:///x/tests#linnet-tests@0.1.0",
            "manifest_path": "/x/tests/Cargo.toml", "target": { "kind": ["test"], "name": "oracle" },
            "profile": { "test": true }, "executable": "/x/target/debug/deps/oracle-1"
        });
        let binary = test_binary(&message).unwrap().unwrap();
        assert_eq!(
            (binary.package.as_str(), binary.name.as_str(), binary.integration),
            ("linnet-tests", "oracle", true)
        );
        let mut program = message;
        program["profile"]["test"] = false.into();
        assert!(test_binary(&program).unwrap().is_none());
    }
}
