//! What a run met in the world of the cache besides faults and deaths.

use std::collections::BTreeMap;

use crate::decimal;
use crate::faults::{Fault, Point};
use crate::tally::{self, Own};

/// Counts of one seed of the cache's world, or of all.
pub(crate) type Tally = tally::Tally<Fault, Point, Met>;

/// How often something of a name was met.
pub(crate) type Names = BTreeMap<&'static str, u64>;

/// What is counted of the cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met {
    pub(crate) conversations: u64,
    /// Edges that charges took.
    pub(crate) edges: Names,
    /// What calls were answered.
    pub(crate) answers: Names,
    /// Where charges stand at the end.
    pub(crate) states: Names,
    /// Gates accepted, and what the worst went over by, with its bound.
    pub(crate) gates: u64,
    pub(crate) gates_over: u64,
    pub(crate) worst: i128,
    pub(crate) worst_bound: i128,
    pub(crate) longest_drain: u64,
}

/// One more of a name.
pub(crate) fn count(names: &mut Names, name: &'static str) {
    *names.entry(name).or_default() += 1;
}

fn print(title: &str, names: &Names) {
    println!("\n{title:<48} {:>19}", "times");
    for (name, count) in names {
        println!("{name:<48} {count:>19}");
    }
}

impl Own for Met {
    fn add(&mut self, other: &Self) {
        self.conversations += other.conversations;
        self.gates += other.gates;
        self.gates_over += other.gates_over;
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

    fn print(&self) {
        print("edges", &self.edges);
        print("answers", &self.answers);
        print("charges at the end", &self.states);
        println!("\n{} gates over for what somebody else took", self.gates_over);
    }

    fn line(&self) -> String {
        format!(
            "{} conversations, {} gates, worst overdraft {} of {}, longest drain {} s",
            self.conversations,
            self.gates,
            decimal::text(self.worst),
            decimal::text(self.worst_bound),
            self.longest_drain / 1_000
        )
    }

    fn unmet(&self) -> Vec<String> {
        Vec::new()
    }
}
