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

/// A job's name, its arguments, what it is for, and the function that does it.
struct Job {
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const JOBS: &[Job] = &[
    Job {
        name: "demo",
        arguments: "[--trace FILE.csv]",
        purpose: "watch an edge function charge credits, and check it",
        run: demo::run,
    },
    Job {
        name: "dev",
        arguments: "[--port N] [--data DIR]",
        purpose: "keep the worker running at 127.0.0.1:8787",
        run: dev::run,
    },
    Job {
        name: "build",
        arguments: "",
        purpose: "build the client package and the worker bundle",
        run: build,
    },
    Job { name: "pack", arguments: "", purpose: "make the npm tarball from pkg/", run: pack::run },
    Job {
        name: "key",
        arguments: "new --env live|test [--scopes use,grant,admin]",
        purpose: "make an API key and its API_KEYS entry",
        run: key::run,
    },
    Job {
        name: "serve",
        arguments: "[--port N] [--state DIR]",
        purpose: "run the built worker on the Workers runtime, bare",
        run: workerd::run,
    },
    Job {
        name: "test",
        arguments: "[--only LAYER,LAYER]",
        purpose: "run every layer of tests, as CI does",
        run: test::run,
    },
    Job {
        name: "chaos",
        arguments: "[--kills N] [--seed S] [--mode MODE] [--outage-seconds T]",
        purpose: "kill the worker again and again, and check every charge",
        run: chaos::run,
    },
    Job {
        name: "sim",
        arguments: "--seeds N [--from S] | --seed S [--trace] | --small N | --mutants N",
        purpose: "run the cache and the ledger in seeded worlds of faults",
        run: sim::run,
    },
    Job {
        name: "check",
        arguments: "",
        purpose: "check sources, licences, dependency edges, files",
        run: check::run,
    },
    Job {
        name: "size",
        arguments: "",
        purpose: "measure what users download, against the budget",
        run: size::run,
    },
    Job {
        name: "bench",
        arguments: "[PART] [--quick] [--seconds S] [--rounds N] [--soak N]",
        purpose: "measure the cache beside other ways to charge",
        run: bench::run,
    },
    Job {
        name: "test-runner",
        arguments: "FILE.wasm [ARGS]",
        purpose: "run wasm tests (cargo calls this)",
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
        Some(job) => (job.run)(rest),
        None => bail!("there is no job named `{name}`\n{}", usage()),
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask JOB\n");
    for job in JOBS {
        let call = format!("{} {}", job.name, job.arguments);
        text.push_str(&format!("\n  {:<58} {}", call.trim_end(), job.purpose));
    }
    text
}

fn build(arguments: &[String]) -> Result<()> {
    arguments::Arguments::parse(arguments, &[])?;
    let node = node::Node::set_up()?;
    client_package::build(&node)?;
    worker_bundle::build(&node)
}
