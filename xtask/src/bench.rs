//! `cargo xtask bench`: the balance cache beside other ways to charge, or the client beside others,
//! measured in one run.
//!
//! `cache` is everything about the cache; `side-by-side`, `hot-customer`, `soak` and `in-memory` are its
//! parts. `client` stands alone, `analytics` (what answers over all customers read, and what being
//! reported costs), `signals` (usage through the client's buffer beside a plain loop) and `streams` (what
//! metering adds to a stream). Builds what ships, then hands over to `tests/bench/run.mjs`, which says what is
//! measured and how. Nothing asserts a time: a bench fails when an answer was wrong or a part could
//! not be measured.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::{arguments::Arguments, client_package, node::Node, pack, worker_bundle};

/// What is measured where no name is given.
const DEFAULT: &str = "cache";
/// Shorter turns and fewer rounds.
const QUICK: &str = "--quick";
/// The numbers that may be set, by their option.
const NUMBERS: [&str; 3] = ["seconds", "rounds", "soak"];

/// Runs a bench: `[NAME] [--seconds S] [--rounds N] [--soak CHARGES] [--quick]`.
///
/// # Errors
/// When the build fails, the arguments make no sense, or the bench failed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = options(arguments)?;
    let node = Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)?;
    pack::pack()?;
    let mut command = node.command("node");
    command.arg(Path::new("tests").join("bench").join("run.mjs")).arg(options.to_string());
    // Its own output is the result: it is not captured.
    let status = command.status().context("node could not be started")?;
    if status.success() { Ok(()) } else { bail!("the bench failed; why stands above") }
}

/// The options as the script takes them.
fn options(arguments: &[String]) -> Result<Value> {
    let named = arguments.first().filter(|first| !first.starts_with("--"));
    let rest = arguments.get(usize::from(named.is_some())..).unwrap_or_default();
    let quick = rest.iter().any(|argument| argument == QUICK);
    let rest: Vec<String> = rest.iter().filter(|argument| *argument != QUICK).cloned().collect();
    let given = Arguments::parse(&rest, &NUMBERS)?;
    let mut options = Map::new();
    options.insert("name".to_owned(), json!(named.map_or(DEFAULT, String::as_str)));
    options.insert("quick".to_owned(), json!(quick));
    for name in NUMBERS {
        let Some(text) = given.get(name) else { continue };
        let number: f64 = text.parse().with_context(|| format!("--{name} takes a number"))?;
        options.insert(name.to_owned(), json!(number));
    }
    Ok(Value::Object(options))
}

#[cfg(test)]
mod tests {
    use super::options;

    fn parse(text: &str) -> Option<String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        options(&words).ok().map(|options| options.to_string())
    }

    #[test]
    fn a_name_a_flag_and_numbers() {
        assert_eq!(parse(""), Some(r#"{"name":"cache","quick":false}"#.to_owned()));
        let all = parse("other --seconds 0.5 --quick --soak 1000");
        let wanted = r#"{"name":"other","quick":true,"seconds":0.5,"soak":1000.0}"#;
        assert_eq!(all, Some(wanted.to_owned()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["cache cache", "--second 1", "--seconds x", "--seconds"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
