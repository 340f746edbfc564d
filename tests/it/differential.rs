//! The ledger against the reference, on random scripts, by way of rows in memory and in SQLite.
//!
//! A run counts what its scripts met: one that never met a rejection or a kind of entry has shown
//! nothing about it, and fails.

use std::cell::RefCell;

use edge_credits_core::ledger::MAX_OPEN_GRANTS;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use crate::pair::{Pair, Tally};
use crate::script::{Step, opening_step, overdraft_limit, step, used_up};
use crate::shelf::{Rows, Shelf};
use crate::sqlite::Object;

/// Scripts per run: what takes a few seconds in a debug build. `PROPTEST_CASES`, which is 256 unless
/// set, scales them.
const MEMORY_SCRIPTS: u32 = 800;
const SQLITE_SCRIPTS: u32 = 80;
const CROWDED_SCRIPTS: u32 = 24;

/// Long enough for charges, their refunds and the ends of grants to meet.
const LONGEST_SCRIPT: usize = 60;

/// What the scripts on rows in memory must have met, and how often at least: about a third of what
/// a run usually meets.
const LEAST: [(&str, u32); 47] = [
    ("KeyReused", 120),
    ("ExpiryPassed", 300),
    ("UnknownCharge", 300),
    ("UnknownGrant", 120),
    ("OtherUnit", 22),
    ("GrantEnded", 120),
    ("RefundExceedsCharge", 300),
    ("InsufficientCredits", 1_000),
    ("usage over the overdraft limit", 250),
    ("Overflow", 200),
    ("applied", 3_000),
    ("replayed", 400),
    ("clock behind the ledger", 2_000),
    ("consumption", 1_000),
    ("usage of several grants", 50),
    ("usage that becomes overage", 600),
    ("topup", 700),
    ("adjustment", 500),
    ("debit", 250),
    ("refund", 700),
    ("refund of a charge", 500),
    ("refund to several grants", 20),
    ("refund that pays overage", 12),
    ("refund of overage paid meanwhile", 80),
    ("grant that pays overage", 400),
    ("scheduled", 250),
    ("scheduled grant that begins", 200),
    ("expiry", 300),
    ("void", 100),
    ("came back to an ended grant: expiry", 20),
    ("came back to an ended grant: void", 8),
    ("UnknownHold", 200),
    ("OtherHoldUnit", 9),
    ("HoldEnded", 150),
    ("CaptureExceedsHold", 18),
    ("hold", 250),
    ("hold of several grants", 25),
    ("capture", 30),
    ("release", 60),
    ("hold that ends by its own rule", 100),
    ("hold that is captured by its own rule", 35),
    ("release that pays overage", 5),
    ("adjusted", 45),
    ("adjusted already", 14),
    ("alarm", 200),
    ("alarm that writes", 20),
    ("read ahead of what is due", 200),
];

/// Fails if something was met too seldom.
fn require(tally: &Tally, least: &[(&str, u32)]) {
    let met = |what: &str| tally.get(what).copied().unwrap_or(0);
    let seldom: Vec<String> = least
        .iter()
        .filter(|(what, least)| met(what) < *least)
        .map(|(what, least)| format!("{what}: {} of {least}", met(what)))
        .collect();
    assert!(seldom.is_empty(), "met too seldom: {seldom:?}, of {tally:#?}");
}

/// Runs scripts on a pair each, which `pair` makes, and returns what they met.
fn run<S: Shelf>(
    scripts: u32,
    steps: impl Strategy<Value = Vec<Step>>,
    pair: impl Fn(i64, Option<i64>) -> Pair<S>,
) -> Tally {
    let tally = RefCell::new(Tally::new());
    // At the epoch, nothing lies before; else an ordinary day.
    let start = prop_oneof![1 => Just(0_i64), 5 => Just(1_790_000_000_000)];
    let script = (start, overdraft_limit(), steps);
    let mut config = Config { failure_persistence: None, ..Config::default() };
    config.cases = (scripts * config.cases).div_ceil(256);
    let result = TestRunner::new(config).run(&script, |(start, limit, steps)| {
        let mut pair = pair(start, limit);
        steps.iter().try_for_each(|step| pair.step(step, &mut tally.borrow_mut()))
    });
    match result {
        Ok(()) => tally.into_inner(),
        // The shortest script is in the reason, as commands; the steps would only repeat it.
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_core_agrees_with_the_reference_on_rows_in_memory() {
    let pair = |start, limit| Pair::new(Rows::default(), start, limit);
    require(&run(MEMORY_SCRIPTS, vec(step(), 1..LONGEST_SCRIPT), pair), &LEAST);
}

#[test]
fn the_core_agrees_with_the_reference_on_rows_in_sqlite() {
    let pair = |start, limit| Pair::new(Object::new(), start, limit);
    let tally = run(SQLITE_SCRIPTS, vec(step(), 1..LONGEST_SCRIPT), pair);
    let least = LEAST.map(|(what, least)| (what, least / 80));
    require(&tally, &least);
}

#[test]
fn the_core_agrees_with_the_reference_when_grants_are_many() {
    let mut crowded = Pair::new(Rows::default(), 0, None);
    for step in used_up() {
        crowded.step(&step, &mut Tally::new()).unwrap();
    }
    crowded.crowd(MAX_OPEN_GRANTS - 1);
    let tally = run(CROWDED_SCRIPTS, vec(opening_step(), 1..20), |_, _| crowded.clone());
    require(&tally, &[("TooManyGrants", 20), ("TooManyGrants for a refund", 8), ("applied", 30)]);
}
