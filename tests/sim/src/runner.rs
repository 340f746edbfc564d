//! Which seeds are run, on how many threads, and whether all is well.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use edge_credits_core::cache::mutants::switch_on;

use crate::auditor::Breach;
use crate::ledger;
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
pub(crate) struct Outcome<T = Tally> {
    pub(crate) seed: u64,
    pub(crate) hash: u64,
    pub(crate) tally: T,
    pub(crate) breach: Option<Breach>,
}

/// Runs one seed in the world of the cache.
pub(crate) fn run_seed(seed: u64, print: bool, mistake: Option<Mistake>) -> Outcome {
    switch_on(mistake.and_then(Mistake::core));
    let outcome = guarded(seed, || {
        let mut world = World::new(seed, Trace::new(print), mistake);
        if print {
            println!("{:#?}", world.plan);
        }
        world.run();
        world.tally.seeds = 1;
        (world.trace.hash, world.tally, world.auditor.breach)
    });
    switch_on(None);
    outcome
}

/// Runs a history; a panic is a breach.
pub(crate) fn guarded<T: Default>(
    seed: u64,
    history: impl FnOnce() -> (u64, T, Option<Breach>),
) -> Outcome<T> {
    match panic::catch_unwind(AssertUnwindSafe(history)) {
        Ok((hash, tally, breach)) => Outcome { seed, hash, tally, breach },
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|w| (*w).to_owned()));
            let what = words.unwrap_or_else(|| "without words".to_owned());
            let breach = Some(Breach { law: "L (panic)", what });
            Outcome { seed, hash: 0, tally: T::default(), breach }
        }
    }
}

/// Runs seeds of a world on every processor. Returns what they met and those that failed.
pub(crate) fn run_many<T: Default + Send>(
    (from, seeds): (u64, u64),
    run: impl Fn(u64) -> Outcome<T> + Sync,
    add: impl Fn(&mut T, &T) + Sync,
) -> (T, Vec<Outcome<T>>) {
    let next = AtomicU64::new(from);
    let all = Mutex::new((T::default(), Vec::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut mine = T::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from.saturating_add(seeds) {
                break;
            }
            let outcome = run(seed);
            add(&mut mine, &outcome.tally);
            if outcome.breach.is_some() {
                all.lock().expect("the results").1.push(outcome);
            }
        }
        add(&mut all.lock().expect("the results").0, &mine);
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

/// Runs seeds of both worlds, says what came of them, and whether all is well in each.
pub(crate) fn both(from: u64, seeds: u64) -> [(bool, String); 2] {
    let started = Instant::now();
    let cache = |seed| run_seed(seed, false, None);
    let (tally, failed) = run_many((from, seeds), cache, Tally::add);
    let took = started.elapsed();
    let valid = report::all(&tally, &failed, took);
    let line = report::line(&tally, failed.len(), took);
    let started = Instant::now();
    let ledger = |seed| ledger::run_seed(seed, false, None);
    let (tally, failed) = run_many((from, seeds), ledger, ledger::Tally::add);
    let took = started.elapsed();
    tally.print(took);
    let also_valid = report::verdict(&failed, &tally.reasons_invalid(), seeds);
    let ledger = format!("ledger: {}", tally.line(failed.len(), took));
    [(valid, format!("cache: {line}")), (also_valid, ledger)]
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
        println!("the cache:");
        let outcome = run_seed(seed, trace, None);
        println!("seed {seed}: trace {:016x}, {} events", outcome.hash, outcome.tally.events);
        let well = report::breach(&outcome);
        println!("the ledger:");
        let outcome = ledger::run_seed(seed, trace, None);
        println!("seed {seed}: trace {:016x}, {} events", outcome.hash, outcome.tally.events());
        return Ok(report::breach(&outcome) && well);
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
    Ok(both(from, seeds).iter().all(|(well, _)| *well))
}
