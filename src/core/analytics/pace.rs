//! When a ledger works off its own entries: reports them to the directory, folds them into days.
//!
//! A charge pays for this at most the setting of an alarm, and only the first one since the last
//! report: the alarm stands for all that come after it, and what has not been told yet is simply the
//! entries above a position. So an alarm that is late, early or repeated changes nothing but the moment,
//! and one that is lost is set again by the next call. When it is due follows from what is stored, so
//! that a ledger that is dropped from memory and loaded again, however often, puts nothing off.

use core::time::Duration;

use crate::entropy::Jitter;
use crate::time::Timestamp;

/// Entries that may stand unfolded before the alarm is set for them: so many are read with every
/// question about this customer, in a few milliseconds, and a customer who seldom charges never folds.
pub const FOLD_AT: u64 = 500;

/// How late an alarm may be before it counts as lost: the platform fails over within a minute.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// The first pause after the directory did not answer; it doubles from then on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Failures, of more than an hour in all, after which pauses grow on: such a directory will not be
/// back in a moment, or refuses what it is told.
const LONG_AWAY: u32 = 20;
const LONGEST_PAUSE_LONG_AWAY: Duration = Duration::from_secs(3_600);

/// More than an attempt takes, of which most is waiting for a directory that hangs.
const ATTEMPT: Duration = Duration::from_secs(15);

/// How a deployment wants ledgers to report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaceConfig {
    /// Whether there is a directory to report to.
    pub directory: bool,
    /// How long a charge waits for others to be reported with.
    pub delay: Duration,
}

/// How far a ledger's entries have been worked off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// The last entry that the directory has applied.
    pub reported: u64,
    /// The last entry that is folded into the ledger's own days.
    pub folded: u64,
    /// Reports in a row that were not answered.
    pub failures: u32,
    /// After one that was not: when the next is sent.
    pub retry_at: Option<Timestamp>,
    /// What the alarm is set for on this account. Memory knows it, storage does not need to.
    pub armed: Option<Timestamp>,
}

impl Pace {
    /// Whether entries up to `last` are to be reported.
    #[must_use]
    pub const fn reports(&self, last: u64, config: &PaceConfig) -> bool {
        config.directory && last > self.reported
    }

    /// Whether entries up to `last` are to be folded.
    #[must_use]
    pub const fn folds(&self, last: u64) -> bool {
        last.saturating_sub(self.folded) > FOLD_AT
    }

    /// What the alarm is to be set for, now that the ledger ends at `last`. `None`: as it is.
    #[must_use]
    pub fn arm(&self, last: u64, now: Timestamp, config: &PaceConfig) -> Option<Timestamp> {
        let stands = self.armed.is_some_and(|due| due.plus(LOST_AFTER) > now);
        let wanted = self.reports(last, config) || self.folds(last);
        (wanted && !stands).then(|| now.plus(config.delay))
    }

    /// The entry since which there is something to work off, of a ledger that ends at `last`. `None`:
    /// nothing is.
    #[must_use]
    pub const fn waits_since(&self, last: u64, config: &PaceConfig) -> Option<u64> {
        if self.reports(last, config) {
            Some(self.reported + 1)
        } else if self.folds(last) {
            Some(self.folded + FOLD_AT + 1)
        } else {
            None
        }
    }

    /// What the alarm of a ledger that comes to memory stands for, where `since` is the time of the
    /// entry of [`Pace::waits_since`], and whether that has come. Then the alarm may be lost, or wait
    /// for an attempt that has ended with the process, and is to be set anew.
    #[must_use]
    pub fn standing(
        &self,
        since: Timestamp,
        now: Timestamp,
        config: &PaceConfig,
    ) -> (Timestamp, bool) {
        let due = self.retry_at.unwrap_or_else(|| since.plus(config.delay));
        (due.max(now), due <= now)
    }

    /// When to try again after an attempt that has come to nothing.
    #[must_use]
    pub fn next_try(&self, now: Timestamp, jitter: &mut Jitter) -> Timestamp {
        let longest =
            if self.failures < LONG_AWAY { LONGEST_PAUSE } else { LONGEST_PAUSE_LONG_AWAY };
        now.plus(pause(self.failures, longest, jitter))
    }

    /// What the alarm is set for before anything is sent: when to try again, should this attempt end
    /// with the process.
    #[must_use]
    pub fn fallback(&self, now: Timestamp, jitter: &mut Jitter) -> Timestamp {
        self.next_try(now.plus(ATTEMPT), jitter)
    }

    /// The directory's answer: how far it has applied this ledger's entries, which end at `last`.
    ///
    /// It is the directory that knows: less than was reported means that it has been restored to an
    /// earlier day, more that an answer was lost. More than there is means that the ledger has been
    /// restored: then the answer is true, and what the ledger enters up to there is counted no more.
    #[must_use]
    pub fn answered(&mut self, applied: u64, last: u64) -> bool {
        self.reported = applied.min(last);
        self.failures = 0;
        self.retry_at = None;
        applied > last
    }

