//! What a seed decides before its history begins: who there is, how much, and which faults.

use super::faults::{Fault, Rates};
use crate::faults::Kind;
use crate::object::BASE;
use crate::plan::{HOUR, MINUTE, SECOND};
use crate::random::Random;
use crate::runner::share_of_faults;

/// How far a clock may be off, either way.
const CLOCK_RANGE: u64 = HOUR;

/// When a month ends, a year, the February of a leap year, and a week.
const ENDS: [i64; 4] = [1_790_812_800_000, 1_798_761_600_000, 1_835_481_600_000, 1_790_553_600_000];

/// A seed's decisions.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) rates: Rates,
    pub(super) customers: usize,
    pub(super) units: usize,
    /// How far plain usage goes below zero, in minor units.
    pub(super) overdraft_limit: Option<i64>,
    /// One attempt, and how many there are.
    pub(super) timeout: u64,
    pub(super) attempts: u32,
    /// How long faults strike.
    pub(super) span: u64,
    /// Calls of each customer meanwhile, about, besides those about holds that were placed.
    pub(super) calls: u64,
    /// The largest grant, and the largest charge or hold, in minor units.
    pub(super) grant: u64,
    pub(super) charge: u64,
    /// The longest usual life of a hold.
    pub(super) longest: u64,
    pub(super) clock_range: u64,
    /// How many of a thousand calls are streams, signals, and put a customer on a plan.
    pub(super) streams: u64,
    pub(super) signals: u64,
    pub(super) plans: u64,
    /// Whether customers are taken away.
    pub(super) closes: bool,
    /// When it begins, in milliseconds after the usual beginning.
    pub(super) begins: i64,
}

impl Plan {
    pub(super) fn new(random: &mut Random) -> Self {
        let grant = random.span(50, 100_000_000);
        let limit = random.span(1, grant) as i64;
        let mut plan = Self {
            rates: Rates::default(),
            customers: random.range(1, 2) as usize,
            units: random.range(1, 2) as usize,
            overdraft_limit: random.pick(&[None, None, Some(0), Some(limit)]),
            timeout: random.range(2, 15) * SECOND,
            attempts: random.range(1, 5) as u32,
            span: random.span(5 * MINUTE, 40 * HOUR),
            calls: random.range(15, 60),
            grant,
            charge: (grant * random.range(1, 12) / 10).max(2),
            longest: random.span(5 * SECOND, 6 * HOUR),
            clock_range: CLOCK_RANGE,
            streams: random.pick(&[0, 100, 400]),
            signals: random.pick(&[0, 0, 150, 400]),
            plans: random.pick(&[0, 0, 60, 200]),
            closes: random.hit(150),
            begins: 0,
        };
        if plan.signals > 0 {
            // The wallet, and what credit signals are taken from.
            plan.units = 3;
        }
        if plan.plans > 0 {
            let before = random.range(0, plan.span) as i64;
            plan.begins = random.pick(&ENDS) - BASE - HOUR as i64 - before;
        }
        let share = share_of_faults(random);
        for fault in Fault::ALL {
            let (chosen, rate) = (random.hit(share), random.span(5, most(*fault)));
            plan.rates[*fault] = if chosen { rate } else { 0 };
        }
        plan
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.rates[fault] > 0
    }
}

/// The highest rate of a fault, in a thousand.
const fn most(fault: Fault) -> u64 {
    match fault {
        Fault::Crash | Fault::CommitLost | Fault::CommitKept | Fault::ReadFails => 60,
        Fault::AlarmLost => 200,
        Fault::AtTheInstant | Fault::Parallel => 500,
        Fault::SameKey | Fault::OtherContent | Fault::TooLate => 200,
        _ => 300,
    }
}
