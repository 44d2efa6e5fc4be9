//! One step of the checks: its name, the changes that it depends on, its requirements, and its function.

use crate::checks::changes::Changes;
use crate::checks::tally::Tally;
use crate::machine::programs::{self, Program};
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use crate::machine::{model, npm};
use anyhow::Result;

/// How much of the machine a step takes while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// It computes: two of them keep two cores busy.
    Computing,
    /// It waits much of the time, as browser suites do: three of them keep two cores busy.
    Waiting,
    /// It measures times or memory, or needs every core.
    Alone,
}

impl Load {
    /// The share of the machine that it takes, in units of 1/[`WHOLE`](Self::WHOLE).
    pub fn share(self) -> u32 {
        match self {
            Self::Computing => 3,
            Self::Waiting => 2,
            Self::Alone => Self::WHOLE,
        }
    }

    /// The share of the whole machine.
    pub const WHOLE: u32 = 6;
}

/// Which commands run a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Only `cargo xtask check`: `test` runs a step that covers more.
    Check,
    /// Only `cargo xtask test`.
    Full,
    /// Both.
    Both,
}

/// Something that a step requires.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A program.
    Program(&'static Program),
    /// The npm packages of the lock file.
    Packages,
    /// A compiler for wasm32.
    WasmToolchain,
    /// SmolLM2-135M, and Gemma 3 270M if it is available.
    Models,
}

/// The arguments of a step's function.
pub struct Context {
    /// The workspace.
    pub workspace: Workspace,
    /// What has changed; `None` to check everything.
    pub changes: Option<Changes>,
}

/// The function of a step.
pub type Run = Box<dyn Fn(&Context) -> Result<Tally>>;

/// One step.
pub struct Step {
    /// Unique. `cargo xtask test NAME` runs the steps whose names contain NAME.
    pub name: String,
    /// Which commands run it.
    pub tier: Tier,
    /// How much of the machine it takes.
    pub load: Load,
    /// A change under one of these paths, relative to the root, selects it for `--changed`. An empty path matches any
    /// change.
    pub paths: &'static [&'static str],
    /// What it requires.
    pub needs: &'static [Need],
    /// Names of the steps that it depends on.
    pub after: &'static [&'static str],
    /// Runs it. An error is a failure of the step.
    pub run: Run,
}

impl Step {
    /// Whether a change of one of these paths selects it.
    pub fn is_due(&self, changed: &[String]) -> bool {
        changed.iter().any(|path| self.paths.iter().any(|prefix| path.starts_with(prefix)))
    }
}

/// Finds or installs what these steps require, and nothing else.
pub fn ensure(workspace: &Workspace, steps: &[&Step]) -> Result<()> {
    let mut needs: Vec<Need> = Vec::new();
    for need in steps.iter().flat_map(|step| step.needs) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    let programs: Vec<&Program> = needs
        .iter()
        .filter_map(|need| match need {
            Need::Program(program) => Some(*program),
            _ => None,
        })
        .collect();
    programs::ensure(&programs)?;
    for need in needs {
        match need {
            Need::Program(_) => {}
            Need::Packages => npm::install(workspace)?,
            Need::WasmToolchain => drop(WasmToolchain::ensure()?),
            Need::Models => {
                model::ensure_default(workspace)?;
                if let Err(why) = model::ensure_gemma(workspace) {
                    eprintln!("Gemma is not available, so its cases are skipped: {why:#}");
                }
            }
        }
    }
    Ok(())
}
