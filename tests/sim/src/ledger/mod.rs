//! The ledger in a seeded world of faults: its holds above all.
//!
//! The core's own decisions and rows, in a shell that dies, is evicted, and has a store, a clock and an
//! alarm that cannot be trusted; callers whose requests come twice, late and out of order; and an
//! [`auditor`] with [`books`] of its own, who holds all of it to the laws of the domain's README: L3 (a
//! hold ends once, for 0 to all of it, and the rest returns exactly), and L1, L2, L4 to L7 and D15 with
//! it. Read [`plan`] for what a seed decides, [`world`] for how it runs.
//!
//! Not here: payments and their reversals, batches, amounts near the end of their range (the
//! differential test has them), reports to the directory, and the SQL of the worker's store.

mod answers;
mod asked;
mod auditor;
mod books;
mod callers;
mod disk;
mod edges;
mod ending;
mod faults;
mod mutants;
mod object;
mod plan;
mod requests;
mod tally;
mod world;

use edge_credits_core::ledger::mutants::switch_on;

pub(crate) use mutants::Mistake;
pub(crate) use tally::Tally;

use crate::runner::{Outcome, guarded};
use crate::trace::Trace;
use world::World;

/// Runs one seed.
pub(crate) fn run_seed(seed: u64, print: bool, mistake: Option<Mistake>) -> Outcome<Tally> {
    switch_on(mistake.and_then(Mistake::core));
    let outcome = guarded(seed, || {
        let mut world = World::new(seed, Trace::new(print), mistake);
        if print {
            println!("{:#?}", world.plan);
        }
        world.run();
        world.tally.seeds = 1;
        (world.trace.hash, world.tally, world.auditor.breach)
    });
    switch_on(None);
    outcome
}
