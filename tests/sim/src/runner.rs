//! Which seeds are run, on how many threads, and whether all is well.

use core::fmt::Debug;
use core::time::Duration;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::auditor::Breach;
use crate::ledger;
use crate::random::Random;
use crate::small;
use crate::suite;
use crate::tally::Counts;
use crate::trace::Trace;
use crate::world;

/// Seeds of a run that names no number.
const USUAL: u64 = 2_000;

/// Failing seeds that are listed.
const LISTED: usize = 20;

/// Whether every seed has all faults that its world can have: other histories than else.
static HEAVY: AtomicBool = AtomicBool::new(false);

/// How many faults of a thousand a seed has.
pub(crate) fn share_of_faults(random: &mut Random) -> u64 {
    let share = random.pick(&[150, 350, 600]);
    if HEAVY.load(Ordering::Relaxed) { 1_000 } else { share }
}

/// A world in which a seed has a history.
pub(crate) trait Simulated: Sized {
    /// What reports call it.
    const NAME: &'static str;

    /// What may be wrong in it, to be found.
    type Mistake: Copy;

    type Tally: Counts;

    /// Switches a mistake of the core on in this thread, or all off.
    fn switch_on(mistake: Option<Self::Mistake>);

    fn begin(seed: u64, trace: Trace, mistake: Option<Self::Mistake>) -> Self;

    /// What the seed has decided.
    fn plan(&self) -> &dyn Debug;

    /// Runs it to its end. The first breach ends it.
    fn run(&mut self);

    fn end(self) -> (Trace, Self::Tally, Option<Breach>);
}

/// What came of a seed.
pub(crate) struct Outcome<T> {
    pub(crate) seed: u64,
    pub(crate) hash: u64,
    pub(crate) tally: T,
    pub(crate) breach: Option<Breach>,
}

/// Runs one seed; a panic is a breach.
pub(crate) fn run_seed<W: Simulated>(
    seed: u64,
    print: bool,
    mistake: Option<W::Mistake>,
) -> Outcome<W::Tally> {
    W::switch_on(mistake);
    let history = || {
        let mut world = W::begin(seed, Trace::new(print), mistake);
        if print {
            println!("{:#?}", world.plan());
        }
        world.run();
        world.end()
    };
    let outcome = match panic::catch_unwind(AssertUnwindSafe(history)) {
        Ok((trace, tally, breach)) => Outcome { seed, hash: trace.hash, tally, breach },
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|w| (*w).to_owned()));
            let what = words.unwrap_or_else(|| "without words".to_owned());
            let breach = Some(Breach { law: "L (panic)", what });
            Outcome { seed, hash: 0, tally: W::Tally::default(), breach }
        }
    };
    W::switch_on(None);
    outcome
}

impl<T> Outcome<T> {
    /// Says what came of it. Returns whether all is well.
    pub(crate) fn tell(&self) -> bool {
        match &self.breach {
            Some(breach) => println!("seed {} breaks {}: {}", self.seed, breach.law, breach.what),
            None => println!("seed {} keeps every promise", self.seed),
        }
        self.breach.is_none()
    }
}

/// What came of many seeds of a world.
pub(crate) struct Run<T> {
    tally: T,
    /// Those that failed.
    failed: Vec<Outcome<T>>,
    took: Duration,
}

/// Runs seeds of a world on every processor.
fn run_many<W: Simulated>((from, seeds): (u64, u64)) -> Run<W::Tally> {
    let started = Instant::now();
    let next = AtomicU64::new(from);
    let all = Mutex::new((W::Tally::default(), Vec::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut mine = W::Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from.saturating_add(seeds) {
                break;
            }
            let outcome = run_seed::<W>(seed, false, None);
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
    Run { tally, failed, took: started.elapsed() }
}

impl<T: Counts> Run<T> {
    /// Says what came of it. Returns whether all is well, and that in a line.
    fn tell(&self, name: &str) -> (bool, String) {
        let line = format!("{name}: {}", self.tally.line(self.failed.len(), self.took));
        println!("\nthe {line}");
        self.tally.print();
        let invalid = self.tally.reasons_invalid();
        for reason in &invalid {
            println!("invalid: {reason}");
        }
        for outcome in self.failed.iter().take(LISTED) {
            outcome.tell();
        }
        println!("{} seeds of the {name} fail", self.failed.len());
        (self.failed.is_empty() && invalid.is_empty(), line)
    }
}

/// Runs seeds of a world, says what came of them, and whether all is well.
pub(crate) fn run_world<W: Simulated>(from: u64, seeds: u64) -> (bool, String) {
    run_many::<W>((from, seeds)).tell(W::NAME)
}

/// The same of both worlds, or of the one of a name.
fn worlds(name: Option<&str>, from: u64, seeds: u64) -> Result<bool, String> {
    let wanted = |world| name.is_none_or(|name| name == world);
    let (cache, ledger) = (wanted(world::World::NAME), wanted(ledger::World::NAME));
    if !cache && !ledger {
        return Err(format!("there is no world {}", name.unwrap_or_default()));
    }
    let cache = !cache || run_world::<world::World>(from, seeds).0;
    Ok((!ledger || run_world::<ledger::World>(from, seeds).0) && cache)
}

/// Runs one seed in a world, and says what came of it.
fn show<W: Simulated>(seed: u64, trace: bool) -> bool {
    println!("the {}:", W::NAME);
    let outcome = run_seed::<W>(seed, trace, None);
    println!("seed {seed}: trace {:016x}, {} events", outcome.hash, outcome.tally.events());
    outcome.tell()
}

/// Reads the command line and does what it says. Returns whether all is well.
pub(crate) fn run(arguments: &[String]) -> Result<bool, String> {
    let (mut seeds, mut from, mut seed, mut trace) = (USUAL, 1, None, false);
    let (mut mutants, mut tests, mut small, mut world) = (None, None, None, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--world" {
            world = rest.next().map(String::as_str);
            continue;
        }
        let mut number = || -> Result<u64, String> {
            let text = rest.next().ok_or(format!("{argument} needs a number"))?;
            text.parse().map_err(|_| format!("{text} is no number"))
        };
        match argument.as_str() {
            "--seeds" => seeds = number()?,
            "--from" => from = number()?,
            "--seed" => seed = Some(number()?),
            "--trace" => trace = true,
            "--heavy" => HEAVY.store(true, Ordering::Relaxed),
            "--mutants" => mutants = Some(number()?),
            "--small" => small = Some(number()?),
            "--tests" => tests = Some((number()?, number()?)),
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    if let Some(seed) = seed {
        let cache = show::<world::World>(seed, trace);
        return Ok(show::<ledger::World>(seed, trace) && cache);
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
    worlds(world, from, seeds)
}
