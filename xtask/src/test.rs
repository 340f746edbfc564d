//! `cargo xtask test`: every layer of tests, what CI runs.
//!
//! A layer is one line of [`LAYERS`]. All of them run, whatever fails; each must have run at least
//! one test, so that a suite which is no longer found is a failure. What a layer's tests are is
//! decided where they are; here they are only started and counted.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::{
    arguments::Arguments,
    node::Node,
    progress, sim,
    test_layers::{self, Count},
};

/// One kind of test.
struct Layer {
    name: &'static str,
    run: fn(&Node) -> Result<Count>,
}

/// The layers in the order in which they run: what is quick and what others need comes first.
const LAYERS: &[Layer] = &[
    Layer { name: "format", run: test_layers::format },
    Layer { name: "check", run: test_layers::check },
    Layer { name: "clippy", run: test_layers::clippy },
    Layer { name: "core", run: |_| test_layers::cargo_test(&["--package", "edge-credits-core"]) },
    Layer {
        name: "worker",
        run: |_| test_layers::cargo_test(&["--package", "edge-credits-worker"]),
    },
    Layer { name: "xtask", run: |_| test_layers::cargo_test(&["--package", "xtask"]) },
    Layer {
        name: "it",
        run: |_| test_layers::cargo_test(&["--package", "edge-credits", "--test", "it"]),
    },
    Layer { name: "sim", run: sim::test },
    Layer {
        name: "wasm",
        run: |node| test_layers::wasm_test(node, &["--package", "edge-credits", "--test", "wasm"]),
    },
    Layer { name: "build", run: test_layers::build },
    Layer { name: "golden", run: |node| test_layers::node_test(node, "tests/golden") },
    Layer { name: "runtimes", run: |node| test_layers::node_test(node, "tests/runtimes") },
    Layer { name: "packaging", run: |node| test_layers::node_test(node, "tests/packaging") },
    Layer { name: "browser", run: |node| test_layers::node_test(node, "tests/browser") },
    Layer { name: "chaos", run: |node| test_layers::node_test(node, "tests/chaos") },
    Layer { name: "deploy", run: test_layers::deploy },
    Layer { name: "size", run: test_layers::size },
];

/// What came of a layer.
struct Outcome {
    name: &'static str,
    count: Count,
    seconds: u64,
    /// Why the layer counts as failed though each of its tests may have passed.
    trouble: Option<String>,
}

/// `cargo xtask test [--only LAYER,LAYER]`: runs the layers, prints a count for each, the figures
/// that tests reported and, last, one line `N passed, N failed`.
///
/// # Errors
/// When a test failed, a layer could not run, or a layer ran no test.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse(arguments, &["only"])?;
    let layers = chosen(arguments.get("only"))?;
    let node = Node::set_up()?;
    let outcomes: Vec<Outcome> = layers.iter().map(|layer| run_layer(layer, &node)).collect();
    for outcome in &outcomes {
        if let Some(trouble) = &outcome.trouble {
            println!("\n--- {} ---\n{}", outcome.name, trouble.trim_end());
        }
    }
    println!("\n{:<12} {:>7} {:>7} {:>8}", "layer", "passed", "failed", "seconds");
    for Outcome { name, count, seconds, .. } in &outcomes {
        println!("{name:<12} {:>7} {:>7} {seconds:>8}", count.passed, count.failed);
    }
    let figures: Vec<&String> = outcomes.iter().flat_map(|each| &each.count.figures).collect();
    if !figures.is_empty() {
        println!();
    }
    figures.into_iter().for_each(|figure| println!("{figure}"));
    let passed: u64 = outcomes.iter().map(|outcome| outcome.count.passed).sum();
    let failed: u64 = outcomes.iter().map(|outcome| outcome.count.failed).sum();
    println!("\n{passed} passed, {failed} failed");
    if failed > 0 { bail!("the tests failed") } else { Ok(()) }
}

/// In the order in which they run.
pub(crate) fn layer_names() -> Vec<&'static str> {
    LAYERS.iter().map(|layer| layer.name).collect()
}

fn chosen(only: Option<&str>) -> Result<Vec<&'static Layer>> {
    let Some(only) = only else { return Ok(LAYERS.iter().collect()) };
    only.split(',')
        .map(|name| match LAYERS.iter().find(|layer| layer.name == name) {
            Some(layer) => Ok(layer),
            None => {
                bail!("there is no layer `{name}`; there are: {}", layer_names().join(", "))
            }
        })
        .collect()
}

fn run_layer(layer: &Layer, node: &Node) -> Outcome {
    let started = Instant::now();
    let result = progress::step(&format!("testing: {}", layer.name), || (layer.run)(node));
    let (count, trouble) = judge(result);
    Outcome { name: layer.name, count, seconds: started.elapsed().as_secs(), trouble }
}

/// A layer that could not run, or ran nothing, has failed once.
fn judge(result: Result<Count>) -> (Count, Option<String>) {
    match result {
        Ok(count) if count.passed + count.failed == 0 => (
            Count { failed: 1, ..Count::default() },
            Some("no test ran: the suite is not where it is looked for".to_owned()),
        ),
        Ok(mut count) => {
            let trouble = count.report.take();
            (count, trouble)
        }
        Err(error) => (Count { failed: 1, ..Count::default() }, Some(format!("{error:#}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, chosen, judge};

    #[test]
    fn a_layer_without_tests_has_failed() {
        let (count, trouble) = judge(Ok(Count::default()));
        assert_eq!((count.passed, count.failed), (0, 1));
        assert!(trouble.is_some());
    }

    #[test]
    fn a_layer_that_cannot_run_has_failed() {
        let (count, trouble) = judge(Err(anyhow::anyhow!("no compiler")));
        assert_eq!((count.passed, count.failed), (0, 1));
        assert_eq!(trouble.as_deref(), Some("no compiler"));
    }

    #[test]
    fn a_green_layer_keeps_its_count() {
        let (count, trouble) = judge(Ok(Count { passed: 3, ..Count::default() }));
        assert_eq!((count.passed, count.failed), (3, 0));
        assert!(trouble.is_none());
    }

    #[test]
    fn layers_are_chosen_by_name() {
        let names: Vec<_> =
            chosen(Some("size,core")).unwrap().iter().map(|layer| layer.name).collect();
        assert_eq!(names, ["size", "core"]);
        assert!(chosen(Some("sizes")).is_err());
    }
}
