//! Runs each step in its own process, in parallel where possible, and prints the results.

use crate::checks::step::{Load, Step};
use crate::checks::tally::{self, Tally};
use crate::machine::process::seconds;
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How to run.
pub struct Options {
    /// Check only what has changed since this commit (`Some(None)`: the default one); `None` to check everything.
    pub scope: Option<Option<String>>,
    /// Print only the output of steps that fail.
    pub quiet: bool,
}

/// The result of a step.
struct Outcome {
    at: usize,
    tally: Tally,
    took: Duration,
}

/// Runs all steps, continues after a failure, and prints a table whose last line is the total.
pub fn run(workspace: &Workspace, steps: &[&Step], options: &Options) -> Result<ExitCode> {
    let folder = workspace.target.join("checks");
    fs::create_dir_all(&folder)?;
    let start = Instant::now();
    let mut outcomes: Vec<Option<Outcome>> = steps.iter().map(|_| None).collect();
    let mut waiting: Vec<usize> = (0..steps.len()).collect();
    let mut running: Vec<usize> = Vec::new();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| -> Result<()> {
        while !waiting.is_empty() || !running.is_empty() {
            while let Some(next) = next(steps, &waiting, &running, &outcomes) {
                waiting.retain(|&at| at != next);
                running.push(next);
                println!("=== {} begins", steps[next].name);
                let (sender, log) = (sender.clone(), log(&folder, steps[next]));
                let mut command = command(&steps[next].name, options)?;
                scope.spawn(move || {
                    let start = Instant::now();
                    let tally = run_one(&mut command, &log);
                    sender.send((next, tally, start.elapsed()))
                });
            }
            let (at, tally, took) = receiver.recv()?;
            running.retain(|&other| other != at);
            let tally = tally.unwrap_or_else(|error| {
                println!("{error:#}");
                Tally::one(false)
            });
            if !options.quiet || tally.failed > 0 {
                print!("{}", String::from_utf8_lossy(&fs::read(log(&folder, steps[at]))?));
            }
            println!("=== {}: {tally} ({})", steps[at].name, seconds(took));
            outcomes[at] = Some(Outcome { at, tally, took });
        }
        Ok(())
    })?;
    Ok(close(steps, &outcomes.into_iter().flatten().collect::<Vec<_>>(), start.elapsed()))
}

/// The first waiting step that may run in parallel with the running ones.
fn next(steps: &[&Step], waiting: &[usize], running: &[usize], done: &[Option<Outcome>]) -> Option<usize> {
    let taken: u32 = running.iter().map(|&at| steps[at].load.share()).sum();
    let is_ready = |at: usize| {
        let is_missing = |name: &&str| {
            steps.iter().zip(done).any(|(step, outcome)| step.name == *name && outcome.is_none())
        };
        !steps[at].after.iter().any(is_missing)
    };
    waiting.iter().copied().find(|&at| is_ready(at) && taken + steps[at].load.share() <= Load::WHOLE)
}

fn log(folder: &Path, step: &Step) -> PathBuf {
    folder.join(format!("{}.log", step.name))
}

fn command(name: &str, options: &Options) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["step", name]);
    if let Some(since) = &options.scope {
        command.arg("--changed");
        if let Some(commit) = since {
            command.args(["--since", commit]);
        }
    }
    Ok(command)
}

/// Both streams go to the log; its last line is the tally.
fn run_one(command: &mut Command, log: &Path) -> Result<Tally> {
    let file = File::create(log).with_context(|| format!("could not make {}", log.display()))?;
    let status = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status()?;
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let last = text.lines().last().unwrap_or_default();
    Ok(tally::of_plain_line(last).judged(status.success()))
}

/// Prints the table and the total, and fails if a step has failed.
fn close(steps: &[&Step], outcomes: &[Outcome], took: Duration) -> ExitCode {
    println!();
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for Outcome { at, tally, took } in outcomes {
        let mark = if tally.failed == 0 { "ok  " } else { "FAIL" };
        println!("{mark} {:width$}  {:>12}  {tally}", steps[*at].name, seconds(*took));
    }
    println!("in {}", seconds(took));
    let sum: Tally = outcomes.iter().map(|outcome| outcome.tally).sum();
    println!("{sum}");
    if sum.failed > 0 || sum.passed == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::step::Tier;

    #[test]
    fn steps_run_in_parallel_until_the_machine_is_full() {
        use Load::{Alone, Computing, Waiting};
        for (loads, at_once) in [
            (&[Waiting, Waiting, Waiting, Waiting][..], &[0, 1, 2][..]),
            (&[Computing, Computing, Waiting], &[0, 1]),
            (&[Computing, Waiting, Waiting], &[0, 1]),
            (&[Waiting, Alone, Waiting], &[0, 2]),
            (&[Alone, Waiting], &[0]),
        ] {
            let steps: Vec<Step> = loads.iter().map(|load| step(*load)).collect();
            let steps: Vec<&Step> = steps.iter().collect();
            let done: Vec<Option<Outcome>> = steps.iter().map(|_| None).collect();
            let (mut waiting, mut running): (Vec<usize>, _) = ((0..steps.len()).collect(), Vec::new());
            while let Some(at) = next(&steps, &waiting, &running, &done) {
                waiting.retain(|&other| other != at);
                running.push(at);
            }
            assert_eq!(running, at_once, "{loads:?}");
        }
    }

    fn step(load: Load) -> Step {
        let run = Box::new(|_: &_| Ok(Tally::default()));
        Step { name: String::new(), tier: Tier::Full, load, paths: &[], needs: &[], after: &[], run }
    }
}
