//! `cargo xtask check` runs the fast checks during work on a change; `cargo xtask test` runs every check.

mod advisories;
mod changes;
mod native_tests;
mod schedule;
mod step;
mod table;
mod tally;
pub mod wasm_tests;

use crate::machine::workspace::Workspace;
use anyhow::{Result, bail};
use changes::Changes;
use std::process::ExitCode;
use step::{Context, Step, Tier};

/// Which changes to check.
#[derive(clap::Args, Clone)]
pub struct Since {
    /// Compare with this commit [default: the upstream of this branch, else main]
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
}

/// What to check.
#[derive(clap::Args)]
pub struct TestOptions {
    /// Only the steps whose names contain one of these, and the steps that they depend on
    steps: Vec<String>,
    /// Print the steps instead of running them
    #[arg(long)]
    list: bool,
    /// Only the steps affected by changes since the last published commit
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    since: Since,
}

/// `cargo xtask check`: the fast steps, on what has changed.
pub fn check(since: &Since) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let steps = table::steps(&workspace)?;
    let changes = Changes::since(&workspace, since.since.as_deref())?;
    if changes.is_none() {
        println!("nothing has changed, so everything is checked");
    }
    let chosen = steps.iter().filter(|step| step.tier != Tier::Full);
    let chosen: Vec<&Step> =
        chosen.filter(|step| changes.as_ref().is_none_or(|changes| step.is_due(&changes.paths))).collect();
    step::ensure(&workspace, &chosen)?;
    let scope = changes.is_some().then(|| since.since.clone());
    schedule::run(&workspace, &chosen, &schedule::Options { scope, quiet: true })
}

/// `cargo xtask test`: runs all steps, or the selected ones.
pub fn test(options: &TestOptions) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let steps = table::steps(&workspace)?;
    let mut chosen: Vec<&Step> = steps.iter().filter(|step| step.tier != Tier::Check).collect();
    if !options.steps.is_empty() {
        chosen.retain(|step| options.steps.iter().any(|part| step.name.contains(part)));
        if chosen.is_empty() {
            bail!("unknown step: {}. See `cargo xtask test --list`", options.steps.join(", "));
        }
    }
    if options.changed {
        let Some(changes) = Changes::since(&workspace, options.since.since.as_deref())? else {
            println!("nothing has changed");
            return Ok(ExitCode::SUCCESS);
        };
        chosen.retain(|step| step.is_due(&changes.paths));
    }
    let chosen = with_prerequisites(&steps, &chosen);
    if options.list {
        chosen.iter().for_each(|step| println!("{}", step.name));
        return Ok(ExitCode::SUCCESS);
    }
    step::ensure(&workspace, &chosen)?;
    schedule::run(&workspace, &chosen, &schedule::Options { scope: None, quiet: false })
}

/// Runs one step in its own process: the output is only the step's, and the last line is its tally.
pub fn step(name: &str, changed: bool, since: &Since) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let steps = table::steps(&workspace)?;
    let Some(step) = steps.iter().find(|step| step.name == name) else { bail!("unknown step: {name}") };
    let changes = if changed { Changes::since(&workspace, since.since.as_deref())? } else { None };
    let tally = (step.run)(&Context { workspace, changes }).unwrap_or_else(|error| {
        println!("{error:#}");
        tally::Tally::one(false)
    });
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The selected steps and all steps that they depend on, in the table's order.
fn with_prerequisites<'a>(steps: &'a [Step], chosen: &[&'a Step]) -> Vec<&'a Step> {
    let mut names: Vec<&str> = chosen.iter().map(|step| step.name.as_str()).collect();
    // Backwards, since a step comes after the steps that it depends on.
    for step in steps.iter().rev() {
        if names.contains(&step.name.as_str()) {
            names.extend(step.after);
        }
    }
    steps.iter().filter(|step| names.contains(&step.name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::{table, with_prerequisites};
    use crate::machine::workspace::Workspace;

    #[test]
    fn a_step_brings_along_what_it_uses() {
        let steps = table::steps(&Workspace::find().unwrap()).unwrap();
        let chosen: Vec<_> = steps.iter().filter(|step| step.name == "browser-load").collect();
        let names: Vec<&str> =
            with_prerequisites(&steps, &chosen).iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["build", "native-build", "browser-load"]);
    }
}
