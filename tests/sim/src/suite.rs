//! The simulator as a layer of tests: kept seeds, the same seed twice, the canary, the first seeds,
//! the small world, and the known mistakes. It is the same on every run; new seeds are looked for
//! with `--seeds N --from S`. Results are printed as TAP, figures as its comments.

use std::thread;
use std::time::Instant;

use crate::mutants::Mistake;
use crate::report;
use crate::runner::{Outcome, run_many, run_seed};
use crate::small;

/// Seeds that once failed, a line each: the seed and why it is kept.
const KEPT: &str = include_str!("../../seeds/sim.txt");

/// A seed that fails with the first known mistake: if it does not, nothing can be believed.
const CANARY: u64 = 1;

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
    let kept = KEPT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in kept {
        let (seed, why) = line.split_once(' ').unwrap_or((line, ""));
        let seed = seed.parse().expect("a kept seed is a number");
        let outcome = run_seed(seed, false, None);
        suite.test(&format!("kept seed {seed}: {}", why.trim()), report::breach(&outcome));
    }
    let traces = |seed| (run_seed(seed, false, None).hash, run_seed(seed, false, None).hash);
    let same = (1..=20).map(traces).all(|(one, other)| one == other);
    let differ = run_seed(1, false, None).hash != run_seed(2, false, None).hash;
    suite.test("the same seed is the same history, another is another", same && differ);
    let canary = run_seed(CANARY, false, Some(Mistake::ALL[0].1));
    suite.test("the canary dies", canary.breach.is_some());

    let started = Instant::now();
    let (tally, failed) = run_many(1, seeds);
    let valid = report::all(&tally, &failed, started.elapsed());
    suite.test(&format!("{seeds} seeds keep every promise, every fault and death struck"), valid);
    println!("# figure: {}", report::line(&tally, failed.len(), started.elapsed()));
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
    first: Outcome,
}

fn kill_line(name: &str, kill: Option<&Kill>, most: u64) -> String {
    match kill {
        Some(Kill { seeds, first }) => {
            let breach = first.breach.as_ref().map_or("?", |breach| breach.law);
            let median = seeds.get(seeds.len() / 2).copied().unwrap_or_default();
            format!(
                "mutant {name:<36} {median:>5} seeds to kill (median of {seeds:?}), by {breach}"
            )
        }
        None => format!("mutant {name:<36} LIVES after {most} seeds"),
    }
}

fn search(most: u64) -> Vec<(&'static str, Option<Kill>)> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = Mistake::ALL.len().div_ceil(threads);
    thread::scope(|scope| {
        let parts: Vec<_> = Mistake::ALL
            .chunks(share)
            .map(|part| {
                scope.spawn(move || {
                    part.iter().map(|(name, m)| (*name, kill(*m, most))).collect::<Vec<_>>()
                })
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("a search ends")).collect()
    })
}

/// Runs seeds with a mistake until one fails, from each base; `None` if it ever survives them all.
fn kill(mistake: Mistake, most: u64) -> Option<Kill> {
    let mut seeds = Vec::new();
    let mut first = None;
    for base in BASES {
        let mut outcomes = (0..most).map(|index| run_seed(base + index, false, Some(mistake)));
        let found = outcomes.find(|outcome| outcome.breach.is_some())?;
        seeds.push(found.seed - base + 1);
        first.get_or_insert(found);
    }
    seeds.sort_unstable();
    Some(Kill { seeds, first: first? })
}
