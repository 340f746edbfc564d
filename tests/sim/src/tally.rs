//! What a run met, counted, and whether that is enough to count. Each world counts some things besides
//! ([`Own`]).

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Index, IndexMut};
use core::time::Duration;

use crate::faults::Kind;

/// Seeds from which on a run meets every kind of fault and every death, or proves nothing.
const ENOUGH_FOR_ALL: u64 = 2_000;

/// A count for each of a kind.
pub(crate) struct Each<K>(Vec<u64>, PhantomData<K>);

impl<K: Kind> Each<K> {
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }

    /// A line for each, with its count.
    pub(crate) fn print(&self, title: &str) {
        println!("\n{title:<48} {:>19}", "times");
        for kind in K::ALL {
            println!("{:<48} {:>19}", kind.text(), self[*kind]);
        }
    }

    /// Those that were not met.
    pub(crate) fn unmet(&self) -> impl Iterator<Item = &'static str> {
        K::ALL.iter().filter(|kind| self[**kind] == 0).map(|kind| kind.text())
    }

    #[cfg(test)]
    pub(crate) fn of(count: u64) -> Self {
        Self(vec![count; K::ALL.len()], PhantomData)
    }
}

impl<K: Kind> Default for Each<K> {
    fn default() -> Self {
        Self(vec![0; K::ALL.len()], PhantomData)
    }
}

impl<K> Clone for Each<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<K> fmt::Debug for Each<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K: Kind> Index<K> for Each<K> {
    type Output = u64;

    fn index(&self, kind: K) -> &u64 {
        &self.0[kind.place()]
    }
}

impl<K: Kind> IndexMut<K> for Each<K> {
    fn index_mut(&mut self, kind: K) -> &mut u64 {
        &mut self.0[kind.place()]
    }
}

/// What one world counts besides.
pub(crate) trait Own: Default + Send {
    fn add(&mut self, other: &Self);

    /// In tables.
    fn print(&self);

    /// In a few words.
    fn line(&self) -> String;

    /// What must have been met for a long run to count, and was not.
    fn unmet(&self) -> Vec<String>;
}

/// Counts of one seed, or of all.
#[derive(Debug)]
pub(crate) struct Tally<F, P, O> {
    pub(crate) seeds: u64,
    pub(crate) virtual_ms: u64,
    pub(crate) events: u64,
    pub(crate) operations: u64,
    pub(crate) calls: u64,
    pub(crate) enabled: Each<F>,
    pub(crate) fired: Each<F>,
    pub(crate) points: Each<P>,
    pub(crate) own: O,
}

impl<F: Kind, P: Kind, O: Own> Default for Tally<F, P, O> {
    fn default() -> Self {
        Self {
            seeds: 0,
            virtual_ms: 0,
            events: 0,
            operations: 0,
            calls: 0,
            enabled: Each::default(),
            fired: Each::default(),
            points: Each::default(),
            own: O::default(),
        }
    }
}

/// What a run needs of its counts.
pub(crate) trait Counts: Default + Send {
    fn add(&mut self, other: &Self);

    /// One more seed.
    fn events(&self) -> u64;

    /// All of it.
    fn print(&self);

    /// A run in a line.
    fn line(&self, failed: usize, took: Duration) -> String;

    /// Why a run proves nothing; empty where it counts.
    fn reasons_invalid(&self) -> Vec<String>;
}

impl<F: Kind + Send, P: Kind + Send, O: Own> Counts for Tally<F, P, O> {
    fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.virtual_ms += other.virtual_ms;
        self.events += other.events;
        self.operations += other.operations;
        self.calls += other.calls;
        self.enabled.add(&other.enabled);
        self.fired.add(&other.fired);
        self.points.add(&other.points);
        self.own.add(&other.own);
    }

    fn events(&self) -> u64 {
        self.events
    }

    fn print(&self) {
        println!("\n{:<48} {:>8} {:>10}", "fault", "seeds", "struck");
        for fault in F::ALL {
            let (on, struck) = (self.enabled[*fault], self.fired[*fault]);
            println!("{:<48} {on:>8} {struck:>10}", fault.text());
        }
        self.points.print("died at");
        self.own.print();
    }

    fn line(&self, failed: usize, took: Duration) -> String {
        format!(
            "{} seeds, {failed} failed: {} virtual days, {} operations in {} calls, {} events, {} \
             faults, {} deaths, {}, {} s",
            self.seeds,
            self.virtual_ms / 86_400_000,
            self.operations,
            self.calls,
            self.events,
            self.fired.sum(),
            self.points.sum(),
            self.own.line(),
            took.as_secs()
        )
    }

    fn reasons_invalid(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let enough = self.seeds >= ENOUGH_FOR_ALL;
        for fault in F::ALL {
            match (self.enabled[*fault], self.fired[*fault]) {
                (0, _) if enough => reasons.push(format!("never enabled: {}", fault.text())),
                (1.., 0) => reasons.push(format!("enabled and never struck: {}", fault.text())),
                _ => {}
            }
        }
        if enough {
            reasons.extend(self.points.unmet().map(|point| format!("nothing died at: {point}")));
            reasons.extend(self.own.unmet());
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Each};
    use crate::ledger::faults::{Edge, Fault, Point};
    use crate::ledger::tally::{Met, Tally};

    fn all_met(seeds: u64) -> Tally {
        let (enabled, fired, points) = (Each::of(1), Each::of(1), Each::of(1));
        Tally { seeds, enabled, fired, points, own: Met(Each::of(1)), ..Tally::default() }
    }

    #[test]
    fn a_run_that_met_everything_counts() {
        assert_eq!(all_met(2_000).reasons_invalid(), Vec::<String>::new());
    }

    #[test]
    fn a_long_run_without_a_fault_a_death_or_an_edge_proves_nothing_and_a_short_one_may_be() {
        for (seeds, reasons) in [(2_000, 3), (1_999, 0)] {
            let mut tally = all_met(seeds);
            (tally.enabled[Fault::Crash], tally.fired[Fault::Crash]) = (0, 0);
            tally.points[Point::Decided] = 0;
            tally.own.0[Edge::LostRace] = 0;
            assert_eq!(tally.reasons_invalid().len(), reasons, "{tally:?}");
        }
    }

    #[test]
    fn an_enabled_fault_must_strike_in_any_run() {
        let mut tally = all_met(1);
        tally.fired[Fault::ClockStep] = 0;
        assert_eq!(tally.reasons_invalid(), ["enabled and never struck: T1 clock steps"]);
    }
}
