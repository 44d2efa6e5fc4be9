//! `cargo xtask demo`: builds the demo site and serves it with the default model, starting from a fresh clone.

use crate::build;
use crate::machine::toolchain::WasmToolchain;
use crate::machine::workspace::Workspace;
use crate::machine::{model, process, programs};
use anyhow::{Context, Result};
use std::net::TcpListener;
use std::process::Command;

/// How the page is served.
#[derive(clap::Args)]
pub struct Options {
    /// Port on 127.0.0.1; 0 selects a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Do not open a browser
    #[arg(long)]
    no_open: bool,
    /// Serve without COOP and COEP, as most static hosts do: the page then runs on one thread
    #[arg(long)]
    no_isolation: bool,
}

/// Fetches the model, builds the site, and serves it until interrupted.
pub fn run(options: &Options) -> Result<()> {
    programs::ensure(&[&programs::NODE])?;
    let workspace = Workspace::find()?;
    // Reserves the port before the build, so that a port in use is reported at once.
    let reserved = reserve(options.port)?;
    let toolchain = WasmToolchain::ensure()?;
    model::ensure_default(&workspace)?;
    build::build(&workspace, &toolchain)?;

    let port = reserved.local_addr()?.port();
    drop(reserved);
    println!();
    process::replace(&mut server(&workspace, port, options))
}

/// Binds the port on 127.0.0.1.
fn reserve(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("port {port} is not available; choose another one with --port"))
}

/// The file server: `www/serve.mjs`, which prints the address and opens it in a browser.
fn server(workspace: &Workspace, port: u16, options: &Options) -> Command {
    let mut node = Command::new("node");
    node.arg(workspace.root.join("www/serve.mjs")).args(["--port", &port.to_string(), "--models"]);
    node.arg(model::folder(workspace));
    node.args(options.no_isolation.then_some("--no-isolation"));
    node.args((!options.no_open).then_some("--open"));
    node
}

#[cfg(test)]
mod tests {
    use super::reserve;

    #[test]
    fn a_taken_port_is_refused_with_the_option_that_helps() {
        let taken = reserve(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = reserve(port).unwrap_err().to_string();
        assert_eq!(error, format!("port {port} is not available; choose another one with --port"));
        drop(taken);
        assert_eq!(reserve(port).unwrap().local_addr().unwrap().port(), port);
    }
}
