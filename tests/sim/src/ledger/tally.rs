//! What a run met, counted, and whether that is enough to count.

use core::time::Duration;

use super::faults::{Edge, Fault, Point, Rates};
use crate::tally::Each;

/// Seeds from which on a run meets every kind of fault, death and edge, or proves nothing.
const ENOUGH_FOR_ALL: u64 = 2_000;

/// Counts of one seed, or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(super) seeds: u64,
    pub(super) virtual_ms: u64,
    pub(super) events: u64,
    pub(super) operations: u64,
    pub(super) calls: u64,
    pub(super) enabled: Rates,
    pub(super) fired: Rates,
    pub(super) points: Each<{ Point::ALL.len() }>,
    pub(super) edges: Each<{ Edge::ALL.len() }>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.virtual_ms += other.virtual_ms;
        self.events += other.events;
        self.operations += other.operations;
        self.calls += other.calls;
        let each = |sum: &mut [u64], more: &[u64]| {
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        };
        each(&mut self.enabled.0, &other.enabled.0);
        each(&mut self.fired.0, &other.fired.0);
        each(&mut self.points.0, &other.points.0);
        each(&mut self.edges.0, &other.edges.0);
    }

    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn print(&self, took: Duration) {
        println!("\nthe ledger: {}", self.line(0, took));
        println!("\n{:<48} {:>8} {:>10}", "fault", "seeds", "struck");
        for fault in Fault::ALL {
            let (on, struck) = (self.enabled.0[*fault as usize], self.fired.0[*fault as usize]);
            println!("{:<48} {on:>8} {struck:>10}", fault.text());
        }
        println!("\n{:<48} {:>19}", "died at", "times");
        for point in Point::ALL {
            println!("{:<48} {:>19}", point.text(), self.points.0[*point as usize]);
        }
        println!("\n{:<48} {:>19}", "holds", "times");
        for edge in Edge::ALL {
            println!("{:<48} {:>19}", edge.text(), self.edges.0[*edge as usize]);
        }
    }

    /// A run in a line.
    pub(crate) fn line(&self, failed: usize, took: Duration) -> String {
        let sum =
            |edges: &[Edge]| edges.iter().map(|edge| self.edges.0[*edge as usize]).sum::<u64>();
        format!(
            "{} seeds, {failed} failed: {} virtual days, {} operations in {} calls, {} holds placed, \
             {} ended by their callers, {} by expiry, {} ends at or after the instant refused, {} \
             faults, {} deaths, {} s",
            self.seeds,
            self.virtual_ms / 86_400_000,
            self.operations,
            self.calls,
            sum(&[Edge::Placed, Edge::PlacedOnMany]),
            sum(&[
                Edge::CapturedPart,
                Edge::CapturedAll,
                Edge::CapturedProgress,
                Edge::CapturedZero,
                Edge::Released
            ]),
            sum(&[
                Edge::ExpiredProgress,
                Edge::ExpiredUnreported,
                Edge::ExpiredRelease,
                Edge::ExpiredAll
            ]),
            sum(&[Edge::LostRace]),
            self.fired.0.iter().sum::<u64>(),
            self.points.0.iter().sum::<u64>(),
            took.as_secs()
        )
    }

    /// Why a run proves nothing; empty where it counts.
    pub(crate) fn reasons_invalid(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let enough = self.seeds >= ENOUGH_FOR_ALL;
        for fault in Fault::ALL {
            match (self.enabled.0[*fault as usize], self.fired.0[*fault as usize]) {
                (0, _) if enough => reasons.push(format!("never enabled: {}", fault.text())),
                (1.., 0) => reasons.push(format!("enabled and never struck: {}", fault.text())),
                _ => {}
            }
        }
        let spared = Point::ALL.iter().filter(|it| self.points.0[**it as usize] == 0);
        let unmet = Edge::ALL.iter().filter(|it| self.edges.0[**it as usize] == 0);
        if enough {
            reasons.extend(spared.map(|point| format!("nothing died at: {}", point.text())));
            reasons.extend(unmet.map(|edge| format!("never met: {}", edge.text())));
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_met(seeds: u64) -> Tally {
        let (enabled, fired) = (Each([1; _]), Each([1; _]));
        let (points, edges) = (Each([1; _]), Each([1; _]));
        Tally { seeds, enabled, fired, points, edges, ..Tally::default() }
    }

    #[test]
    fn a_run_that_met_everything_counts() {
        assert_eq!(all_met(2_000).reasons_invalid(), Vec::<String>::new());
    }

    #[test]
    fn a_long_run_must_meet_every_fault_death_and_edge_and_a_short_one_what_it_enabled() {
        for (seeds, reasons) in [(2_000, 3), (1_999, 0)] {
            let mut tally = all_met(seeds);
            (tally.enabled.0[Fault::Crash as usize], tally.fired.0[Fault::Crash as usize]) = (0, 0);
            tally.points.0[Point::Decided as usize] = 0;
            tally.edges.0[Edge::LostRace as usize] = 0;
            assert_eq!(tally.reasons_invalid().len(), reasons, "{tally:?}");
        }
        let mut tally = all_met(1);
        tally.fired.0[Fault::ClockStep as usize] = 0;
        assert_eq!(tally.reasons_invalid(), ["enabled and never struck: T1 clock steps"]);
    }
}
