//! The cache and the ledger in a seeded world of faults: virtual time, an upstream with a mind of
//! its own, objects that die between any two steps, and an auditor who holds them to what they
//! promised.
//!
//! `--seeds N [--from S]` runs many histories of each world, the cache's and the [`ledger`]'s, `--seed S
//! [--trace]` one of each, `--mutants N` shows that each of the known mistakes is found. A seed is a
//! history: the same seed, the same trace. Read [`plan`] for what a seed decides, [`world`] for how it
//! runs, [`auditor`] for what must hold; the ledger's world has its own of each.
//!
//! What the cache's world takes for granted: a request that was answered has no copy that arrives
//! later; an answer to a read without a position shows everything that was applied before the read
//! began; clocks are off by less than the margin of the upstream's key window; nothing is under way for
//! more than ten minutes.

// A test program: what cannot be is a fault of the simulator, and a panic names its place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod audit;
mod auditor;
mod books;
mod calls;
mod decimal;
mod disk;
mod ending;
mod faults;
mod hold_books;
mod holding;
mod ledger;
mod met;
mod mistakes;
mod mutants;
mod object;
mod plan;
mod queue;
mod random;
mod runner;
mod small;
mod suite;
mod talk;
mod tally;
mod trace;
mod upstream;
mod weather;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match runner::run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
