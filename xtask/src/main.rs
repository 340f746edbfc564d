//! `cargo xtask JOB`: the everyday jobs of this repository, one command each.
//!
//! This file only maps a job's name to its module; each module says what its job does. A machine
//! needs rustup and Node, nothing else: [`node::Node::set_up`] fetches the rest, pinned.
//! Nothing here depends on a crate of ours (the edges are asserted by [`check`]).

mod arguments;
mod bench;
mod chaos;
mod check;
mod cli_libraries;
mod client_package;
mod demo;
mod dev;
mod fingerprint;
mod imports;
mod key;
mod licences;
mod metadata;
mod node;
mod pack;
mod paths;
mod process;
mod progress;
mod sim;
mod size;
mod test;
mod test_layers;
mod tidy;
mod wasm;
mod worker_bundle;
mod workerd;

use std::{env, process::ExitCode};

use anyhow::{Result, bail};

/// A job's name, its arguments, what it is for, what `--help` says besides, and the function that does
/// it.
struct Job {
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
    details: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const JOBS: &[Job] = &[
    Job {
        name: "demo",
        arguments: "[--trace FILE.csv]",
        purpose: "watch an edge function charge credits, and check it",
        details: "Builds, then runs the ledger and an example edge function on the real Workers runtime:\n\
                  grants, charges, a refusal, repeats, a model that fails, a kill -9; each step is checked.\n\
                  Nothing is left running. --trace replays recorded model requests instead (columns\n\
                  arrived_at, num_prefill_tokens, num_decode_tokens) as charges of 50 customers.",
        run: demo::run,
    },
    Job {
        name: "dev",
        arguments: "[--port N] [--data DIR]",
        purpose: "keep the worker running at 127.0.0.1:8787",
        details: "Builds, then runs until Ctrl+C. Prints a sandbox key, a curl line and a snippet that work as\n\
                  printed. The key and the ledgers are in target/dev, or where --data says, and stay.",
        run: dev::run,
    },
    Job {
        name: "build",
        arguments: "",
        purpose: "build the client package and the worker bundle",
        details: "They come to pkg/dist and dist/worker. The first time takes some minutes.",
        run: build,
    },
    Job {
        name: "pack",
        arguments: "",
        purpose: "make the npm tarball from pkg/",
        details: "Builds, then makes dist/edge-credits-VERSION.tgz, for `npm install` in any project.",
        run: pack::run,
    },
    Job {
        name: "key",
        arguments: "new --env live|test [--scopes use,grant,admin]",
        purpose: "make an API key and its API_KEYS entry",
        details: "Prints the key once, and the entry with its digest: the secret API_KEYS is a JSON list of\n\
                  such entries. Nothing is stored or sent. Scopes: use (read and spend), grant (add credits),\n\
                  admin (everything); use alone where none is given.",
        run: key::run,
    },
    Job {
        name: "serve",
        arguments: "[--port N] [--state DIR]",
        purpose: "run the built worker on the Workers runtime, bare",
        details: "For tests: prints its address and a key as one line of JSON, and keeps nothing unless told where.",
        run: workerd::run,
    },
    Job {
        name: "test",
        arguments: "[--only LAYER,LAYER]",
        purpose: "run every layer of tests, as CI does",
        details: "--only names layers: format, check, clippy, core, worker, xtask, it, sim, wasm, build, golden,\n\
                  runtimes, packaging, browser, chaos, deploy, size. What a layer needs is built before it.",
        run: test::run,
    },
    Job {
        name: "chaos",
        arguments: "[--kills N] [--seed S] [--mode MODE] [--outage-seconds T]",
        purpose: "kill the worker again and again, and check every charge",
        details: "A cache in front of a ledger, both on the real runtime, killed and restarted under load, with\n\
                  a hostile network around them; afterwards every charge that was acknowledged must stand in\n\
                  the ledger once. --mode ledger leaves the cache out; --seed repeats the choices of a run.",
        run: chaos::run,
    },
    Job {
        name: "sim",
        arguments: "--seeds N [--from S] [--world W] [--heavy] | --seed S [--trace] | --small N | --mutants N",
        purpose: "run the cache and the ledger in seeded worlds of faults",
        details: "--seeds runs that many worlds, --seed one of them again, with --trace step by step; --small\n\
                  runs every short one. --mutants runs N worlds against known defects: each must be found.",
        run: sim::run,
    },
    Job {
        name: "check",
        arguments: "",
        purpose: "check sources, licences, dependency edges, files",
        details: "Whatever it finds is a sentence that names the file.",
        run: check::run,
    },
    Job {
        name: "size",
        arguments: "",
        purpose: "measure what users download, against the budget",
        details: "Builds first. The budget is tests/golden/sizes.json; over it, it fails.",
        run: size::run,
    },
    Job {
        name: "bench",
        arguments: "[PART] [--quick] [--seconds S] [--rounds N] [--soak N]",
        purpose: "measure the cache beside other ways to charge",
        details: "Parts: cache (all of side-by-side, hot-customer, soak, in-memory; the default), client,\n\
                  analytics, signals, streams. Contestants take turns in one run; compare within it only.\n\
                  --quick is for a look; --soak N says how many charges the search for leaks makes.",
        run: bench::run,
    },
    Job {
        name: "test-runner",
        arguments: "FILE.wasm [ARGS]",
        purpose: "run wasm tests (cargo calls this)",
        details: "",
        run: wasm::test_runner,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!("name a job\n{}", usage());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", usage());
        return Ok(());
    }
    match JOBS.iter().find(|job| job.name == name) {
        Some(job) if job.helps(rest) => {
            println!("{}", job.help());
            Ok(())
        }
        Some(job) => (job.run)(rest),
        None => bail!("there is no job named `{name}`\n{}", usage()),
    }
}

impl Job {
    /// Whether help is asked for. What the test runner gets is for the tests.
    fn helps(&self, arguments: &[String]) -> bool {
        let asks = |word: &String| matches!(word.as_str(), "--help" | "-h");
        !self.details.is_empty() && arguments.iter().any(asks)
    }

    fn help(&self) -> String {
        let call = format!("{} {}", self.name, self.arguments);
        let (call, purpose, details) = (call.trim_end(), self.purpose, self.details);
        format!("usage: cargo xtask {call}\n\nTo {purpose}.\n\n{details}")
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask JOB\n");
    for job in JOBS {
        let call = format!("{} {}", job.name, job.arguments);
        text.push_str(&format!("\n  {:<58} {}", call.trim_end(), job.purpose));
    }
    text.push_str("\n\n`cargo xtask JOB --help` says more.");
    text
}

fn build(arguments: &[String]) -> Result<()> {
    arguments::Arguments::parse(arguments, &[])?;
    let node = node::Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)
}

#[cfg(test)]
mod tests {
    use super::{JOBS, dispatch};

    #[test]
    fn every_job_says_what_it_does_and_none_is_begun_for_that() {
        for job in JOBS.iter().filter(|job| job.name != "test-runner") {
            assert!(dispatch(&[job.name.to_owned(), "--help".to_owned()]).is_ok(), "{}", job.name);
            let help = job.help();
            assert!(help.starts_with(&format!("usage: cargo xtask {}", job.name)), "{help}");
            assert!(help.lines().count() >= 5, "{help}");
        }
        assert!(dispatch(&["demmo".to_owned()]).is_err());
    }

    #[test]
    fn the_help_of_test_names_every_layer() {
        let test = JOBS.iter().find(|job| job.name == "test").unwrap();
        for name in crate::test::layer_names() {
            assert!(test.details.contains(name), "{name}");
        }
    }
}
