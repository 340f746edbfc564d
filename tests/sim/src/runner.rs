//! Which seeds are run, on how many threads, and whether all is well.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use edge_credits_core::cache::mutants::switch_on;

use crate::auditor::Breach;
use crate::mutants::Mistake;
use crate::report;
use crate::small;
use crate::suite;
use crate::tally::Tally;
use crate::trace::Trace;
use crate::world::World;

/// Seeds of a run that names no number.
const USUAL: u64 = 2_000;

/// What came of a seed.
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) hash: u64,
    pub(crate) tally: Tally,
    pub(crate) breach: Option<Breach>,
}

/// Runs one seed.
pub(crate) fn run_seed(seed: u64, print: bool, mistake: Option<Mistake>) -> Outcome {
    switch_on(mistake.and_then(Mistake::core));
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed, Trace::new(print), mistake);
        if print {
            println!("{:#?}", world.plan);
        }
        world.run();
        world.tally.seeds = 1;
        (world.trace.hash, world.tally, world.auditor.breach)
    }));
    switch_on(None);
    match result {
        Ok((hash, tally, breach)) => Outcome { seed, hash, tally, breach },
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|w| (*w).to_owned()));
            let what = words.unwrap_or_else(|| "without words".to_owned());
            let breach = Some(Breach { law: "L (panic)", what });
            Outcome { seed, hash: 0, tally: Tally::default(), breach }
        }
    }
}

/// Runs seeds on every processor. Returns what they met and those that failed.
pub(crate) fn run_many(from: u64, seeds: u64) -> (Tally, Vec<Outcome>) {
    let next = AtomicU64::new(from);
    let all = Mutex::new((Tally::default(), Vec::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut mine = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from.saturating_add(seeds) {
                break;
            }
            let outcome = run_seed(seed, false, None);
            mine.add(&outcome.tally);
            if outcome.breach.is_some() {
                all.lock().expect("the results").1.push(outcome);
            }
        }
        all.lock().expect("the results").0.add(&mine);
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let (tally, mut failed) = all.into_inner().expect("the results");
    failed.sort_by_key(|outcome| outcome.seed);
    (tally, failed)
}

/// Reads the command line and does what it says. Returns whether all is well.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    let (mut seeds, mut from, mut seed, mut trace) = (USUAL, 1, None, false);
    let (mut mutants, mut tests, mut small) = (None, None, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || -> Result<u64, String> {
            let text = rest.next().ok_or(format!("{argument} needs a number"))?;
            text.parse().map_err(|_| format!("{text} is no number"))
        };
        match argument.as_str() {
            "--seeds" => seeds = number()?,
            "--from" => from = number()?,
            "--seed" => seed = Some(number()?),
            "--trace" => trace = true,
            "--mutants" => mutants = Some(number()?),
            "--small" => small = Some(number()?),
            "--tests" => tests = Some((number()?, number()?)),
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    if let Some(seed) = seed {
        let outcome = run_seed(seed, trace, None);
        println!("seed {seed}: trace {:016x}, {} events", outcome.hash, outcome.tally.events);
        return Ok(report::breach(&outcome));
    }
    panic::set_hook(Box::new(|_| {}));
    if let Some(most) = mutants {
        return Ok(suite::mutants(most));
    }
    if let Some(faults) = small {
        let found = small::run(faults);
        println!("{found}");
        return Ok(found.breaches.is_empty());
    }
    if let Some((seeds, most)) = tests {
        return Ok(suite::run(seeds, most));
    }
    let started = Instant::now();
    let (tally, failed) = run_many(from, seeds);
    Ok(report::all(&tally, &failed, started.elapsed()))
}
