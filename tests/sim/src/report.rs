//! What is printed of a run.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::decimal;
use crate::faults::{Fault, Point};
use crate::runner::Outcome;
use crate::tally::Tally;

/// Failing seeds that are listed.
const LISTED: usize = 20;

/// Says what came of one seed. Returns whether all is well.
pub(crate) fn breach(outcome: &Outcome) -> bool {
    match &outcome.breach {
        Some(breach) => {
            println!("seed {} breaks {}: {}", outcome.seed, breach.law, breach.what);
            false
        }
        None => {
            println!("seed {} keeps every promise", outcome.seed);
            true
        }
    }
}

/// Says what came of many. Returns whether all is well.
pub(crate) fn all(tally: &Tally, failed: &[Outcome], took: Duration) -> bool {
    let days = tally.virtual_ms / 86_400_000;
    println!(
        "{} seeds, {days} virtual days, {} operations in {} calls, {} conversations, {} events",
        tally.seeds, tally.operations, tally.calls, tally.conversations, tally.events
    );
    println!("\n{:<40} {:>8} {:>10}", "fault", "seeds", "struck");
    for fault in Fault::ALL {
        let (enabled, fired) = (tally.enabled.0[*fault as usize], tally.fired.0[*fault as usize]);
        println!("{:<40} {enabled:>8} {fired:>10}", fault.text());
    }
    println!("\n{:<40} {:>19}", "died at", "times");
    for point in Point::ALL {
        println!("{:<40} {:>19}", point.text(), tally.points.0[*point as usize]);
    }
    counts("edges", &tally.edges);
    counts("answers", &tally.answers);
    counts("charges at the end", &tally.states);
    println!(
        "\n{} gates opened, {} over for what somebody else took; the worst by {}, bound {}",
        tally.gates,
        tally.gates_over,
        decimal::text(tally.worst),
        decimal::text(tally.worst_bound)
    );
    println!("longest drain {} s", tally.longest_drain / 1_000);
    println!("took {} s", took.as_secs());
    let silent: Vec<_> = Fault::ALL
        .iter()
        .filter(|fault| {
            tally.enabled.0[**fault as usize] > 0 && tally.fired.0[**fault as usize] == 0
        })
        .map(|fault| fault.text())
        .collect();
    if !silent.is_empty() {
        println!("invalid: enabled and never struck: {}", silent.join(", "));
    }
    for outcome in failed.iter().take(LISTED) {
        breach(outcome);
    }
    println!("{} of {} seeds fail", failed.len(), tally.seeds);
    failed.is_empty() && silent.is_empty()
}

/// A run in a line.
pub(crate) fn line(tally: &Tally, failed: usize, took: Duration) -> String {
    format!(
        "{} seeds, {failed} failed: {} virtual days, {} operations, {} faults, {} deaths, {} gates, \
         worst overdraft {} of {}, longest drain {} s, {} s",
        tally.seeds,
        tally.virtual_ms / 86_400_000,
        tally.operations,
        tally.fired.0.iter().sum::<u64>(),
        tally.points.0.iter().sum::<u64>(),
        tally.gates,
        decimal::text(tally.worst),
        decimal::text(tally.worst_bound),
        tally.longest_drain / 1_000,
        took.as_secs()
    )
}

fn counts(title: &str, counts: &BTreeMap<&'static str, u64>) {
    println!("\n{title:<40} {:>19}", "times");
    for (name, count) in counts {
        println!("{name:<40} {count:>19}");
    }
}
