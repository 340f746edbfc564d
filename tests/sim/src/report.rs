//! What is printed of a run.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::decimal;
use crate::faults::{Fault, Point};
use crate::runner::Outcome;
use crate::tally::Tally;

/// Failing seeds that are listed.
const LISTED: usize = 20;

/// Seeds from which on a run meets every kind of fault and every death, or proves nothing.
const ENOUGH_FOR_ALL: u64 = 2_000;

/// Says what came of one seed. Returns whether all is well.
pub(crate) fn breach<T>(outcome: &Outcome<T>) -> bool {
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
    verdict(failed, &reasons_invalid(tally), tally.seeds)
}

/// Says which seeds failed and why a run may prove nothing. Returns whether all is well.
pub(crate) fn verdict<T>(failed: &[Outcome<T>], invalid: &[String], seeds: u64) -> bool {
    for reason in invalid {
        println!("invalid: {reason}");
    }
    for outcome in failed.iter().take(LISTED) {
        breach(outcome);
    }
    println!("{} of {seeds} seeds fail", failed.len());
    failed.is_empty() && invalid.is_empty()
}

/// Why a run proves nothing; empty where it counts.
fn reasons_invalid(tally: &Tally) -> Vec<String> {
    let mut reasons = Vec::new();
    let enough = tally.seeds >= ENOUGH_FOR_ALL;
    for fault in Fault::ALL {
        match (tally.enabled.0[*fault as usize], tally.fired.0[*fault as usize]) {
            (0, _) if enough => reasons.push(format!("never enabled: {}", fault.text())),
            (1.., 0) => reasons.push(format!("enabled and never struck: {}", fault.text())),
            _ => {}
        }
    }
    let spared = Point::ALL.iter().filter(|point| enough && tally.points.0[**point as usize] == 0);
    reasons.extend(spared.map(|point| format!("nothing died at: {}", point.text())));
    reasons
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

#[cfg(test)]
mod tests {
    use super::reasons_invalid;
    use crate::faults::{Fault, Point};
    use crate::tally::{Each, Tally};

    fn all_met(seeds: u64) -> Tally {
        let (enabled, fired, points) = (Each([1; _]), Each([1; _]), Each([1; _]));
        Tally { seeds, enabled, fired, points, ..Tally::default() }
    }

    #[test]
    fn a_run_that_met_everything_counts() {
        assert_eq!(reasons_invalid(&all_met(2_000)), Vec::<String>::new());
    }

    #[test]
    fn a_long_run_without_a_fault_or_a_death_proves_nothing_and_a_short_one_may_be() {
        for (seeds, reasons) in [(2_000, 2), (1_999, 0)] {
            let mut tally = all_met(seeds);
            (tally.enabled.0[Fault::Lag as usize], tally.fired.0[Fault::Lag as usize]) = (0, 0);
            tally.points.0[Point::Merged as usize] = 0;
            let found = reasons_invalid(&tally);
            assert_eq!(found.len(), reasons, "{found:?}");
        }
    }

    #[test]
    fn an_enabled_fault_must_strike_in_any_run() {
        let mut tally = all_met(1);
        tally.fired.0[Fault::Crash as usize] = 0;
        assert_eq!(
            reasons_invalid(&tally),
            ["enabled and never struck: K1 crash between two steps"]
        );
    }
}
