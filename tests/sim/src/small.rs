//! Every history of a small world: one customer, three charges or a hold beside one, a refresh, and up
//! to so many faults, each at every moment at which it could strike.
//!
//! Nothing is left to chance: a history is the list of the moments at which something goes wrong.
//! One that has met `n` such moments after its last fault has `n` continuations by one fault more.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use core::time::Duration;
use edge_credits_core::cache::CacheConfig;
use edge_credits_core::idempotency::{IdempotencyKey, Operation, Scope};
use edge_credits_core::ids::Unit;
use edge_credits_core::ledger::{
    Adjust, CallDetails, Capture, Command, Consume, OnExpiry, Place, WhenShort,
};

use crate::auditor::Breach;
use crate::calls::credits;
use crate::faults::{Fault, Rates};
use crate::holding::Asked;
use crate::plan::{HOUR, MINUTE, Plan, SECOND, UpstreamKind};
use crate::random::Random;
use crate::trace::Trace;
use crate::world::World;

/// What may go wrong in the small world.
const FAULTS: &[Fault] = &[
    Fault::CallTwice,
    Fault::ReplyLost,
    Fault::RequestLost,
    Fault::AnswerLost,
    Fault::RequestTwice,
    Fault::RequestDelayed,
    Fault::CopyLater,
    Fault::Conflict,
    Fault::Crash,
    Fault::CommitLost,
    Fault::CommitKept,
    Fault::Stall,
    Fault::AlarmLate,
    Fault::AlarmTwice,
    Fault::AlarmLost,
];

/// The moments at which something goes wrong.
#[derive(Debug, Default)]
pub(crate) struct Script {
    chosen: Vec<u64>,
    met: u64,
    states: BTreeSet<u64>,
}

impl Script {
    /// Counts a moment, and says whether it is one of those.
    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let possible = FAULTS.contains(&fault);
        self.met += u64::from(possible);
        possible && self.chosen.contains(&self.met)
    }
}

/// What all histories came to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    faults: u64,
    histories: u64,
    states: BTreeSet<u64>,
    deepest: u64,
    pub(crate) breaches: Vec<(Vec<u64>, Breach)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "small world: {} histories with up to {} faults, {} states, {} moments in the longest, \
             {} breaches",
            self.histories,
            self.faults,
            self.states.len(),
            self.deepest,
            self.breaches.len()
        )?;
        for (chosen, breach) in self.breaches.iter().take(3) {
            write!(f, "\n{chosen:?} breaks {}: {}", breach.law, breach.what)?;
        }
        Ok(())
    }
}

impl World {
    /// Remembers the state that a step has led to.
    pub(crate) fn note_state(&mut self, customer: usize) {
        let Some(script) = &mut self.script else { return };
        let disk = self.objects[customer].disk();
        let mut trace = Trace::new(false);
        let lines = self.upstream.lines(customer).len();
        let (head, units, rows, holds) = (&disk.head, &disk.units, &disk.outbox, &disk.holds);
        trace.note(0, format_args!("{lines} {head:?} {units:?} {rows:?} {holds:?}"));
        script.states.insert(trace.hash);
    }
}

/// What callers ask for.
#[derive(Clone, Copy, Debug)]
enum Story {
    Charges,
    /// A hold that is captured.
    Captured,
    /// A hold that nobody ends.
    Forgotten,
}

/// A story, and who is behind the cache.
type Setting = (Story, UpstreamKind);

/// Runs every history with up to so many faults, of each story, against either upstream.
pub(crate) fn run(faults: u64) -> Found {
    let found = Mutex::new(Found { faults, ..Found::default() });
    let stories = [Story::Charges, Story::Captured, Story::Forgotten];
    let kinds = [UpstreamKind::Plain, UpstreamKind::Ledger];
    for setting in stories.into_iter().flat_map(|story| kinds.map(|kind| (story, kind))) {
        let met = play(setting, &[], &found);
        let next = AtomicU64::new(1);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let first = next.fetch_add(1, Ordering::Relaxed);
                        if first > met || faults == 0 {
                            break;
                        }
                        go_on(setting, &[first], faults - 1, &found);
                    }
                });
            }
        });
    }
    found.into_inner().expect("what was found")
}

