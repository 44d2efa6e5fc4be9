//! npm: the locked packages, installed once per lock file, and the scripts of the workspaces in the root
//! `package.json`.

use crate::machine::process::{self, Transcript};
use crate::machine::workspace::Workspace;
use anyhow::Result;
use std::fs;
use std::process::Command;

/// Runs `npm ci`, unless `node_modules` was installed from the same lock file.
pub fn install(workspace: &Workspace) -> Result<()> {
    let lock = fs::read_to_string(workspace.root.join("package-lock.json"))?;
    let installed_from = workspace.root.join("node_modules/.installed-from");
    if fs::read_to_string(&installed_from).is_ok_and(|before| before == lock) {
        return Ok(());
    }
    process::run(&mut command(workspace, &["ci"]))?;
    Ok(fs::write(installed_from, lock)?)
}

/// `npm run SCRIPT -w FOLDER`.
pub fn run(workspace: &Workspace, folder: &str, script: &str) -> Result<()> {
    process::run(&mut script_of(workspace, folder, script))
}

/// The same, with the output both shown and returned. `variables` are added to the environment.
pub fn transcript(
    workspace: &Workspace,
    folder: &str,
    script: &str,
    variables: &[(&str, &std::ffi::OsStr)],
) -> Result<Transcript> {
    process::transcript(script_of(workspace, folder, script).envs(variables.iter().copied()))
}

/// `npm ARGUMENTS` at the root.
pub fn command(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(arguments).current_dir(&workspace.root);
    npm
}

fn script_of(workspace: &Workspace, folder: &str, script: &str) -> Command {
    command(workspace, &["run", "--silent", script, "-w", folder])
}
