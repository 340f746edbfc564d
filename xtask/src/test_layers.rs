//! How each layer of [`crate::test`] is started and how its tests are counted.
//!
//! Counts come from what the test programs themselves report. A program that fails without having
//! reported a failure (it did not compile, it was killed) is an error, so it cannot pass unseen.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use crate::{check, client_package, node::Node, pack, paths, process, size, wasm, worker_bundle};

/// What a layer's tests came to.
#[derive(Default)]
pub(crate) struct Count {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// What there is to read about the failures.
    pub(crate) report: Option<String>,
    /// What the tests measured, one line each.
    pub(crate) figures: Vec<String>,
}

impl Count {
    fn add(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                self.failed += 1;
                let report = self.report.get_or_insert_default();
                report.push_str(&format!("{name}: {error:#}\n"));
            }
        }
    }
}

/// The code is formatted.
pub(crate) fn format(_node: &Node) -> Result<Count> {
    let mut count = Count::default();
    let result = process::capture(process::cargo().args(["fmt", "--all", "--check"]));
    count.add("cargo fmt", result.map(drop));
    Ok(count)
}

/// The lints, for this machine and for what ships.
pub(crate) fn clippy(_node: &Node) -> Result<Count> {
    let mut count = Count::default();
    let native: &[&str] = &["--workspace", "--all-targets"];
    let shipped: &[&str] = &[
        "--package",
        "edge-credits",
        "--package",
        "edge-credits-worker",
        "--target",
        wasm::TARGET,
    ];
    let part = ["--package", "edge-credits", "--no-default-features", "--target", wasm::TARGET];
    let edge = [part.as_slice(), &["--features", "engine"]].concat();
    let clocknext = [part.as_slice(), &["--features", "clocknext"]].concat();
    for (name, arguments) in [
        ("native", native),
        (wasm::TARGET, shipped),
        ("the edge's", &edge),
        ("ClockNext's", &clocknext),
    ] {
        let mut cargo = process::cargo();
        cargo.args(["clippy", "--quiet", "--locked"]).args(arguments).args(["--", "-Dwarnings"]);
        count.add(name, process::capture(&mut cargo).map(drop));
    }
    Ok(count)
}

/// The checks of [`crate::check`].
pub(crate) fn check(_node: &Node) -> Result<Count> {
    let mut count = Count::default();
    for (name, check) in check::CHECKS {
        count.add(name, check());
    }
    Ok(count)
}

/// What ships can be built and packed.
pub(crate) fn build(node: &Node) -> Result<Count> {
    let mut count = Count::default();
    count.add("client", client_package::build(node));
    count.add("worker", worker_bundle::build(node));
    count.add("trap fixture", worker_bundle::build_trap(node));
    count.add("tarball", pack::pack().map(drop));
    Ok(count)
}

/// wrangler accepts every configuration that is deployed.
pub(crate) fn deploy(node: &Node) -> Result<Count> {
    client_package::build(node)?;
    worker_bundle::build(node)?;
    let mut count = Count::default();
    let mut directories = vec![paths::root()];
    for entry in fs::read_dir(paths::package().join("examples")).into_iter().flatten() {
        directories.push(entry?.path());
    }
    for directory in directories {
        if directory.join("wrangler.toml").exists() {
            let out = paths::scratch().join("deploy");
            let mut wrangler = node.command("wrangler");
            wrangler.current_dir(&directory).args(["deploy", "--dry-run", "--outdir"]).arg(out);
            count.add(&directory.display().to_string(), process::capture(&mut wrangler).map(drop));
        }
    }
    Ok(count)
}

/// Everything is within its size budget.
pub(crate) fn size(node: &Node) -> Result<Count> {
    client_package::build(node)?;
    worker_bundle::build(node)?;
    let sizes = size::measure(node)?;
    let failed = sizes.iter().filter(|size| !size.within()).count();
    let report = (failed > 0).then(|| size::table(&sizes));
    let passed = (sizes.len() - failed) as u64;
    Ok(Count { passed, failed: failed as u64, report, ..Count::default() })
}