    /// No answer came: the next attempt is at `retry_at`.
    pub const fn not_answered(&mut self, retry_at: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(retry_at);
    }
}

/// The alarms in a row whose work failed on the ledger's own side, and until when it is left alone.
///
/// Memory knows it, storage need not: it may be what fails. Reports wait with it for the next alarm, so
/// pauses stay at their shorter bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setback {
    faults: u32,
    until: Option<Timestamp>,
}

impl Setback {
    /// The next one, at `now`, and when to try again.
    #[must_use]
    pub fn another(self, now: Timestamp, jitter: &mut Jitter) -> (Self, Timestamp) {
        let until = now.plus(pause(self.faults, LONGEST_PAUSE, jitter));
        (Self { faults: self.faults.saturating_add(1), until: Some(until) }, until)
    }

    /// Until when the alarm waits, if that is still to come.
    #[must_use]
    pub fn waits_until(self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }
}

/// A pause after so many failures: half of it drawn.
fn pause(failures: u32, longest: Duration, jitter: &mut Jitter) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.min(12)).min(longest);
    let half = u64::try_from(doubled.as_millis() / 2).unwrap_or(u64::MAX);
    Duration::from_millis(half + jitter.up_to(half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    const NOW: Timestamp = Timestamp::from_millis(1_795_305_600_000);
    const DELAY: Duration = Duration::from_secs(10);

    fn config(directory: bool) -> PaceConfig {
        PaceConfig { directory, delay: DELAY }
    }

    #[test]
    fn the_alarm_is_set_once_for_many() {
        let mut pace = Pace::default();
        assert_eq!(pace.arm(0, NOW, &config(true)), None, "nothing to tell");
        pace.armed = pace.arm(1, NOW, &config(true));
        assert_eq!(pace.armed, Some(NOW.plus(DELAY)));
        for last in 2..1_000 {
            assert_eq!(pace.arm(last, NOW.plus(DELAY), &config(true)), None);
        }
        let late = NOW.plus(DELAY + LOST_AFTER);
        assert_eq!(pace.arm(9, late, &config(true)), Some(late.plus(DELAY)), "it was lost");
    }

    #[test]
    fn without_a_directory_only_many_entries_matter() {
        let pace = Pace::default();
        assert_eq!(pace.arm(FOLD_AT, NOW, &config(false)), None);
        assert!(pace.arm(FOLD_AT + 1, NOW, &config(false)).is_some());
        let folded = Pace { folded: 1, ..pace };
        assert_eq!(folded.arm(FOLD_AT + 1, NOW, &config(false)), None);
    }

    #[test]
    fn what_stands_follows_from_what_is_stored() {
        let (on, later) = (config(true), NOW.plus(DELAY + LOST_AFTER));
        let mut pace = Pace { reported: 4, folded: 2, ..Pace::default() };
        assert_eq!(pace.waits_since(4, &on), None);
        assert_eq!(pace.waits_since(9, &on), Some(5));
        assert_eq!(pace.waits_since(2 + FOLD_AT + 1, &config(false)), Some(3 + FOLD_AT));
        assert_eq!(pace.standing(NOW, NOW, &on), (NOW.plus(DELAY), false));
        assert_eq!(pace.standing(NOW, later, &on), (later, true));
        pace.not_answered(later.plus(DELAY));
        assert_eq!(pace.standing(NOW, later, &on), (later.plus(DELAY), false), "the pause holds");
        assert!(!pace.answered(4, 9));
        assert_eq!(pace.standing(NOW, later, &on), (later, true));
    }

    #[test]
    fn pauses_grow_to_their_bound() {
        let mut jitter = Entropy::new([5; 16]).jitter();
        let mut pace = Pace::default();
        for failures in 0..40 {
            pace.failures = failures;
            let pause = pace.next_try(NOW, &mut jitter).since(NOW);
            let bound = Duration::from_secs(if failures < 20 { 300 } else { 3_600 });
            let full = FIRST_PAUSE.saturating_mul(1 << failures.min(20)).min(bound);
            assert!(pause >= full / 2 && pause <= full, "{failures}: {pause:?}");
            assert!(pace.fallback(NOW, &mut jitter).since(NOW) >= ATTEMPT + full / 2);
        }
        let (mut setback, mut until) = (Setback::default(), NOW);
        for faults in 0..40 {
            (setback, until) = setback.another(NOW, &mut jitter);
            let full = FIRST_PAUSE.saturating_mul(1 << faults.min(20)).min(LONGEST_PAUSE);
            assert!(until.since(NOW) >= full / 2 && until.since(NOW) <= full, "{faults}");
        }
        assert_eq!((setback.waits_until(NOW), setback.waits_until(until)), (Some(until), None));
    }

    #[test]
    fn the_directory_says_how_far_it_is() {
        let mut pace = Pace { reported: 5, failures: 3, ..Pace::default() };
        for (applied, reported, ahead) in
            [(8, 8, false), (2, 2, false), (10, 10, false), (99, 10, true)]
        {
            assert_eq!(pace.answered(applied, 10), ahead);
            assert_eq!((pace.reported, pace.failures), (reported, 0));
        }
    }
}
