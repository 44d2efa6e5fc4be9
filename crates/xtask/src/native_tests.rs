//! The native tests: built once by cargo, then each binary run by itself, so that every count is known by crate and name.

use crate::process;
use crate::tally::{self, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The same selection wherever crates are built for tests, so that they are built once.
const WITHOUT_XTASK: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// How the native tests went.
pub struct NativeTests {
    /// All of them.
    pub all: Tally,
    /// Those that need a GPU: the integration tests of `linnet-gpu`, and tests of the package `linnet-tests` with `gpu` in their name.
    pub gpu: Tally,
}

/// A built test binary.
struct TestBinary {
    package: String,
    /// An integration test, that is, not the tests inside a library or program.
    integration: bool,
    name: String,
    folder: PathBuf,
    executable: PathBuf,
}

/// Builds and runs all test binaries of the workspace.
pub fn run(workspace: &Workspace) -> Result<NativeTests> {
    let binaries = build(workspace)?;
    let mut tests = NativeTests { all: Tally::default(), gpu: Tally::default() };
    for binary in &binaries {
        println!("--- {}: {}", binary.package, binary.name);
        let mut command = Command::new(&binary.executable);
        // cargo runs tests in their package's folder.
        command.arg("--show-output").current_dir(&binary.folder).env("CARGO_MANIFEST_DIR", &binary.folder);
        process::without_display(&mut command);
        let run = process::transcript(&mut command)?;
        tests.all += tally::of_libtest(&run.text, |_| true).judged(run.success);
        let on_gpu = |name: &str| match binary.package.as_str() {
            "linnet-gpu" => binary.integration,
            "linnet-tests" => binary.integration && (name.contains("gpu") || binary.name.contains("gpu")),
            _ => false,
        };
        tests.gpu += tally::of_libtest(&run.text, on_gpu);
    }
    if tests.all.is_empty() {
        bail!("no native test ran");
    }
    Ok(tests)
}

/// The examples in the documentation.
pub fn doc(workspace: &Workspace) -> Result<Tally> {
    let run =
        process::transcript(workspace.cargo("test").args(WITHOUT_XTASK).args(["--doc", "--no-fail-fast"]))?;
    Ok(tally::of_result_lines(&run.text).judged(run.success))
}

fn build(workspace: &Workspace) -> Result<Vec<TestBinary>> {
    let mut binaries = built_by(workspace.cargo("test").args(WITHOUT_XTASK))?;
    // This program is there already, in a profile of its own: its tests cost one more crate, not its dependencies again.
    binaries.extend(built_by(workspace.cargo("test").args(["--package", "xtask", "--profile", "xtask"]))?);
    Ok(binaries)
}

fn built_by(cargo: &mut Command) -> Result<Vec<TestBinary>> {
    cargo.args(["--tests", "--no-run", "--message-format=json-render-diagnostics"]);
    eprintln!("$ {}", process::display(cargo));
    let output = cargo.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| test_binary(&message).transpose()).collect()
}

/// The test binary that a message of cargo announces, if it does.
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

/// `path+file:///home/x/crates/gpu#linnet-gpu@0.1.0` or, where the folder has the package's name, `...crates/xtask#0.1.0`.
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
