//! `cargo xtask sim`: the simulator, `tests/sim`, built with optimisation and with every check.

use anyhow::{Result, bail};

use crate::{
    node::Node,
    process,
    test_layers::{self, Count},
};

/// Seeds of an ordinary run of the tests: 1 to this, every time the same. Others are for
/// `cargo xtask sim --seeds N --from S`.
const SEEDS: &str = "2000";
/// Seeds that each known mistake is given to be found.
const MUTANT_SEEDS: &str = "2000";

/// Passes its arguments to the simulator.
///
/// # Errors
/// When a promise is broken, or a fault that was enabled never struck.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let status = simulator().args(arguments).status()?;
    if status.success() { Ok(()) } else { bail!("the simulator ended with {status}") }
}

/// The layer of tests: its own tests, the kept seeds, the canary, the first seeds, the small
/// world, and the known mistakes.
///
/// # Errors
/// When it does not build.
pub(crate) fn test(_node: &Node) -> Result<Count> {
    let own = &["--package", "edge-credits-sim", "--profile", "sim"];
    let mut count = test_layers::cargo_test(own)?;
    let mut command = simulator();
    command.args(["--tests", SEEDS, MUTANT_SEEDS]);
    let run = test_layers::counted(&mut command, test_layers::count_tap)?;
    count.passed += run.passed;
    count.failed += run.failed;
    count.figures.extend(run.figures);
    count.report = match (count.report, run.report) {
        (Some(one), Some(other)) => Some(one + &other),
        (one, other) => one.or(other),
    };
    Ok(count)
}

fn simulator() -> std::process::Command {
    let mut cargo = process::cargo();
    cargo.args(["run", "--quiet", "--locked", "--profile", "sim", "--package", "edge-credits-sim"]);
    cargo.arg("--");
    cargo
}

#[cfg(test)]
mod tests {
    /// The simulator's reader of its command line.
    const RUNNER: &str = include_str!("../../tests/sim/src/runner.rs");
    /// The layer's own way in.
    const INNER: &str = "--tests";

    #[test]
    fn the_help_names_every_option_of_the_simulator() {
        let usage = crate::usage();
        let job = usage.lines().find(|line| line.trim_start().starts_with("sim ")).unwrap();
        let arms = RUNNER.lines().filter_map(|line| line.trim().strip_prefix('"'));
        let options: Vec<_> = arms.filter_map(|arm| arm.split_once("\" => ")).collect();
        assert!(options.len() >= 6, "{options:?}");
        for (option, _) in options {
            let named = job.split([' ', '[', ']']).any(|word| word == option);
            assert_eq!(named, option != INNER, "{option}: {job}");
        }
    }
}
