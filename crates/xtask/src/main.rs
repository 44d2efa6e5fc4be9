//! The chores of this workspace, one command each: `cargo xtask demo`, `test`, `build`, `bench`, `instructions`, `size`.

mod bench;
mod build;
mod checks;
mod demo;
mod machine;
mod size;
mod structure;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of this workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Gets what is missing, builds the page, serves it with its model on this machine
    Demo(demo::Options),
    /// The fast checks of what has changed: formatting, lints, unit tests, types
    Check(checks::Since),
    /// Every check: formatting, lints, licences, advisories, native, wasm, TypeScript and browser tests
    Test(checks::TestOptions),
    /// Builds the npm package into web/dist and the site into www/dist
    Build,
    /// Measures Linnet in Chromium and natively, beside wllama and llama.cpp; or each kernel by itself
    Bench(bench::Options),
    /// Counts the instructions of decoding a token, with valgrind, and fails where they have become more
    Instructions(bench::instructions::Options),
    /// What the page loads before the model, and whose bytes they are
    Size(size::Options),
    /// One step of the checks, in a process of its own
    #[command(hide = true)]
    Step {
        name: String,
        #[arg(long)]
        changed: bool,
        #[command(flatten)]
        since: checks::Since,
    },
    /// What cargo runs a wasm test binary with
    #[command(hide = true)]
    WasmTestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Check(since) => checks::check(&since),
        Chore::Test(options) => checks::test(&options),
        Chore::Step { name, changed, since } => checks::step(&name, changed, &since),
        Chore::Demo(options) => demo::run(&options).map(|()| ExitCode::SUCCESS),
        Chore::Build => build::run().map(|()| ExitCode::SUCCESS),
        Chore::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Chore::Instructions(options) => bench::instructions::run(&options).map(|()| ExitCode::SUCCESS),
        Chore::Size(options) => size::run(&options).map(|()| ExitCode::SUCCESS),
        Chore::WasmTestRunner { arguments } => {
            checks::wasm_tests::run(&arguments).map(|()| ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
