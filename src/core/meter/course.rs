//! A call while it runs, and its end: what the ledger is told when, and what each hold is charged.
//!
//! The ledger is told before it matters: a report leaves with every half step, so that there is time for
//! another half while it is on its way. A part that would be more than a step ahead of what the ledger has
//! acknowledged waits. What is told of a hold is all that its expiry has to go by.

use crate::credits::{Credits, MAX_MINOR_UNITS};
use crate::meter::counting::{BYTES_PER_TOKEN, MAX_TOKENS, TOKENS_PER_RATE};
use crate::meter::numbers::{MAX_HOLDS, Meter, at, credits};

/// A step is this part of what is held, where the caller names none: some twenty reports for a call
/// that uses all of its first hold.
const STEPS: i64 = 10;
/// And this part for a call that has outgrown it, which reports four times while it doubles. One that comes
/// to sixteen times what was held first has made less than the fifty requests of the smallest hosts.
const STEPS_WHEN_OUTGROWN: i64 = 4;
/// And no smaller part than this, whatever is named. Workers may make a thousand requests for one.
const MAX_STEPS: i64 = 100;
/// So many times of one call all is told in a pause. A stream that drips has one behind every drop.
const MAX_PAUSES: i64 = 8;

/// What is to be done while a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Report so much of the last hold as used.
    Progress(Credits),
    /// Hold this besides, and say with [`Meter::held_more`] whether it was granted.
    Hold(Credits),
}

/// How a call is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Take so much of the hold.
    Capture(Credits),
    /// Take nothing of it.
    Release,
    /// Charge what no hold covers.
    Consume(Credits),
}

impl Meter {
    /// What is to be done now, if anything; whoever asks does it, one thing at a time. The first use is
    /// told at once: of a hold of which nothing was ever told, its expiry takes nothing. In a pause, where
    /// nothing has come for a while and nothing may ever come, all is told that there is.
    pub fn due(&mut self, is_pause: bool) -> Option<Due> {
        let (used, held) = (self.used().minor_units(), self.held_before(MAX_HOLDS));
        // What was not acknowledged by now was lost.
        let is_pause = is_pause && self.get(at::PAUSES) < MAX_PAUSES;
        let told = self.get(if is_pause { at::ACKNOWLEDGED } else { at::TOLD });
        let target = used.min(held);
        if told == 0 {
            self.set(at::PASSED, used);
        }
        let half = (self.step() / 2).max(1);
        let least = if told == 0 || is_pause { 1 } else { half };
        if target > told && (target - told >= least || target == held) {
            self.set(at::PAUSES, self.get(at::PAUSES) + i64::from(is_pause));
            self.set(at::TOLD, target);
            let start_of_last = self.held_before(self.count().saturating_sub(1));
            return Some(Due::Progress(credits(target - start_of_last)));
        }
        if used <= held || held == 0 {
            return None;
        }
        if self.get(at::ACKNOWLEDGED) < held {
            return self.tell_again(used, held);
        }
        (self.get(at::EXHAUSTED) == 0).then(|| Due::Hold(credits(held)))
    }

    /// All of the last hold is used, and the ledger may not know: that report was lost. Nothing more is told
    /// of a hold behind which another stands, so before that it is told again: at the next half step, and
    /// then whenever an eighth more is used.
    fn tell_again(&mut self, used: i64, held: i64) -> Option<Due> {
        let (told, half) = (self.get(at::TOLD), (self.step() / 2).max(1));
        let least = if told > held { half.max(used / 8) } else { half };
        if used - told < least {
            return None;
        }
        self.set(at::TOLD, used);
        let start_of_last = self.held_before(self.count().saturating_sub(1));
        Some(Due::Progress(credits(held - start_of_last)))
    }

    /// The ledger has answered the last [`Due::Progress`].
    pub fn acknowledged(&mut self) {
        let told = self.get(at::TOLD).min(self.held_before(MAX_HOLDS));
        self.set(at::TOLD, told);
        self.set(at::ACKNOWLEDGED, told);
    }

