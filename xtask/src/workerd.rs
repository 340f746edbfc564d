//! The Workers runtime as a child process of a job.
//!
//! `tests/runtimes/workerd.mjs` makes its configuration and is what runs here, so that jobs and
//! tests start it in the same way. The runtime ends, always by kill -9, when [`Runtime`] is dropped
//! or when this process ends in whatever way: the child watches its standard input.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::{client_package, key, node::Node, paths, worker_bundle};

/// A running Workers runtime.
pub(crate) struct Runtime {
    child: Child,
    report: Value,
}

impl Runtime {
    /// Starts the runtime and returns when all its workers listen. `options` is the argument of
    /// `startWorkerd` in `tests/runtimes/workerd.mjs`, where it is described.
    ///
    /// # Errors
    /// The runtime's own words when it does not start: a port that is taken, a bundle that is not
    /// built or does not load.
    pub(crate) fn start(node: &Node, options: &Value) -> Result<Self> {
        let script = Path::new("tests").join("runtimes").join("workerd.mjs");
        let mut child = node
            .command("node")
            .arg(script)
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the Workers runtime could not be started")?;
        let output = child.stdout.take().context("the child has no output")?;
        let errors = child.stderr.take().context("the child has no error output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match serde_json::from_str(&line) {
            Ok(report) => {
                std::thread::spawn(move || {
                    // What the workers log; when the terminal is gone there is nobody to tell.
                    let _ = std::io::copy(&mut BufReader::new(errors), &mut std::io::stderr());
                });
                Ok(Self { child, report })
            }
            Err(_) => {
                let mut text = String::new();
                BufReader::new(errors).read_to_string(&mut text)?;
                bail!("the Workers runtime did not start: {}", text.trim())
            }
        }
    }

    /// The address of a worker, like `http://127.0.0.1:8787`.
    ///
    /// # Errors
    /// When no worker of that name was started.
    pub(crate) fn url(&self, worker: &str) -> Result<&str> {
        self.report
            .get("urls")
            .and_then(|urls| urls.get(worker))
            .and_then(Value::as_str)
            .ok_or_else(|| anyhow!("there is no worker named `{worker}`"))
    }

    /// Waits until the runtime ends by itself (or is interrupted with this process).
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub(crate) fn wait(&mut self) -> Result<()> {
        // Not `Child::wait`, which would close the input that the child watches.
        while self.child.try_wait()?.is_none() {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It may have ended already; either way it is gone after this.
        let _ = self.child.wait();
    }
}

/// `cargo xtask serve`: the built worker alone, with one fresh test key, until interrupted. Prints
/// one line of JSON: the worker's address and the key.
///
/// # Errors
/// When the build fails or the port is taken.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments = crate::arguments::Arguments::parse(arguments, &["port", "state"])?;
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    let key = key::Key::for_tests(&node)?;
    let mut options = json!({
        "workers": [{ "ledger": { "API_KEYS": json!([key.entry()]).to_string() } }],
    });
    if let Some(port) = arguments.get("port") {
        let port: u16 = port.parse().context("--port takes a number from 0 to 65535")?;
        set(&mut options, "ports", json!({ "ledger": port }));
    }
    if let Some(state) = arguments.get("state") {
        set(&mut options, "state", json!(paths::root().join(state)));
    }
    let mut runtime = Runtime::start(&node, &options)?;
    println!("{}", json!({ "url": runtime.url("ledger")?, "key": key.text() }));
    runtime.wait()
}

fn set(options: &mut Value, name: &str, value: Value) {
    if let Some(fields) = options.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}
