//! `linnet`: runs the engine without a browser.

mod backend;
mod bench;
mod chat;
mod decide;
mod failure;
mod inspect;
mod model_file;
mod platform;
mod sampling;
mod synth;
mod terminal;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs language models from GGUF files.
#[derive(Parser)]
#[command(name = "linnet", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Chat(Box<chat::Options>),
    Decide(decide::Options),
    Bench(bench::Options),
    Inspect(inspect::Options),
    Synth(synth::Options),
    Verify(verify::Options),
}

/// Exit code of a program ended by a closed pipe (128 + SIGPIPE).
const BROKEN_PIPE: u8 = 141;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Chat(options) => chat::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Decide(options) => decide::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Inspect(options) => inspect::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Synth(options) => synth::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Verify(options) => verify::run(&options),
    };
    result.unwrap_or_else(|failure| {
        if failure.is_broken_pipe() {
            return ExitCode::from(BROKEN_PIPE);
        }
        terminal::complain(&failure);
        ExitCode::FAILURE
    })
}
