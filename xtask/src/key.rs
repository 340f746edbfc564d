//! API keys, made by `edge-credits key` of the npm package: here only asked for.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::{arguments::Arguments, node::Node, paths, process};

/// A new key and what the worker is told about it.
#[derive(Deserialize)]
pub(crate) struct Key {
    #[serde(rename = "key")]
    text: String,
    entry: Value,
}

impl Key {
    /// Makes a key of the sandbox that may do everything.
    ///
    /// # Errors
    /// When Node does not run.
    pub(crate) fn for_tests(node: &Node) -> Result<Self> {
        let words = ["key", "--env", "test", "--scopes", "use,grant,admin", "--json"];
        let printed = process::text(node.command("node").arg(program()).args(words))?;
        serde_json::from_str(&printed).context("the key cannot be read")
    }

    /// The key itself: the secret.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Its entry in `API_KEYS`: safe to keep.
    pub(crate) fn entry(&self) -> &Value {
        &self.entry
    }
}

/// `cargo xtask key new`: prints a key once, and its entry.
///
/// # Errors
/// On arguments that are not understood.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let rest = match arguments.split_first() {
        Some((verb, rest)) if verb == "new" => rest,
        _ => bail!("usage: cargo xtask key new --env live|test [--scopes use,grant,admin]"),
    };
    let arguments = Arguments::parse(rest, &["env", "scopes"])?;
    let mut command = std::process::Command::new("node");
    command.arg(program()).arg("key");
    for name in ["env", "scopes"] {
        if let Some(value) = arguments.get(name) {
            command.arg(format!("--{name}={value}"));
        }
    }
    let status = command.status().context("Node could not be started: is it installed?")?;
    // What is wrong has been said.
    if status.success() { Ok(()) } else { bail!("no key was made") }
}

/// The package's command line, which needs nothing built for this.
fn program() -> std::path::PathBuf {
    paths::package().join("cli").join("main.js")
}
