//! `cargo xtask chaos`: the real worker under kill -9, stops, upgrades and a hostile network.
//!
//! Builds the worker and hands over to `tests/chaos/main.mjs`, which starts the runtimes, disturbs
//! them, and judges what the callers were told against what stands in the ledger. A short run of
//! the same is a layer of [`crate::test`].

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{arguments::Arguments, client_package, node::Node, worker_bundle};

/// What is passed on; the program itself says what each takes.
const ARGUMENTS: &[&str] = &["kills", "seed", "mode", "outage-seconds"];
/// Kills of a run that does not say how many.
const KILLS: &str = "100";

/// Runs until everything is killed as often as asked, and judged.
///
/// # Errors
/// When the build fails, a charge was lost, doubled or altered, or the run proves nothing because a
/// fault that was enabled never fired.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments, ARGUMENTS)?;
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    let mut command = node.command("node");
    command.arg(Path::new("tests").join("chaos").join("main.mjs"));
    for (name, value) in passed_on(&arguments) {
        command.arg(format!("--{name}={value}"));
    }
    // Its own output is the result: it is not captured.
    let status = command.status().context("node could not be started")?;
    if status.success() { Ok(()) } else { bail!("the chaos run failed; why stands above") }
}

fn passed_on(arguments: &Arguments) -> impl Iterator<Item = (&'static str, &str)> {
    ARGUMENTS.iter().filter_map(|name| {
        let default = (*name == "kills").then_some(KILLS);
        Some((*name, arguments.get(name).or(default)?))
    })
}

#[cfg(test)]
mod tests {
    use super::{ARGUMENTS, Arguments, passed_on};

    fn passed(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let arguments = Arguments::parse(&words, ARGUMENTS).unwrap();
        passed_on(&arguments).map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn what_is_given_is_passed_on_and_kills_have_a_default() {
        assert_eq!(passed(&["--seed", "7"]), ["kills=100", "seed=7"]);
        assert_eq!(passed(&["--kills", "5"]), ["kills=5"]);
    }
}
