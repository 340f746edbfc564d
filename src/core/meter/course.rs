//! A call while it runs, and its end: what the ledger is told when, and what each hold is charged.
//!
//! The ledger is told before it matters: a report leaves with every half step, so that with one on its
//! way the ledger is not a whole step behind. What is told of a hold is all that its expiry has to go by.

use crate::credits::Credits;
use crate::meter::numbers::{MAX_HOLDS, Meter, at, credits};

/// A step is this part of what is held, where the caller names none: some twenty reports for a call
/// that uses all of its first hold, and ten for each time that it doubles.
const STEPS: i64 = 10;
/// And no smaller part than this, whatever is named. Workers may make a thousand requests for one.
const MAX_STEPS: i64 = 100;

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
    /// told at once: of a hold of which nothing was ever told, its expiry takes nothing.
    pub fn due(&mut self) -> Option<Due> {
        let (used, held) = (self.used().minor_units(), self.held_before(MAX_HOLDS));
        let told = self.get(at::TOLD);
        let target = used.min(held);
        let least = if told == 0 { 1 } else { (self.step(held) / 2).max(1) };
        if target > told && (target - told >= least || target == held) {
            self.set(at::TOLD, target);
            let start_of_last = self.held_before(self.count().saturating_sub(1));
            return Some(Due::Progress(credits(target - start_of_last)));
        }
        let wants_more = used > held && held > 0 && self.get(at::EXHAUSTED) == 0;
        wants_more.then(|| Due::Hold(credits(held)))
    }

    /// How far behind the ledger may be, with so much held: what the caller named, and not so little that
    /// reports would leave a host's budget of requests nothing for the end.
    fn step(&self, held: i64) -> i64 {
        let named = self.get(at::STEP);
        if named > 0 { named.max(held / MAX_STEPS) } else { held / STEPS }
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

    /// Hold number `index` had ended by its own rule, which took so much of it.
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
