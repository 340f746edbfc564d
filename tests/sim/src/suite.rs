//! The simulator as a layer of tests: kept seeds, the same seed twice, the canary, the first seeds,
//! the small world, and the known mistakes. It is the same on every run; new seeds are looked for
//! with `--seeds N --from S`. Results are printed as TAP, figures as its comments.

use crate::ledger;
use crate::mistakes::{self, Sought, Wanted};
use crate::mutants::Mistake;
use crate::runner::{Simulated, run_seed, run_world};
use crate::small;
use crate::world::World;

/// Seeds that once failed, a line each: the seed and why it is kept.
const KEPT: &str = include_str!("../../seeds/sim.txt");
const KEPT_LEDGER: &str = include_str!("../../seeds/sim-ledger.txt");

/// A seed that fails with the first known mistake: if it does not, nothing can be believed.
const CANARY: u64 = 1;
const LEDGER_CANARY: u64 = 2;

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

    /// Seeds of a world that once failed.
    fn keeps<W: Simulated>(&mut self, list: &str) {
        for (seed, why) in kept_seeds(list) {
            let well = run_seed::<W>(seed, false, None).tell();
            self.test(&format!("kept seed {seed} of the {}: {why}", W::NAME), well);
        }
    }

    fn keep_every_promise<W: Simulated>(&mut self, seeds: u64) {
        let (valid, line) = run_world::<W>(1, seeds);
        let name = "keep every promise, every fault and death struck";
        self.test(&format!("{seeds} seeds of the {} {name}", W::NAME), valid);
        println!("# figure: {line}");
    }
}

/// All of it. Returns whether all is well.
pub(crate) fn run(seeds: u64, most: u64) -> bool {
    let mut suite = Suite { passed: 0, failed: 0 };
    suite.keeps::<World>(KEPT);
    suite.keeps::<ledger::World>(KEPT_LEDGER);
    suite.test("the same seed is the same history, another is another", repeats());
    let canary = run_seed::<World>(CANARY, false, Some(Mistake::ALL[0].1));
    suite.test("the canary dies", canary.breach.is_some());
    let first = ledger::Mistake::ALL[0].1;
    let canary = run_seed::<ledger::World>(LEDGER_CANARY, false, Some(first));
    suite.test("the ledger's canary dies", canary.breach.is_some());
    suite.keep_every_promise::<World>(seeds);
    suite.keep_every_promise::<ledger::World>(seeds);
    let small = small::run(SMALL_FAULTS);
    suite.test("every history of a small world keeps every promise", small.breaches.is_empty());
    println!("# figure: {small}");
    for one in search(most) {
        suite.test(&format!("found: {}", one.name), one.kill.is_some());
        println!("# figure: {}", one.line(most));
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
    let cache = |seed| run_seed::<World>(seed, false, None).hash;
    let ledger = |seed| run_seed::<ledger::World>(seed, false, None).hash;
    let same = (1..=20).all(|seed| cache(seed) == cache(seed) && ledger(seed) == ledger(seed));
    same && cache(1) != cache(2) && ledger(1) != ledger(2)
}

/// Looks for every known mistake. Returns whether each was found.
pub(crate) fn mutants(most: u64) -> bool {
    let sought = search(most);
    for one in &sought {
        println!("{}", one.line(most));
    }
    sought.iter().all(|one| one.kill.is_some())
}

/// The mistakes of a world, to be looked for.
fn wanted<W: Simulated>(all: &[(&'static str, W::Mistake)]) -> Vec<Wanted>
where
    W::Mistake: Send + Sync + 'static,
{
    let wanted = |(name, mistake): &(&'static str, W::Mistake)| {
        let mistake = *mistake;
        let breaks =
            move |seed| run_seed::<W>(seed, false, Some(mistake)).breach.map(|breach| breach.law);
        Wanted { name, breaks: Box::new(breaks) }
    };
    all.iter().map(wanted).collect()
}

fn search(most: u64) -> Vec<Sought> {
    let mut all = wanted::<World>(Mistake::ALL);
    all.extend(wanted::<ledger::World>(ledger::Mistake::ALL));
    mistakes::search(&all, most)
}
