//! The ledger in a seeded world of faults: its holds above all.
//!
//! The core's own decisions and rows, in a shell that dies, is evicted, and has a store, a clock and an
//! alarm that cannot be trusted; callers whose requests come twice, late and out of order; and an
//! [`auditor`] with [`books`] of its own, who holds all of it to the laws of the domain's README: L3 (a
//! hold ends once, for 0 to all of it, and the rest returns exactly), and L1, L2, L4 to L7 and D15 with
//! it. Some callers are [`streams`], metered while they run, in isolates that die (S1 to S4); some report
//! usage [`signals`] (U1 to U5); some customers are on plans, or are taken away ([`standing`]). Read
//! [`plan`] for what a seed decides, [`world`] for how it runs.
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
pub(crate) mod faults;
mod mutants;
mod object;
mod plan;
mod requests;
mod signals;
mod standing;
mod stream_laws;
mod streams;
pub(crate) mod tally;
mod tariff;
mod world;

pub(crate) use mutants::Mistake;
pub(crate) use world::World;