    /// Whether the part that was counted last may be passed on: if what has been used with it is no more
    /// than a step ahead of what the ledger has acknowledged; or all before it is acknowledged, where the
    /// part itself is more than a step. `is_late` passes it whatever is known: it has waited enough.
    pub fn pass(&mut self, is_late: bool) -> bool {
        let is_first = self.get(at::PASSED) <= self.get(at::ACKNOWLEDGED);
        let may = is_late || is_first || self.to_spare() >= 0;
        if may {
            self.set(at::PASSED, self.used().minor_units());
        }
        may
    }

    /// So many bytes are a step, if all of them are text that the model has written. What has more of them
    /// is better passed on in parts: a part alone may be more than a step.
    #[must_use]
    pub fn bytes_of_a_step(&self) -> i64 {
        let dearest = self.rate(3).max(self.rate(4)).minor_units.max(1);
        let tokens = self.step().saturating_mul(TOKENS_PER_RATE) / dearest;
        tokens.min(MAX_TOKENS) * BYTES_PER_TOKEN
    }

    /// How much more may be used until the ledger is a step behind.
    fn to_spare(&self) -> i64 {
        let (held, acknowledged) = (self.held_before(MAX_HOLDS), self.get(at::ACKNOWLEDGED));
        // Beyond its holds, where there are no more, the ledger cannot be told of a call.
        let is_beyond = self.get(at::EXHAUSTED) > 0 && acknowledged >= held;
        let behind = self.used().minor_units() - acknowledged;
        if is_beyond { MAX_MINOR_UNITS } else { self.step().max(1) - behind }
    }

    /// How far behind the ledger may be, with what is held: what the caller named, and not so little that
    /// reports would leave a host's budget of requests nothing for the end.
    fn step(&self) -> i64 {
        let held = self.held_before(MAX_HOLDS);
        let steps = if self.count() > 1 { STEPS_WHEN_OUTGROWN } else { STEPS };
        match self.get(at::STEP) {
            0 => held / steps,
            named => named.max(held / MAX_STEPS),
        }
    }

    /// What came of the last [`Due::Hold`].
    pub fn held_more(&mut self, is_granted: bool) {
        if is_granted {
            self.add_hold(credits(self.held_before(MAX_HOLDS)));
        } else {
            self.set(at::EXHAUSTED, 1);
        }
    }

    /// So much is held besides.
    pub fn add_hold(&mut self, amount: Credits) {
        let count = self.count();
        if count < MAX_HOLDS {
            self.set(at::HOLDS + count, amount.minor_units());
        }
        if count + 1 >= MAX_HOLDS {
            self.set(at::EXHAUSTED, 1);
        }
    }

    /// How hold number `index` ends; behind the last one, what is charged besides. `None` is nothing.
    #[must_use]
    pub fn settle(&self, index: usize) -> Option<Settlement> {
        let used = self.used().minor_units();
        let hold = self.hold(index);
        if hold > 0 {
            let part = (used - self.held_before(index)).clamp(0, hold);
            let capture = Settlement::Capture(credits(part));
            return Some(if part > 0 { capture } else { Settlement::Release });
        }
        let rest = (used - self.held_before(MAX_HOLDS)).max(0).saturating_add(self.get(at::LOST));
        (rest > 0).then(|| Settlement::Consume(credits(rest)))
    }

    /// Hold number `index` had ended by its own rule, which took so much of it. What that is less than its
    /// part is charged in the end. What it is more stays taken: the ledger takes no report back, also of
    /// an estimate that was too high.
    pub fn ended(&mut self, index: usize, captured: i64) {
        if let Some(Settlement::Capture(part)) = self.settle(index) {
            let left = part.minor_units().saturating_sub(captured.max(0)).max(0);
            let lost = self.get(at::LOST).saturating_add(left);
            self.set(at::LOST, credits(lost).minor_units());
        }
    }

    /// What the holds before number `index` hold together.
    fn held_before(&self, index: usize) -> i64 {
        (0..index).fold(0, |sum: i64, index| sum.saturating_add(self.hold(index)))
    }

    fn count(&self) -> usize {
        (0..MAX_HOLDS).take_while(|index| self.hold(*index) > 0).count()
    }
}
