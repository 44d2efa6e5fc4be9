//! `cargo xtask demo`: from a fresh clone to a page in which the default model answers.

mod serve;

use crate::build;
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use crate::machine::{model, programs};
use anyhow::Result;
use serve::{Server, Site};
use std::process::{Command, Stdio};

/// How the page is served.
#[derive(clap::Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 lets the system choose
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Do not open a browser
    #[arg(long)]
    no_open: bool,
    /// Serve without COOP and COEP, as most static hosts do: the page then runs on one thread
    #[arg(long)]
    no_isolation: bool,
}

/// Gets, builds, serves, until interrupted.
pub fn run(options: &Options) -> Result<()> {
    programs::ensure(&[&programs::NODE])?;
    let workspace = Workspace::find()?;
    // First, since a taken port is quicker told than a build is made.
    let server = Server::bind(options.port)?;
    let toolchain = WasmToolchain::ensure()?;
    model::ensure_default(&workspace)?;
    build::build(&workspace, &toolchain)?;

    println!("\nLinnet is at {}\n(Ctrl-C stops it)", server.url());
    if !options.no_open {
        open(&server.url());
    }
    server.serve(Site {
        pages: workspace.root.join("www/dist"),
        models: model::folder(&workspace),
        isolated: !options.no_isolation,
    })
}

/// Shows the address in the user's browser, where there is a desktop to show it on.
fn open(url: &str) {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        Command::new("explorer")
    } else if desktop {
        Command::new("xdg-open")
    } else {
        return;
    };
    // The address was printed: whoever has no such program can still follow it.
    let _ = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
