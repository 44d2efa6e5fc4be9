//! The commands of this workspace: `cargo xtask check`, `test`, `demo`, `build`, `bench`, `instructions`, `size`.

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
#[command(name = "cargo xtask", about = "The commands of this workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Installs what is missing, builds the demo site and serves it with a model on this machine
    Demo(demo::Options),
    /// Runs the fast checks on what has changed: formatting, lints, unit tests, types
    Check(checks::Since),
    /// Runs every check: formatting, lints, licences, advisories, native, wasm, TypeScript and browser tests
    Test(checks::TestOptions),
    /// Builds the npm package into web/dist and the site into www/dist
    Build,
    /// Measures Linnet in Chromium and natively, wllama and llama.cpp; or each kernel alone
    Bench(bench::Options),
    /// Counts the instructions per decoded token with valgrind, and fails if there are more than before
    Instructions(bench::instructions::Options),
    /// Prints what a page loads before the model, and the size of each crate in it
    Size(size::Options),
    /// Runs one step of the checks in its own process
    #[command(hide = true)]
    Step {
        name: String,
        #[arg(long)]
        changed: bool,
        #[command(flatten)]
        since: checks::Since,
    },
    /// Runs a wasm test binary for cargo
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
