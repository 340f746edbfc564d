//! The simulator as a layer of tests: kept seeds, the same seed twice, the canary, the first seeds,
//! the small world, and the known mistakes. It is the same on every run; new seeds are looked for
//! with `--seeds N --from S`. Results are printed as TAP, figures as its comments.

use std::thread;

use crate::ledger;
use crate::mutants::Mistake;
use crate::report;
use crate::runner::{both, run_seed};
use crate::small;

/// Seeds that once failed, a line each: the seed and why it is kept.
const KEPT: &str = include_str!("../../seeds/sim.txt");
const KEPT_LEDGER: &str = include_str!("../../seeds/sim-ledger.txt");

/// A seed that fails with the first known mistake: if it does not, nothing can be believed.
const CANARY: u64 = 1;
const LEDGER_CANARY: u64 = 2;

/// Where the search for a mistake begins, more than once: how many seeds it takes is chance.
const BASES: [u64; 3] = [1, 1_000_001, 2_000_001];

/// Faults that every history of the small world may have, in an ordinary run.
const SMALL_FAULTS: u64 = 2;

struct Suite {
    passed: u64,
    failed: u64,
}

impl Suite {
    fn test(&mut self, name: &str, holds: bool) {
        let word = if holds { "ok" } else { "not ok" };
        *(if holds { &mut self.passed } else { &mut self.failed }) += 1;
        println!("{word} {} - {name}", self.passed + self.failed);
    }
}

/// All of it. Returns whether all is well.
pub(crate) fn run(seeds: u64, most: u64) -> bool {
    let mut suite = Suite { passed: 0, failed: 0 };
    for (seed, why) in kept_seeds(KEPT) {
        let well = report::breach(&run_seed(seed, false, None));
        suite.test(&format!("kept seed {seed}: {why}"), well);
    }
    for (seed, why) in kept_seeds(KEPT_LEDGER) {
        let well = report::breach(&ledger::run_seed(seed, false, None));
        suite.test(&format!("kept seed {seed} of the ledger: {why}"), well);
    }
    suite.test("the same seed is the same history, another is another", repeats());
    let canary = run_seed(CANARY, false, Some(Mistake::ALL[0].1));
    suite.test("the canary dies", canary.breach.is_some());
    let canary = ledger::run_seed(LEDGER_CANARY, false, Some(ledger::Mistake::ALL[0].1));
    suite.test("the ledger's canary dies", canary.breach.is_some());
    let name = "keep every promise, every fault and death struck";
    for (valid, line) in both(1, seeds) {
        let world = line.split(':').next().unwrap_or_default();
        suite.test(&format!("{seeds} seeds of the {world} {name}"), valid);
        println!("# figure: {line}");
    }
    let small = small::run(SMALL_FAULTS);
    suite.test("every history of a small world keeps every promise", small.breaches.is_empty());
    println!("# figure: {small}");
    for (name, kill) in search(most) {
        suite.test(&format!("found: {name}"), kill.is_some());
        println!("# figure: {}", kill_line(name, kill.as_ref(), most));
    }
    println!("# pass {}\n# fail {}", suite.passed, suite.failed);
    suite.failed == 0
}

/// The seeds of a list, and why each is kept.
fn kept_seeds(list: &str) -> impl Iterator<Item = (u64, &str)> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (seed, why) = line.split_once(' ').unwrap_or((line, ""));
        (seed.parse().expect("a kept seed is a number"), why.trim())
    })
}

fn repeats() -> bool {
    let cache = |seed| run_seed(seed, false, None).hash;
    let ledger = |seed| ledger::run_seed(seed, false, None).hash;
    let same = (1..=20).all(|seed| cache(seed) == cache(seed) && ledger(seed) == ledger(seed));
    same && cache(1) != cache(2) && ledger(1) != ledger(2)
}

/// Looks for every known mistake. Returns whether each was found.
pub(crate) fn mutants(most: u64) -> bool {
    let kills = search(most);
    for (name, kill) in &kills {
        println!("{}", kill_line(name, kill.as_ref(), most));
    }
    kills.iter().all(|(_, kill)| kill.is_some())
}

/// How a mistake was found.
struct Kill {
    /// Seeds that it took from each base.
    seeds: Vec<u64>,
    /// By which law at first.
    law: &'static str,
}

fn kill_line(name: &str, kill: Option<&Kill>, most: u64) -> String {
    match kill {
        Some(Kill { seeds, law }) => {
            let median = seeds.get(seeds.len() / 2).copied().unwrap_or_default();
            format!("mutant {name:<40} {median:>5} seeds to kill (median of {seeds:?}), by {law}")
        }
        None => format!("mutant {name:<40} LIVES after {most} seeds"),
    }
}

/// A mistake, in its own world.
#[derive(Clone, Copy)]
enum Any {
    Cache(Mistake),
    Ledger(ledger::Mistake),
}

fn search(most: u64) -> Vec<(&'static str, Option<Kill>)> {
    let cache = Mistake::ALL.iter().map(|(name, mistake)| (*name, Any::Cache(*mistake)));
    let ledger = ledger::Mistake::ALL.iter();
    let ledger = ledger.map(|(name, mistake)| (*name, Any::Ledger(*mistake)));
    let all: Vec<(&str, Any)> = cache.chain(ledger).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = all.len().div_ceil(threads);
    thread::scope(|scope| {
        let parts: Vec<_> = all
            .chunks(share)
            .map(|part| {
                scope.spawn(move || {
                    part.iter().map(|(name, any)| (*name, any.kill(most))).collect::<Vec<_>>()
                })
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("a search ends")).collect()
    })
}

impl Any {
    /// By which law a seed fails with this mistake.
    fn breaks(self, seed: u64) -> Option<&'static str> {
        let breach = match self {
            Self::Cache(mistake) => run_seed(seed, false, Some(mistake)).breach,
            Self::Ledger(mistake) => ledger::run_seed(seed, false, Some(mistake)).breach,
        };
        breach.map(|breach| breach.law)
    }

    /// Runs seeds with it until one fails, from each base; `None` if it ever survives them all.
    fn kill(self, most: u64) -> Option<Kill> {
        let (mut seeds, mut first) = (Vec::new(), None);
        for base in BASES {
            let mut tries = (0..most).map(|index| (index + 1, self.breaks(base + index)));
            let (taken, law) = tries.find_map(|(taken, law)| Some((taken, law?)))?;
            seeds.push(taken);
            first.get_or_insert(law);
        }
        seeds.sort_unstable();
        Some(Kill { seeds, law: first? })
    }
}
