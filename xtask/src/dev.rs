//! `cargo xtask dev`: the worker with the embedded ledger, kept running on this machine.
//!
//! Builds, then becomes `edge-credits dev` of the npm package, which users run without any of this.
//! State and key survive a restart: they are in `target/dev` (or where `--data` says), which is
//! deleted to start afresh.

use std::{net::TcpListener, process::Command};

use anyhow::{Context, Result, bail};

use crate::{arguments::Arguments, client_package, node::Node, paths, worker_bundle};

/// Where it listens unless told otherwise: the port that `wrangler dev` has made customary.
const PORT: u16 = 8787;

/// Runs the worker until interrupted.
///
/// # Errors
/// When the build fails or the port is taken.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments, &["data", "port"])?;
    let port = match arguments.get("port") {
        Some(text) => text.parse().context("--port takes a number from 1 to 65535")?,
        None => PORT,
    };
    require_free(port)?;
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    let mut command = node.command("node");
    command.arg(paths::package().join("cli").join("main.js")).arg("dev");
    command.args(["--port", &port.to_string()]);
    command.arg("--data").arg(paths::root().join(arguments.get("data").unwrap_or("target/dev")));
    become_it(&mut command)
}

/// Asked before the build, so that nobody waits for a sentence.
fn require_free(port: u16) -> Result<()> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(_) => bail!(
            "port {port} is taken: stop the program that uses it, or choose another with --port N"
        ),
    }
}

/// Takes this process's place, so that whoever ends it ends the worker.
#[cfg(unix)]
fn become_it(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("node could not be started")
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> Result<()> {
    let status = command.status().context("node could not be started")?;
    if status.success() { Ok(()) } else { bail!("the worker ended") }
}
