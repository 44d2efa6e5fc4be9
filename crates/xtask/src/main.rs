//! The chores of this workspace, one command each: `cargo xtask demo`, `test`, `build`, `bench`, `size`.

mod build;
mod doctor;
mod model;
mod npm;
mod process;
mod toolchain;
mod wasm;
mod wasm_tests;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::ffi::OsString;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of this workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Builds the npm package into web/dist and the site into www/dist
    Build,
    /// What cargo runs a wasm test binary with: wasm-bindgen's own runner, in Node
    #[command(hide = true)]
    WasmTestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> Result<()> {
    match Cli::parse().chore {
        Chore::Build => build::run(),
        Chore::WasmTestRunner { arguments } => wasm_tests::run(&arguments),
    }
}