/// Plays a history, and every continuation of it.
fn go_on(setting: Setting, chosen: &[u64], faults: u64, found: &Mutex<Found>) {
    let met = play(setting, chosen, found);
    if faults == 0 {
        return;
    }
    let last = chosen.last().copied().unwrap_or(0);
    for next in last + 1..=met {
        let longer: Vec<u64> = chosen.iter().copied().chain([next]).collect();
        go_on(setting, &longer, faults - 1, found);
    }
}

/// Plays one history. Returns how many moments it met.
fn play((story, upstream): Setting, chosen: &[u64], found: &Mutex<Found>) -> u64 {
    let mut world = small_world(upstream);
    world.script = Some(Script { chosen: chosen.to_vec(), ..Script::default() });
    match story {
        Story::Charges => charge(&mut world),
        Story::Captured => hold(&mut world, true),
        Story::Forgotten => hold(&mut world, false),
    }
    world.run_until(world.now + MINUTE, |_| false);
    world.settle_down();
    let Script { met, states, .. } = world.script.take().unwrap_or_default();
    let mut found = found.lock().expect("what was found");
    found.histories += 1;
    found.deepest = found.deepest.max(met);
    found.states.extend(states);
    if let Some(breach) = world.auditor.breach {
        found.breaches.push((chosen.to_vec(), breach));
    }
    met
}

fn charge(world: &mut World) {
    for (number, (pause, amount, when_short)) in CHARGES.into_iter().enumerate() {
        let key = IdempotencyKey::parse(&format!("k{number}")).expect("a key");
        let call = CallDetails { key, description: None, metadata: None };
        let unit = Unit::credits();
        let charge = Consume { call, unit: unit.clone(), amount: credits(amount), when_short };
        world.run_until(world.now + pause, |_| false);
        world.start(0, unit, Some(charge));
    }
}

/// Six of ten are held, two of them used; a gate wants five of what is left; then the hold is captured,
/// or its time is over.
fn hold(world: &mut World, captures: bool) {
    let unit = Unit::credits();
    let call = |key: &str| {
        let key = IdempotencyKey::parse(key).expect("a key");
        CallDetails { key, description: None, metadata: None }
    };
    let (amount, ttl) = (credits(6), Duration::from_secs(30));
    let on_expiry = OnExpiry::CaptureProgress;
    let place = Place { call: call("hold"), unit: unit.clone(), amount, ttl, on_expiry };
    let scope = Scope { owner: &world.objects[0].owner, operation: Operation::Hold };
    let id = scope.transaction_id("hold");
    let used = Some((unit.clone(), credits(3)));
    let capture = Capture { call: call("end"), hold: id.clone(), used };
    let progress = Adjust::Progress { unit: unit.clone(), used: credits(2) };
    let mut steps = vec![Asked::Place(place), Asked::Adjust(id, progress)];
    steps.extend(captures.then_some(Asked::End(Command::Capture(capture))));
    for asked in steps {
        world.run_until(world.now + 2 * SECOND, |_| false);
        world.start_hold(0, unit.clone(), asked);
    }
    world.run_until(world.now + 2 * SECOND, |_| false);
    let (call, when_short) = (call("gate"), WhenShort::Reject);
    let gate = Consume { call, unit: unit.clone(), amount: credits(5), when_short };
    world.start(0, unit, Some(gate));
}

/// How long after the one before, how much, and whether it is a gate. The last wants more than is
/// left, of a snapshot that has grown old: the balance is read for it.
const CHARGES: [(u64, i64, WhenShort); 3] = [
    (SECOND, 6, WhenShort::Reject),
    (2 * SECOND, 3, WhenShort::Allow),
    (40 * SECOND, 2, WhenShort::Reject),
];

fn small_world(upstream: UpstreamKind) -> World {
    let window = 24 * HOUR;
    let plan = Plan {
        rates: Rates::default(),
        config: CacheConfig {
            sync_interval: Duration::from_secs(5),
            max_staleness: Duration::from_secs(15),
            dedupe_window: Duration::from_millis(window),
            lease: Duration::from_secs(15),
            ..CacheConfig::default()
        },
        customers: 1,
        units: 1,
        upstream,
        timeout: 10 * SECOND,
        window,
        clock_range: 0,
        span: HOUR,
        calls: 1,
        balance: 10,
        largest: 1,
        marks_replays: false,
        refuses: false,
        holds: 0,
    };
    World::with(plan, Random::new(1), Trace::new(false), None)
}
