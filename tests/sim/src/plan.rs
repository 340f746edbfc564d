//! What a seed decides before its history begins: the configuration and which faults there are.

use core::time::Duration;

use edge_credits_core::cache::{CacheConfig, HoldsAt};

use crate::faults::{Fault, Kind, Rates};
use crate::random::Random;
use crate::runner::share_of_faults;

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// How long a request may be under way at most, its copies included. The cache believes a refusal
/// when none can be any more, after ten minutes.
pub(crate) const FLIGHT: u64 = 9 * MINUTE;

/// Which API is behind the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamKind {
    /// Keys, a window, no positions: its reads show everything applied before them.
    Plain,
    /// Our own ledger: positions, batches, keys for good; its reads may lag.
    Ledger,
}

/// A seed's decisions.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rates: Rates,
    pub(crate) config: CacheConfig,
    pub(crate) customers: usize,
    pub(crate) units: usize,
    pub(crate) upstream: UpstreamKind,
    /// One attempt.
    pub(crate) timeout: u64,
    /// How long the upstream remembers a key.
    pub(crate) window: u64,
    /// How far a clock may be off, either way.
    pub(crate) clock_range: i64,
    /// How long faults strike.
    pub(crate) span: u64,
    /// Calls of each customer meanwhile, about.
    pub(crate) calls: u64,
    /// What each customer has at first, in credits.
    pub(crate) balance: u64,
    /// The largest charge, in credits.
    pub(crate) largest: u64,
    /// How many of a thousand calls want a hold.
    pub(crate) holds: u64,
    /// Whether the upstream marks a replay, and refuses usage that it has no credits for.
    pub(crate) marks_replays: bool,
    pub(crate) refuses: bool,
}

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let upstream = random.pick(&[UpstreamKind::Plain, UpstreamKind::Ledger]);
        let timeout = random.range(2, 15) * SECOND;
        let window = random.pick(&[2, 4, 24]) * HOUR;
        let sync = random.pick(&[1, 5, 30, 300]) * SECOND;
        let config = CacheConfig {
            sync_interval: Duration::from_millis(sync),
            max_staleness: Duration::from_millis(sync * random.range(1, 5)),
            graceful_degradation: random.hit(700),
            dedupe_window: Duration::from_millis(window),
            lease: Duration::from_millis(timeout + 5 * SECOND),
            authority: 1,
            holds: HoldsAt::Cache,
        };
        // The cache keeps a tenth of the window, at least an hour, for clocks that disagree and for
        // requests under way.
        let margin = (window / 10).max(HOUR);
        let clock_range = ((margin - FLIGHT) / 2).min(HOUR) as i64;
        let mut plan = Self {
            rates: Rates::default(),
            config,
            customers: random.range(1, 3) as usize,
            units: random.range(1, 2) as usize,
            upstream,
            timeout,
            window,
            clock_range,
            span: random.span(2 * MINUTE, 60 * HOUR),
            calls: random.range(20, 80),
            balance: random.span(20, 5_000),
            largest: random.span(2, 60),
            marks_replays: random.hit(500),
            refuses: random.hit(400),
            holds: random.pick(&[0, 150, 500]),
        };
        plan.choose_faults(random);
        plan
    }

    /// A random subset, each at a random rate.
    fn choose_faults(&mut self, random: &mut Random) {
        let share = share_of_faults(random);
        for fault in Fault::ALL {
            let chosen = random.hit(share);
            let rate = random.span(5, most(*fault));
            if chosen && self.may_have(*fault) {
                self.rates[*fault] = rate;
            }
        }
    }

    fn may_have(&self, fault: Fault) -> bool {
        match fault {
            // A read without a position cannot say that it is old.
            Fault::Lag => self.upstream == UpstreamKind::Ledger,
            Fault::Forgotten => self.upstream == UpstreamKind::Plain,
            Fault::Shortage => self.refuses,
            _ => true,
        }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.rates[fault] > 0
    }
}

/// The highest rate of a fault, in a thousand.
const fn most(fault: Fault) -> u64 {
    match fault {
        Fault::Storm | Fault::RequestLost | Fault::AnswerLost | Fault::RequestTwice => 300,
        Fault::CallLost | Fault::ReplyLost | Fault::AlarmLate | Fault::AlarmTwice => 300,
        Fault::AlarmEarly | Fault::HalfDone | Fault::CopyLater | Fault::Lag => 300,
        Fault::Crash | Fault::CommitLost | Fault::CommitKept => 60,
        Fault::Eviction | Fault::SameKey | Fault::Parallel => 200,
        Fault::Garbage | Fault::Conflict | Fault::Stall | Fault::RequestDelayed => 250,
        Fault::AlarmLost | Fault::Skew => 30,
        // These are events of their own; any rate above none lets them happen.
        _ => 100,
    }
}
