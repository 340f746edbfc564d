//! Charges that were accepted while the API was away: when each of them is sent again.
//!
//! Decides who may find out whether the API is back, how fast the others follow, and when a charge is
//! sent for the last time. It does not decide what is accepted ([`crate::client::degraded`]), nor what
//! an answer means.
//!
//! **What an outage is asked to bear (C5).** While the API is away one of those who wait may try per
//! step of one backoff that all of them share: at most nine times in the first 25 s, and once in 5 s
//! after that, however many wait. Each is sent once more in the last seconds of its own time, whatever
//! the others found. An answer to a change frees the rest, fifty a second.
//!
//! [`Turns`] is what all who wait for one API share; [`Patience`] is one charge's own.

use core::time::Duration;

use crate::client::retry::{self, BACKOFF_BASE, BACKOFF_CAP};
use crate::entropy::Jitter;
use crate::time::Timestamp;

/// Between two charges that an answer has freed: all that one isolate holds within 20 s, well below
/// what a ledger takes.
const FREED_GAP: Duration = Duration::from_millis(20);
/// Who waits looks this often whether somebody else was answered.
const LOOK: Duration = Duration::from_secs(1);
/// The last attempt has at least this long for its answer,
const LAST_AT_LEAST: Duration = Duration::from_secs(2);
/// and up to so much more: what was accepted together is not sent together.
const LAST_SPREAD_MS: u64 = 3_000;
/// So shortly before its last attempt a charge makes no other.
const BEFORE_LAST: Duration = Duration::from_secs(1);
/// No turn lies further ahead, unless the clock has been set back.
const FARTHEST: Duration = Duration::from_secs(20);

/// Whose turn it is, among the charges that wait for one API.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    /// Whether a change was answered since an attempt failed last.
    open: bool,
    /// When the next one may be sent.
    next: Timestamp,
    /// Attempts since the API went away.
    probes: u32,
    /// Changes answered so far, to be compared only: the count starts again some day.
    answers: u32,
}

impl Turns {
    pub(crate) const fn new() -> Self {
        Self { open: true, next: Timestamp::EPOCH, probes: 0, answers: 0 }
    }

    /// A change was answered: the API is there for changes, too.
    pub(crate) fn opened(&mut self, now: Timestamp) {
        self.answers = self.answers.wrapping_add(1);
        if !self.open {
            *self = Self { open: true, next: now, probes: 0, ..*self };
        }
    }

    /// An attempt failed; `answers` is what was counted when it was sent.
    fn failed(&mut self, now: Timestamp, answers: u32, jitter: &mut Jitter) {
        if self.open && answers == self.answers {
            *self = Self { open: false, probes: 0, ..*self };
            self.step(now, jitter);
        }
    }

    /// When one that waits may be sent: now, if that is not in the future. `slot` is the turn that it
    /// was given when it asked last.
    fn turn(
        &mut self,
        now: Timestamp,
        slot: &mut Option<Timestamp>,
        jitter: &mut Jitter,
    ) -> Timestamp {
        if self.next.since(now) > FARTHEST {
            self.next = now;
        }
        if self.open {
            return *slot.get_or_insert_with(|| {
                let turn = self.next.max(now);
                self.next = turn.plus(FREED_GAP);
                turn
            });
        }
        *slot = None;
        if self.next <= now {
            self.step(now, jitter);
            return now;
        }
        self.next.min(now.plus(LOOK))
    }

    /// The next attempt comes a step later, half of which is drawn.
    fn step(&mut self, now: Timestamp, jitter: &mut Jitter) {
        let doubled =
            BACKOFF_BASE.saturating_mul(1_u32.checked_shl(self.probes).unwrap_or(u32::MAX));
        let half = doubled.min(BACKOFF_CAP) / 2;
        self.next = now.plus(half).plus(drawn(millis(half), jitter));
        self.probes = self.probes.saturating_add(1);
    }
}

/// One charge that waits for the API.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    deadline: Timestamp,
    /// When it is sent for the last time.
    last: Timestamp,
    /// Its own pause after a failure is over then.
    ready: Timestamp,
    failures: u32,
    slot: Option<Timestamp>,
    /// The count of [`Turns`] when it was sent.
    answers: u32,
    /// Whether there is no attempt after this one.
    is_last: bool,
}

/// What a charge that waits does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is sent; the attempt ends then at the latest.
    Send(Timestamp),
    /// It waits until then.
    Sleep(Timestamp),
    /// Its time is over.
    GiveUp,
}

impl Patience {
    /// For a charge whose attempts have just failed.
    pub(crate) fn new(
        now: Timestamp,
        deadline: Timestamp,
        turns: &mut Turns,
        jitter: &mut Jitter,
    ) -> Self {
        turns.failed(now, turns.answers, jitter);
        let reserve = LAST_AT_LEAST + drawn(LAST_SPREAD_MS, jitter);
        let last = now.plus(deadline.since(now).saturating_sub(reserve));
        let answers = turns.answers;
        Self { deadline, last, ready: now, failures: 0, slot: None, answers, is_last: false }
    }

    /// It has failed, and the API may have asked for a pause.
    pub(crate) fn failed(
        &mut self,
        now: Timestamp,
        hint: Option<Duration>,
        turns: &mut Turns,
        jitter: &mut Jitter,
    ) -> Next {
        turns.failed(now, self.answers, jitter);
        self.pause(now, hint, jitter)
    }

    /// Its own pause, and what the API has asked for.
    pub(crate) fn pause(
        &mut self,
        now: Timestamp,
        hint: Option<Duration>,
        jitter: &mut Jitter,
    ) -> Next {
        if self.is_last {
            return Next::GiveUp;
        }
        let asked = now.plus(hint.unwrap_or_default());
        self.ready = now.plus(retry::backoff(self.failures, jitter)).max(asked);
        self.failures = self.failures.saturating_add(1);
        // An attempt may have hung until the moment of the last one, which then follows it.
        self.last = self.last.max(asked).max(now.plus(BACKOFF_BASE));
        let until = self.ready.min(self.last);
        if until >= self.deadline { Next::GiveUp } else { Next::Sleep(until) }
    }

    /// Its sleep is over. Without `turns` it goes by its own pause alone.
    pub(crate) fn woke(
        &mut self,
        now: Timestamp,
        turns: Option<&mut Turns>,
        jitter: &mut Jitter,
    ) -> Next {
        if now >= self.last {
            self.is_last = true;
            return Next::Send(self.deadline);
        }
        if self.last.since(now) < BEFORE_LAST {
            return Next::Sleep(self.last);
        }
        if now < self.ready {
            return Next::Sleep(self.ready.min(self.last));
        }
        if let Some(turns) = turns {
            let turn = turns.turn(now, &mut self.slot, jitter);
            if turn > now {
                return Next::Sleep(turn.min(self.last));
            }
            self.slot = None;
            self.answers = turns.answers;
        }
        Next::Send(self.last)
    }
}

fn drawn(max: u64, jitter: &mut Jitter) -> Duration {
    Duration::from_millis(jitter.up_to(max))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