/// Rust tests on this machine. `arguments` says which.
pub(crate) fn cargo_test(arguments: &[&str]) -> Result<Count> {
    let mut cargo = process::cargo();
    cargo.args(["test", "--locked", "--no-fail-fast"]).args(arguments);
    counted(&mut cargo, count_rust)
}

/// Rust tests inside a JavaScript runtime, by the runner that `.cargo/config.toml` names.
pub(crate) fn wasm_test(node: &Node, arguments: &[&str]) -> Result<Count> {
    let mut cargo = node.command("cargo");
    cargo.args(["test", "--locked", "--no-fail-fast", "--target", wasm::TARGET]).args(arguments);
    counted(&mut cargo, count_rust)
}

/// JavaScript test files (`*.test.mjs`) of a directory, in Node's own test runner, with everything
/// that they run built before.
pub(crate) fn node_test(node: &Node, directory: &str) -> Result<Count> {
    client_package::build(node)?;
    worker_bundle::build(node)?;
    worker_bundle::build_trap(node)?;
    pack::pack()?;
    let mut command = node.command("node");
    command.args(["--test", "--test-reporter=tap"]).arg(format!("{directory}/**/*.test.mjs"));
    counted(&mut command, count_tap)
}

/// Runs a test program and counts by its output.
pub(crate) fn counted(command: &mut Command, read: fn(&str) -> Count) -> Result<Count> {
    let name = process::describe(command);
    let output = command.output().with_context(|| format!("`{name}` could not be started"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut count = read(&text);
    if !output.status.success() {
        let report = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
        if count.failed == 0 {
            bail!("`{name}` failed\n{report}");
        }
        count.report = Some(report);
    }
    Ok(count)
}

/// Reads `test result: ok. 12 passed; 0 failed; …`, one line for each test binary.
fn count_rust(output: &str) -> Count {
    let mut count = Count::default();
    for line in output.lines().filter(|line| line.starts_with("test result:")) {
        count.passed += number_before(line, " passed");
        count.failed += number_before(line, " failed");
    }
    count
}

/// Reads the closing comments of a TAP stream: `# pass 12`, `# fail 0`, `# cancelled 0`; and the
/// figures on the way.
pub(crate) fn count_tap(output: &str) -> Count {
    let total = |label: &str| -> u64 {
        output
            .lines()
            .filter_map(|line| line.strip_prefix(label))
            .filter_map(|number| number.trim().parse::<u64>().ok())
            .sum()
    };
    Count {
        passed: total("# pass "),
        failed: total("# fail ") + total("# cancelled "),
        report: None,
        figures: output.lines().filter_map(figure).map(str::to_owned).collect(),
    }
}

/// What a test wants known: its diagnostic `figure: …`.
fn figure(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("# figure: ")
}

fn number_before(line: &str, label: &str) -> u64 {
    line.split(label)
        .next()
        .and_then(|before| before.rsplit(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{count_rust, count_tap};

    #[test]
    fn rust_results_of_all_binaries_are_added() {
        let count = count_rust(
            "test a ... ok\n\
             test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!((count.passed, count.failed), (15, 2));
    }

    #[test]
    fn tap_counts_what_was_cancelled_as_failed() {
        let count = count_tap("ok 1 - x\n1..1\n# tests 4\n# pass 2\n# fail 1\n# cancelled 1\n");
        assert_eq!((count.passed, count.failed), (2, 2));
    }

    #[test]
    fn figures_are_kept_wherever_they_stand() {
        let count = count_tap("ok 1 - x\n    # figure: 6 kills\n# other: 5\n# pass 1\n");
        assert_eq!(count.figures, ["6 kills"]);
    }

    #[test]
    fn output_without_results_counts_nothing() {
        for count in [count_rust("compiling\n"), count_tap("")] {
            assert_eq!((count.passed, count.failed), (0, 0));
        }
    }
}
