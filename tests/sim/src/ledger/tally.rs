//! What a run met in the world of the ledger besides faults and deaths: the edges of holds.

use super::faults::{Edge, Fault, Point};
use crate::tally::{self, Each, Own};

/// Counts of one seed of the ledger's world, or of all.
pub(crate) type Tally = tally::Tally<Fault, Point, Met>;

/// How often each edge was met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met(pub(crate) Each<Edge>);

impl Met {
    fn sum(&self, edges: &[Edge]) -> u64 {
        edges.iter().map(|edge| self.0[*edge]).sum()
    }
}

impl Own for Met {
    fn add(&mut self, other: &Self) {
        self.0.add(&other.0);
    }

    fn print(&self) {
        self.0.print("holds");
    }

    fn line(&self) -> String {
        let by_caller = [
            Edge::CapturedPart,
            Edge::CapturedAll,
            Edge::CapturedProgress,
            Edge::CapturedZero,
            Edge::Released,
        ];
        let by_expiry = [
            Edge::ExpiredProgress,
            Edge::ExpiredUnreported,
            Edge::ExpiredRelease,
            Edge::ExpiredAll,
        ];
        format!(
            "{} holds placed, {} ended by their callers, {} by expiry, {} ends at or after the instant \
             refused",
            self.sum(&[Edge::Placed, Edge::PlacedOnMany]),
            self.sum(&by_caller),
            self.sum(&by_expiry),
            self.sum(&[Edge::LostRace])
        )
    }

    fn unmet(&self) -> Vec<String> {
        self.0.unmet().map(|edge| format!("never met: {edge}")).collect()
    }
}
