//! What a run met, counted.

use std::collections::BTreeMap;

use crate::faults::{Fault, Point};

/// A count for each of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Each<const N: usize>(pub(crate) [u64; N]);

impl<const N: usize> Default for Each<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// Counts of one seed, or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) seeds: u64,
    pub(crate) virtual_ms: u64,
    pub(crate) events: u64,
    pub(crate) operations: u64,
    pub(crate) calls: u64,
    pub(crate) conversations: u64,
    pub(crate) enabled: Each<{ Fault::ALL.len() }>,
    pub(crate) fired: Each<{ Fault::ALL.len() }>,
    pub(crate) points: Each<{ Point::ALL.len() }>,
    /// Edges that charges took.
    pub(crate) edges: BTreeMap<&'static str, u64>,
    /// What calls were answered.
    pub(crate) answers: BTreeMap<&'static str, u64>,
    /// Where charges stand at the end.
    pub(crate) states: BTreeMap<&'static str, u64>,
    /// Gates accepted, and what the worst went over by, with its bound.
    pub(crate) gates: u64,
    pub(crate) gates_over: u64,
    pub(crate) worst: i128,
    pub(crate) worst_bound: i128,
    pub(crate) longest_drain: u64,
}

impl Tally {
    pub(crate) fn count(map: &mut BTreeMap<&'static str, u64>, name: &'static str) {
        *map.entry(name).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.virtual_ms += other.virtual_ms;
        self.events += other.events;
        self.operations += other.operations;
        self.calls += other.calls;
        self.conversations += other.conversations;
        self.gates += other.gates;
        self.gates_over += other.gates_over;
        let each = |sum: &mut [u64], more: &[u64]| {
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        };
        each(&mut self.enabled.0, &other.enabled.0);
        each(&mut self.fired.0, &other.fired.0);
        each(&mut self.points.0, &other.points.0);
        for (sum, more) in [
            (&mut self.edges, &other.edges),
            (&mut self.answers, &other.answers),
            (&mut self.states, &other.states),
        ] {
            more.iter().for_each(|(name, count)| *sum.entry(name).or_default() += count);
        }
        if other.worst > self.worst {
            (self.worst, self.worst_bound) = (other.worst, other.worst_bound);
        }
        self.longest_drain = self.longest_drain.max(other.longest_drain);
    }
}
