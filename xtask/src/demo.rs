//! `cargo xtask demo`: the example edge function charging credits on the real Workers runtime.
//!
//! Builds what ships, then hands over to `xtask/js/demo.mjs` (the story) or `xtask/js/trace.mjs`
//! (a recorded hour of model requests), which drive the example over HTTP and judge every answer.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{arguments::Arguments, client_package, node::Node, pack, paths, worker_bundle};

/// Runs the story, or replays the requests of `--trace FILE`.
///
/// # Errors
/// When the build fails, or anything did not come out as it must.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments, &["trace"])?;
    let trace = arguments.get("trace").map(absolute).transpose()?;
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    pack::pack()?;
    let script = if trace.is_some() { "trace.mjs" } else { "demo.mjs" };
    let mut command = node.command("node");
    command.arg(Path::new("xtask").join("js").join(script)).args(trace);
    // Its own output is the result: it is not captured.
    let status = command.status().context("node could not be started")?;
    if status.success() { Ok(()) } else { bail!("the demo failed; what differs stands above") }
}

/// The file as seen from where the command was typed; the script runs in the repository's root.
fn absolute(file: &str) -> Result<std::path::PathBuf> {
    let path = std::env::current_dir().unwrap_or_else(|_| paths::root()).join(file);
    match path.canonicalize() {
        Ok(path) if path.is_file() => Ok(path),
        _ => bail!(
            "there is no file `{file}`. --trace takes a CSV file with the columns arrived_at, \
             num_prefill_tokens and num_decode_tokens."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn a_trace_that_is_not_there_is_named() {
        let error = absolute("no-such-file.csv").unwrap_err().to_string();
        assert!(error.contains("no-such-file.csv") && error.contains("num_prefill_tokens"));
        assert!(absolute(file!().rsplit('/').next().unwrap_or_default()).is_err());
    }
}
